/**
 * The loaded conversations, the pages that look at them, and what the two need from the hub: pages of topics, quoted
 * messages.
 *
 * A conversation stays loaded a while after nobody looks, so that coming back is instant. Not here: order
 * (timeline.js),
 * meaning (fold.js).
 */

import { AccordError } from "../accord/errors.js";
import { ClientError } from "./errors.js";
import { Fold, postOf, quoteOf } from "./fold.js";
import { comparePlaces } from "./order.js";
import { Timeline } from "./timeline.js";
import { readFact, readFacts } from "./verify.js";

const MAX_IDLE = 20;
const MAX_IDLE_TEXTS = 2_000;
const MAX_SEEK_PAGES = 200;
const MAX_QUOTES_AT_ONCE = 4;
const RENAME_MS = 300;

/** A page's look at a conversation. */
class View {
  firstUnread = null;
  hasFirstUnread = false;

  /** @param {(view: View) => void} beforeTelling */
  constructor(number, page, conversation, beforeTelling) {
    this.number = number;
    this.page = page;
    this.conversation = conversation;
    this.timeline = null;
    this.tell = (ops) => {
      beforeTelling(this);
      this.post(ops);
    };
  }

  post(ops) {
    const { hasOlder, isLoading } = this.timeline;
    const meta = { hasOlder, isLoading, firstUnread: this.firstUnread };
    this.page.post({ push: "timeline", view: this.number, ops, meta });
  }
}

/** All of them, of one account. */
export class Timelines {
  /** @type {Map<string, Timeline>} */
  #timelines = new Map();
  /** @type {Map<number, View>} */
  #views = new Map();
  #viewNumber = 0;
  #quotesWanted = new Map();
  #quotesAsked = new Set();
  #quotesRunning = 0;
  #renamed = new Set();
  #renameTimer = 0;
  #parts;

  /**
   * @param {{link: import("./link.js").Link, rest: import("./rest.js").Rest, clock: import("./clock.js").Clock,
   *   conversations: import("./conversations.js").Conversations, people: import("./people.js").People,
   *   directory: import("./directory.js").Directory,
   *   connections: import("./connections.js").Connections, sealing: import("./sealing.js").Sealing,
   *   outbox: () => import("./outbox.js").Outbox, state: import("./state.js").PublishedState, me: string,
   *   isAdmin: (topic: string, key: string, at?: number) => boolean}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  // ------------------------------------------------------------------------------------------------------- timelines

  /** The loaded timeline of a conversation, if there is one. @param {string} id */
  get(id) {
    return this.#timelines.get(id);
  }

  /** Where a conversation lies; not_found. @param {string} id */
  columnsOf(id) {
    return this.ensure(id).columns;
  }

  /** A page of a topic, checked and, where it is sealed, opened. */
  page(topic, author, before, limit) {
    return this.#fetch(topic, author, before, limit);
  }

  /** The timeline of a conversation; not_found. @param {string} id @returns {Timeline} */
  ensure(id) {
    const found = this.#timelines.get(id) ?? this.#make(id);
    found.usedAt = Date.now();
    return found;
  }

  #make(id) {
    const { conversations, people, directory, clock, me, isAdmin, state } = this.#parts;
    const conversation = conversations.get(id);
    if (!conversation) {
      throw new ClientError("not_found");
    }
    const other = conversation.with;
    const fold = new Fold({
      me,
      conversation: id,
      isDirect: other !== null,
      isAdmin: (key, at) => isAdmin(id, key, at),
      canPost: () => state.value.conversations[id]?.canPost === true,
      nameOf: (key) => people.nameOf(key),
      currentOf: (key) => directory.currentOf(key),
    });
    const columns = other ? [...this.#between(me, other), ...this.#shared(other)] : this.#alone(conversation);
    const fetch = (topic, author, before, limit) => this.#fetch(topic, author, before, limit);
    const timeline = new Timeline({ fold, columns, fetch, clock, onQuotes: (ids) => this.#wantQuotes(id, ids) });
    this.#timelines.set(id, timeline);
    for (const entry of this.#parts.outbox().of(id)) {
      timeline.add(entry.fact, entry);
    }
    this.#dropIdle();
    return timeline;
  }

  /** The topic of a channel; the feeds of somebody, under all the keys that they had. */
  #alone({ id, kind }) {
    const { directory } = this.#parts;
    const former = kind === "feed" ? directory.formerOf(id.slice("feed:".length)) : [];
    return [id, ...former.map(({ key }) => `feed:${key}`)].map((topic) => ({ topic, author: null }));
  }

  /** The channels of connections with somebody, under all the keys that they had. */
  #shared(other) {
    const { connections, directory } = this.#parts;
    const keys = [other, ...directory.formerOf(other).map((former) => former.key)];
    return keys.flatMap((key) => connections.topicsOf(key)).map((topic) => ({ topic, author: null }));
  }

