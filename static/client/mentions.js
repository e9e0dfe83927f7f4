/**
 * The mentions inbox: messages that name one, from the hub's REST API, newest first, each checked like any other.
 */

import { RemoteError } from "../accord/errors.js";
import { effectOf, Fold, postOf } from "./fold.js";
import { readFact } from "./verify.js";

const PAGE_MESSAGES = 30;
const MAX_EDITS_AT_ONCE = 4;

/** Reads the list. */
export class Mentions {
  #parts;

  /**
   * @param {{rest: import("./rest.js").Rest, timelines: import("./timelines.js").Timelines,
   *   conversations: import("./conversations.js").Conversations, people: import("./people.js").People,
   *   directory: import("./directory.js").Directory, me: string,
   *   sealing: import("./sealing.js").Sealing,
   *   isAdmin: (topic: string, key: string, at?: number) => boolean}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /** @param {string} [before] `next` of an earlier answer */
  async list(before) {
    const { sealing } = this.#parts;
    const from = before ? `&before=${encodeURIComponent(before)}` : "";
    const page = await this.#parts.rest.ask("GET", `messages?mentions=me&limit=${PAGE_MESSAGES}${from}`);
    const facts = (await Promise.all(page.items.map((item) => checked(item, sealing.open)))).filter((fact) => fact !== null);
    const items = [];
    for (let start = 0; start < facts.length; start += MAX_EDITS_AT_ONCE) {
      const some = facts.slice(start, start + MAX_EDITS_AT_ONCE);
      items.push(...(await Promise.all(some.map((fact) => this.#item(fact)))));
    }
    return { items: items.filter((item) => item !== null), next: page.next };
  }

  async #item(fact) {
    const { conversations, people, timelines, rest, me } = this.#parts;
    const conversation = conversations.idOf(fact);
    if (!conversation || fact.author === me || !postOf(fact)) {
      return null;
    }
    people.want([fact.author]);
    const loaded = timelines.get(conversation)?.fold;
    const held = loaded?.posts.get(fact.id);
    if (held) {
      return loaded.itemOf(held);
    }
    const fold = this.#foldOf(conversation, fact);
    if (fact.body !== null) {
      await addEdits(fold, fact, rest, this.#parts.sealing.open);
    }
    return fold.itemOf(fold.posts.get(fact.id));
  }

  /** The item of a text by itself. @param {string} conversation @param {import("./verify.js").Fact} fact */
  itemOf(conversation, fact) {
    const fold = this.#foldOf(conversation, fact);
    return fold.itemOf(fold.posts.get(fact.id));
  }

  #foldOf(conversation, fact) {
    const { me, isAdmin, people, directory } = this.#parts;
    const isDirect = conversation !== fact.topic;
    const nameOf = (key) => people.nameOf(key);
    const currentOf = (key) => directory.currentOf(key);
    const isAdminHere = (key, at) => isAdmin(conversation, key, at);
    const fold = new Fold({
      me, conversation, isDirect, isAdmin: isAdminHere, canPost: () => false, nameOf, currentOf,
    });
    fold.addPost(postOf(fact));
    return fold;
  }
}

async function checked({ message, cursor }, open) {
  try {
    return await readFact(message, cursor, open);
  } catch (error) {
    if (error instanceof RemoteError) {
      return null;
    }
    throw error;
  }
}

/** A message that is not loaded is shown as its author last put it. */
async function addEdits(fold, fact, rest, open) {
  const { items } = await rest.ask("GET", `messages/${fact.id}/references?relation=edit`);
  for (const edit of (await Promise.all(items.map((item) => checked(item, open)))).filter((item) => item !== null)) {
    const effect = effectOf(edit);
    if (effect?.rel === "edit" && edit.refs.some((ref) => ref.id === fact.id)) {
      fold.addEffect(fact.id, effect);
    }
  }
}
