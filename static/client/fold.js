/**
 * What messages say together: texts with their edits, deletes, reactions, pins and replies (protocol.md section 1).
 *
 * Messages come in any order; what refers to a message that is not held waits for it. The newest by (created_at, id)
 * counts. Pure: no network, no storage. Not here: order and pages of a timeline (timeline.js).
 */

import { filesIn } from "./files.js";
import { comparePlaces } from "./order.js";

export const TEXTS = new Set(["chat.text", "mail.text", "import.text"]);
const RELATIONS = { "chat.edit": "edit", "chat.delete": "delete", "chat.react": "react", "chat.pin": "pin" };
const QUOTE_CHARS = 140;
const NO_EFFECTS = new Map();
/** What stands in place of a text that cannot be read. */
const LOCKED = {
  waiting: "A sealed message: its key has not come to this browser.",
  untrusted: "A message that does not fit this conversation's keys is not shown: it may be forged, or sealed wrongly.",
  gone: "A sealed message whose key is forgotten.",
};

/**
 * A text that may be shown, as compact as it can be; `item` is made from it when it changes.
 * @typedef {{id: string, at: number, author: string, topic: string, type: string, text: string, format: string,
 *   importAuthor: string, replyTo: string, mentions: string[], files: import("./files.js").SealedFile[], burnAt: number, isEmptied: boolean, cursor: number,
 *   isSealed: boolean, lock: string, entry: any, item: any}} Post
 *   `isEmptied`: the hub holds it without its body, so it was deleted; `entry` is its outbox entry while unsent
 */

/**
 * What a message does to another one; `entry` is its outbox entry while unsent.
 * @typedef {{id: string, at: number, author: string, topic: string, rel: string, text: string, emoji: string, off:
 *   boolean,
 *   burnAt: number, entry: any}} Effect
 */

/** @param {import("./verify.js").Fact} fact @returns {Post | null} null for what is no text */
export function postOf(fact, entry = null) {
  if (!TEXTS.has(fact.type) || !(fact.isClear || fact.lock in LOCKED)) {
    return null;
  }
  const body = fact.body ?? { text: LOCKED[fact.lock] };
  const isMail = fact.type === "mail.text" && body.subject;
  return {
    id: fact.id,
    at: fact.at,
    author: fact.author,
    topic: fact.topic,
    type: fact.type,
    text: isMail ? `${body.subject}\n${body.text}` : body.text ?? "",
    format: body.format ?? "plain",
    importAuthor: body.author ?? "",
    replyTo: fact.answers[0] ?? "",
    mentions: fact.mentions,
    files: filesIn(fact.body),
    burnAt: fact.burnAt,
    isEmptied: fact.body === null && fact.lock === "",
    cursor: fact.cursor,
    isSealed: fact.isSealed,
    lock: fact.lock,
    entry,
    item: null,
  };
}

/** @param {import("./verify.js").Fact} fact @returns {Effect | null} */
export function effectOf(fact, entry = null) {
  const rel = RELATIONS[fact.type];
  if (!rel || !fact.isClear || (fact.body === null && rel !== "delete")) {
    return null;
  }
  const { text = "", emoji = "", off = false } = fact.body ?? {};
  const { id, at, author, topic, burnAt } = fact;
  return { id, at, author, topic, rel, text, emoji, off, burnAt, entry };
}

function newest(effects) {
  return effects.reduce((best, effect) => (best && comparePlaces(best, effect) > 0 ? best : effect), null);
}

/** All that is known of one conversation's messages. */
export class Fold {
  /** @type {Map<string, Post>} */
  posts = new Map();
  /** @type {Map<string, Map<string, Effect>>} target -> effect's id -> effect */
  #effects = new Map();
  /** @type {Map<string, Set<string>>} answered message -> those that answer it */
  #answers = new Map();
  /** @type {Map<string, {author: string, authorName: string, text: string | null}>} answered messages held elsewhere */
  #quotes = new Map();
  #world;

  /**
   * @param {{me: string, conversation: string, isDirect: boolean, isAdmin: (key: string, at?: number) => boolean,
   *   canPost: () => boolean, nameOf: (key: string) => string, currentOf: (key: string) => string}} world `isAdmin`: who administers the channel
   */
  constructor(world) {
    this.#world = world;
  }