  /** Where two people have written to each other, under all the keys that they had. */
  #between(me, other) {
    const { directory } = this.#parts;
    const keysOf = (key) => [key, ...directory.formerOf(key).map((former) => former.key)];
    return keysOf(me).flatMap((mine) => keysOf(other).flatMap((theirs) => [
      { topic: `user:${theirs}`, author: mine }, { topic: `user:${mine}`, author: theirs },
    ]));
  }

  async #fetch(topic, author, before, limit) {
    const answer = await this.#parts.link.request("fetch", { topic, limit, ...(before ? { before } : {}) });
    const isWanted = author === null ? undefined : (header) => header.from === author;
    const { open } = this.#parts.sealing;
    const facts = (await readFacts(answer.messages, isWanted, open)).filter((fact) => fact.topic === topic);
    this.#parts.people.want(new Set(facts.map((fact) => fact.author)));
    return { facts, oldest: lastPlace(facts, answer), before: answer.next ?? null, more: answer.more === true };
  }

  #dropIdle() {
    const idle = [...this.#timelines].filter(([, timeline]) => !timeline.isWatched && timeline.isLoaded);
    idle.sort(([, a], [, b]) => b.usedAt - a.usedAt);
    idle.forEach(([id, timeline], index) => {
      if (index >= MAX_IDLE || timeline.size > MAX_IDLE_TEXTS) {
        this.#timelines.delete(id);
      }
    });
  }

  /** Load the newest page of a conversation. @param {string} id */
  async load(id) {
    const timeline = this.ensure(id);
    if (!timeline.isLoaded) {
      await timeline.load();
      this.#settleViews(id);
    }
    return timeline;
  }

  /** A conversation is another one now, or shows more: pages that look at it open it anew. @param {string} id */
  forget(id) {
    for (const view of [...this.#views.values()].filter((each) => each.conversation === id)) {
      this.close(view.number);
    }
    this.#timelines.delete(id);
  }

  /** A conversation lies in more topics than before: it is loaded anew, and pages that look at it see so. */
  renew(id) {
    if (this.#timelines.delete(id)) {
      this.#resetViews([...this.#views.values()].filter((view) => view.conversation === id));
    }
  }

  /** What was loaded may have gaps: those that are looked at are loaded anew, the others when they are needed. */
  reset() {
    this.#timelines.clear();
    this.#resetViews([...this.#views.values()]);
  }

  #resetViews(views) {
    for (const view of views) {
      this.#attach(view);
      view.post([{ op: "reset", items: view.timeline.items() }]);
      this.#loadFor(view);
    }
  }

  /** A session is there: what could not be loaded before is loaded now. */
  resume() {
    for (const view of this.#views.values()) {
      if (!view.timeline.isLoaded) {
        this.#loadFor(view);
      }
    }
    this.#quotesAsked.clear();
  }

  /** Names have changed: of a person, and so of what that person wrote. @param {string} key */
  renamed(key) {
    this.#renamed.add(key);
    this.#renameTimer ||= setTimeout(() => {
      const keys = this.#renamed;
      this.#renamed = new Set();
      this.#renameTimer = 0;
      for (const timeline of this.#timelines.values()) {
        timeline.refresh((post) => keys.has(post.author));
      }
    }, RENAME_MS);
  }

  /** Rights have changed. */
  refreshAll() {
    for (const timeline of this.#timelines.values()) {
      timeline.refresh(() => true);
    }
  }

  // ----------------------------------------------------------------------------------------------------------- views

  /** A page looks at a conversation. */
  open(page, id) {
    this.#viewNumber += 1;
    const view = new View(this.#viewNumber, page, id, (told) => this.#findFirstUnread(told));
    this.#attach(view);
    this.#views.set(view.number, view);
    if (!view.timeline.isLoaded) {
      this.#loadFor(view);
    }
    this.#findFirstUnread(view);
    const { hasOlder } = view.timeline;
    const isLoading = !view.timeline.isLoaded;
    const meta = { hasOlder, isLoading, firstUnread: view.firstUnread };
    return { view: view.number, items: view.timeline.items(), meta };
  }

  #attach(view) {
    view.timeline?.unwatch(view.tell);
    view.timeline = this.ensure(view.conversation);
    view.timeline.watch(view.tell);
  }

  #loadFor(view) {
    this.load(view.conversation).catch((error) => {
      if (!error.code) {
        console.error(error);
      }
      view.post([]); // no longer loading; the next session tries again
    });
  }

  #settleViews(id) {
    for (const view of this.#views.values()) {
      if (view.conversation === id) {
        view.tell([]);
      }
    }
  }

  /** Fixed when the page has what it opened. */
  #findFirstUnread(view) {
    if (view.hasFirstUnread || !view.timeline.isLoaded) {
      return;
    }
    view.hasFirstUnread = true;
    const { read, unread } = this.#parts.conversations.get(view.conversation);
    const late = new Set(unread.filter((place) => place.isLate).map((place) => place.id));
    const isUnread = (post) => comparePlaces(post, read) > 0 || late.has(post.id);
    const first = view.timeline.posts.find((post) => isUnread(post) && post.author !== this.#parts.me);
    view.firstUnread = first?.id ?? null;
  }

  /** @param {number} number */
  close(number) {
    const view = this.#views.get(number);
    this.#views.delete(number);
    view?.timeline.unwatch(view.tell);
    this.#dropIdle();
  }

  /** A page has gone. @param {import("./ports.js").Page} page */
  left(page) {
    for (const view of [...this.#views.values()].filter((item) => item.page === page)) {
      this.close(view.number);
    }
  }

  /** Whether somebody sees a conversation now. @param {string} id */
  isSeen(id) {
    return [...this.#views.values()].some((view) => view.conversation === id && view.page.isVisible);
  }

  /** The conversations that somebody sees now. */
  seen() {
    return [...new Set([...this.#views.values()].map((view) => view.conversation))].filter((id) => this.isSeen(id));
  }

  /** An older page for a view. @param {number} number */
  async loadOlder(number) {
    const timeline = this.#viewed(number);
    await (timeline.isLoaded ? timeline.loadOlder() : timeline.load());
  }

  /** Load until `id` is held. @param {number} number @param {string} id */
  async seek(number, id) {
    const { conversation } = this.#views.get(number) ?? {};
    this.#viewed(number);
    const timeline = await this.load(conversation);
    const isHeld = await timeline.seek(id, MAX_SEEK_PAGES);
    timeline.flush();
    return isHeld;
  }

  #viewed(number) {
    const view = this.#views.get(number);
    if (!view) {
      throw new ClientError("not_found");
    }
    return view.timeline;
  }

  // ---------------------------------------------------------------------------------------------------------- quotes

  /** Answered messages that are not held are asked for one by one. */
  #wantQuotes(conversation, ids) {
    for (const id of ids) {
      if (!this.#quotesAsked.has(id)) {
        this.#quotesAsked.add(id);
        this.#quotesWanted.set(id, conversation);
      }
    }
    while (this.#quotesRunning < MAX_QUOTES_AT_ONCE && this.#quotesWanted.size) {
      this.#nextQuote();
    }
  }

  async #nextQuote() {
    const [[id, conversation]] = this.#quotesWanted;
    this.#quotesWanted.delete(id);
    this.#quotesRunning += 1;
    try {
      const quote = await this.#askQuote(id, conversation);
      this.#timelines.get(conversation)?.quote(id, quote);
    } catch (error) {
      this.#quotesAsked.delete(id);
      if (!error.code) {
        console.error(error);
      }
    } finally {
      this.#quotesRunning -= 1;
      this.#wantQuotes(conversation, []);
    }
  }

  async #askQuote(id, conversation) {
    const nothing = { author: "", authorName: "", text: null };
    try {
      const { message } = await this.#parts.rest.ask("GET", `messages/${id}`);
      const fact = await readFact(message, 0, this.#parts.sealing.open);
      const post = postOf(fact);
      if (fact.id !== id || !post || this.#parts.conversations.idOf(fact) !== conversation) {
        return nothing;
      }
      const authorName = post.importAuthor || this.#parts.people.nameOf(post.author);
      return { author: post.author, authorName, text: post.isEmptied ? null : quoteOf(post.text) };
    } catch (error) {
      if (error instanceof AccordError && error.code !== "rate" && error.code !== "busy") {
        return nothing;
      }
      throw error;
    }
  }
}

/** The oldest place of a page, from the unverified headers too: how far a page goes does not depend on what holds. */
function lastPlace(facts, answer) {
  const at = answer.messages?.at(-1)?.message?.header?.created_at;
  const last = facts.at(-1);
  return last && last.at <= at ? { at: last.at, id: last.id } : Number.isSafeInteger(at) ? { at, id: "" } : null;
}