  /** Hold a text; gives the ids of those whose looks change with it. @param {Post} post @returns {string[]} */
  addPost(post) {
    this.posts.set(post.id, post);
    if (post.replyTo) {
      const answers = this.#answers.get(post.replyTo) ?? new Set();
      this.#answers.set(post.replyTo, answers.add(post.id));
    }
    return [...this.answersTo(post.id), post.replyTo]; // what is answered says how often
  }

  /** Forget a text that has burned, or that the outbox has given up. @param {string} id */
  removePost(id) {
    const post = this.posts.get(id);
    this.posts.delete(id);
    this.#effects.delete(id);
    this.#answers.get(post?.replyTo ?? "")?.delete(id);
  }

  /**
   * Hold what a message does to `target`.
   * @param {string} target
   * @param {Effect} effect
   * @returns {string[]} as addPost
   */
  addEffect(target, effect) {
    const effects = this.#effects.get(target) ?? new Map();
    this.#effects.set(target, effects.set(effect.id, effect));
    return this.posts.has(target) ? [target, ...this.answersTo(target)] : [];
  }

  /** Forget an effect. @param {string} target @param {string} id @returns {string[]} as addPost */
  removeEffect(target, id) {
    this.#effects.get(target)?.delete(id);
    return this.posts.has(target) ? [target, ...this.answersTo(target)] : [];
  }

  /** Whether an effect is held, and is sent. @param {string} target @param {string} id */
  hasEffect(target, id) {
    const effect = this.#effects.get(target)?.get(id);
    return effect !== undefined && effect.entry === null;
  }

  /** @param {string} id @returns {string[]} ids of the held texts that answer it */
  answersTo(id) {
    return [...(this.#answers.get(id) ?? [])];
  }

  /** What an answered message says that is not held here; null text: it cannot be had. */
  setQuote(id, quote) {
    this.#quotes.set(id, quote);
    return this.answersTo(id);
  }

  /** Answered messages of which nothing is known. @param {Iterable<Post>} posts @returns {Set<string>} */
  unknownAnswered(posts) {
    const unknown = new Set();
    for (const { replyTo } of posts) {
      if (replyTo && !this.posts.has(replyTo) && !this.#quotes.has(replyTo)) {
        unknown.add(replyTo);
      }
    }
    return unknown;
  }

  #isAdmin(topic, key, at = undefined) {
    return topic.startsWith("user:") ? topic.slice(5) === key : this.#world.isAdmin(key, at);
  }

  #has(post, effect) {
    const isAuthor = effect.author === post.author;
    const isHere = effect.topic === post.topic;
    switch (effect.rel) {
      case "edit":
        return isHere && isAuthor && effect.burnAt === post.burnAt;
      case "delete":
        return isHere && effect.at >= post.at && (isAuthor || this.#isAdmin(post.topic, effect.author, effect.at));
      case "pin":
        return isHere && this.#isAdmin(post.topic, effect.author, effect.at);
      default: // between two inboxes a reaction goes where messages go
        return isHere || (effect.topic === `user:${post.author}` && post.topic === `user:${effect.author}`);
    }
  }

  #effectsOn(post) {
    const held = this.#effects.get(post.id) ?? NO_EFFECTS;
    const effects = { edit: [], delete: [], react: [], pin: [] };
    for (const effect of held.values()) {
      if (this.#has(post, effect)) {
        effects[effect.rel].push(effect);
      }
    }
    return effects;
  }

  #reactions(effects) {
    const last = new Map();
    for (const effect of effects.sort(comparePlaces)) {
      const key = `${effect.author} ${effect.emoji}`;
      const since = last.get(key)?.off === false ? last.get(key).since : effect;
      last.set(key, { emoji: effect.emoji, author: effect.author, off: effect.off, since });
    }
    const byEmoji = new Map();
    const on = [...last.values()].filter((reaction) => !reaction.off);
    for (const { emoji, author } of on.sort((a, b) => comparePlaces(a.since, b.since))) {
      byEmoji.set(emoji, [...(byEmoji.get(emoji) ?? []), author]);
    }
    return [...byEmoji].map(([emoji, by]) => ({ emoji, by, isMine: by.includes(this.#world.me) }));
  }

  #reply(post) {
    const id = post.replyTo;
    if (!id) {
      return null;
    }
    const held = this.posts.get(id);
    if (!held) {
      return { id, author: "", authorName: "", text: null, ...this.#quotes.get(id) };
    }
    const { text, isDeleted } = this.#words(held, this.#effectsOn(held));
    const words = text || namesOf(held.files);
    return { id, author: held.author, authorName: this.nameOf(held), text: isDeleted ? null : quoteOf(words) };
  }

  /** Whom to name for a text: of an imported one the author in its source. @param {Post} post */
  nameOf(post) {
    return post.importAuthor || this.#world.nameOf(post.author);
  }

  #words(post, effects) {
    const deletes = effects.delete.filter((effect) => effect.entry?.state !== "failed");
    const edits = effects.edit.filter((effect) => effect.entry?.state !== "failed");
    const edit = newest(edits);
    const isDeleted = post.isEmptied || deletes.length > 0;
    return {
      text: isDeleted ? "" : edit?.text ?? post.text,
      editedAt: isDeleted ? 0 : edit?.at ?? 0,
      isDeleted,
      deletedAt: deletes.length ? Math.min(...deletes.map((effect) => effect.at)) : 0,
    };
  }

  /**
   * The item that pages show (see client.js), made once and kept until something changes.
   * @param {Post} post
   */
  itemOf(post) {
    post.item ??= this.#makeItem(post);
    return post.item;
  }

  #makeItem(post) {
    const { me, isDirect } = this.#world;
    const effects = this.#effectsOn(post);
    const words = this.#words(post, effects);
    const unsent = post.entry ?? unsentOf([...effects.edit, ...effects.delete]);
    const author = this.#world.currentOf(post.author);
    const isOwn = author === me;
    const isSigned = post.author === me; // and not by a key that one had before
    const isReadable = post.lock === "";
    const isSettled = !words.isDeleted && post.entry === null && this.#world.canPost();
    const isAdmin = !isDirect && this.#isAdmin(post.topic, me);
    return {
      id: post.id,
      conversation: this.#world.conversation,
      author,
      authorName: this.nameOf(post),
      at: post.at,
      kind: post.type === "import.text" ? "import" : "text",
      text: words.text,
      format: post.format,
      files: words.isDeleted ? [] : post.files.map(({ key: _key, ...file }) => file), // pages need no keys
      isOwn,
      editedAt: words.editedAt,
      isDeleted: words.isDeleted,
      deletedAt: words.deletedAt,
      replyTo: this.#reply(post),
      answers: this.#answers.get(post.id)?.size ?? 0,
      mentions: post.mentions,
      mentionsMe: post.mentions.includes(me),
      reactions: words.isDeleted ? [] : this.#reactions(effects.react),
      isPinned: !words.isDeleted && effects.pin.length > 0 && !newest(effects.pin).off,
      state: unsent?.state ?? "sent",
      error: unsent?.error ?? null,
      burnAt: post.burnAt,
      isSealed: post.isSealed,
      lock: post.lock,
      isReadOnly: !this.#world.canPost() || !isReadable,
      canEdit: isSettled && isReadable && isSigned && post.type === "chat.text",
      canDelete: isSettled && (isSigned || isAdmin),
      canPin: isSettled && isReadable && isAdmin,
    };
  }
}

function unsentOf(effects) {
  const entries = effects.map((effect) => effect.entry).filter((entry) => entry !== null);
  return entries.find((entry) => entry.state === "failed") ?? entries[0];
}

/** What stands for a message that has files and no words. @param {import("./files.js").SealedFile[]} files */
function namesOf(files) {
  return files.map(({ name }) => name).join(", ");
}

/** A text in at most QUOTE_CHARS characters. @param {string} text */
export function quoteOf(text) {
  return Array.from(text.slice(0, QUOTE_CHARS * 2)).slice(0, QUOTE_CHARS).join("");
}

