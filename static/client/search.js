/**
 * Search in what was said, as far as this browser can read it, encrypted or not: the hub cannot search for it.
 *
 * Off until somebody searches; from then on all conversations are read to their beginnings, a page at a time, and what
 * arrives is taken in. Texts lie in IndexedDB in blocks, sealed under a key that no script can read out; a query goes
 * through all of them in memory, which at 50,000 messages takes some milliseconds. What burns, is deleted or edited
 * goes from memory at once and from its block within a second. Not here: what may be read (timelines.js).
 */

import { utf8 } from "../accord/encoding.js";
import { toSay } from "../words/tosay.js";
import { ClientError } from "./errors.js";
import { TEXTS } from "./fold.js";
import { comparePlaces } from "./order.js";

const BLOCK_TEXTS = 400;
const PAGE_MESSAGES = 500;
const PAGE_PAUSE_MS = 60;
const SAVE_MS = 700;
const MAX_RESULTS = 100;
const MAX_QUERY_CHARS = 200;
const SNIPPET_CHARS = 220;
const LEAD_CHARS = 30;
const MAX_TEXTS = 500_000;
const MAX_TIMER_MS = 2 ** 31 - 1;
const IV_BYTES = 12;
const KEY = "key";
const STATE = "state";

/**
 * A text that can be found: conversation, author, words, when it burns (0: never), its last edit, and its block.
 * @typedef {{id: string, c: string, at: number, a: string, n: string, t: string, b: number, e: {at: number, id: string}
 *   | null, f: string, block: number}} Text
 */

/** Words as they are compared: without case, accents and forms of letters. @param {string} text */
export function folded(text) {
  return text.normalize("NFKD").replace(/\p{M}+/gu, "").toLowerCase();
}

/** What a column is called. @param {string} topic @param {string | null} author */
function nameOf(topic, author) {
  return `${topic} ${author ?? ""}`;
}

/** The index of one account. */
export class Search {
  /** @type {Map<string, Text>} */
  #texts = new Map();
  /** @type {Map<number, Set<string>>} */
  #blocks = new Map();
  #dirty = new Set();
  /** What concerns a text that is not here yet: edits, deletes. @type {Map<string, any[]>} */
  #pending = new Map();
  /** How far a column of a conversation has been read. @type {Map<string, {before: string | null, isDone: boolean}>} */
  #columns = new Map();
  /** @type {Text[] | null} newest first */
  #order = null;
  /** @type {CryptoKey | null} null: off */
  #key = null;
  /** @type {Promise<void> | null} */
  #reading = null;
  /** Whether there is something that was not read before. */
  #isReading = false;
  #loaded = Promise.resolve();
  #saving = Promise.resolve();
  #saveTimer = 0;
  #burnTimer = 0;
  #isStopped = false;
  #parts;

  /**
   * @param {{storage: import("./storage.js").Storage, timelines: import("./timelines.js").Timelines,
   *   conversations: import("./conversations.js").Conversations, people: import("./people.js").People,
   *   state: import("./state.js").PublishedState, link: import("./link.js").Link,
   *   clock: import("./clock.js").Clock, isAdmin: (topic: string, key: string, at?: number) => boolean,
   *   isMine: (key: string) => boolean}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /** Read what was kept, if anybody has searched here before. */
  async load() {
    const key = await this.#parts.storage.get("search", KEY);
    if (key) {
      this.#key = key.key;
      this.#loaded = this.#loadAll();
    }
  }

  async #loadAll() {
    for (const row of await this.#parts.storage.all("search")) {
      const value = row.n === KEY ? null : await this.#open(row);
      if (row.n === STATE && value) {
        this.#columns = new Map(value.columns);
        this.#pending = new Map(value.pending);
      } else if (Array.isArray(value)) {
        this.#blocks.set(row.n, new Set());
        value.forEach((text) => this.#put({ ...text, f: folded(text.t), block: row.n }));
      }
    }
    this.#dirty.clear(); // what has just been read is kept as it is
    this.#burn();
  }

  /** What pages may ask. */
  calls() {
    return {
      "search.query": (params) => this.#query(params),
      "export.mine": () => this.#export(),
    };
  }

  /** A session is there. */
  opened() {
    if (this.#key) {
      this.#read();
    }
  }

  /** Arrival numbers have begun anew, or there may be gaps: all is read again. */
  restarted() {
    this.#columns.clear();
  }

  stop() {
    this.#isStopped = true;
    clearTimeout(this.#saveTimer);
    clearTimeout(this.#burnTimer);
    this.#texts.clear();
    this.#order = null;
  }

  // ---------------------------------------------------------------------------------------------------------- taking

  /** Take in messages that have arrived or been loaded. @param {import("./verify.js").Fact[]} facts */
  async take(facts) {
    if (!this.#key) {
      return;
    }
    await this.#loaded;
    for (const fact of facts) {
      const conversation = this.#parts.conversations.idOf(fact);
      if (conversation && !this.#isStopped) {
        this.#takeOne(conversation, fact);
      }
    }
  }

  #takeOne(conversation, fact) {
    const isText = TEXTS.has(fact.type);
    const isBurned = fact.burnAt && fact.burnAt <= this.#parts.clock.now();
    if (isText && fact.body === null && fact.isClear) {
      this.#remove(this.#texts.get(fact.id));
    } else if (isText && fact.isClear && !isBurned) {
      this.#add(conversation, fact);
    } else if (fact.type === "chat.delete" || (fact.type === "chat.edit" && fact.isClear && fact.body)) {
      for (const { id } of fact.refs) {
        this.#affect(id, {
          id: fact.id, at: fact.at, a: fact.author, topic: fact.topic,
          t: fact.type === "chat.edit" ? fact.body.text : null,
        });
      }
    }
  }

  #add(conversation, fact) {
    if (this.#texts.has(fact.id) || this.#texts.size >= MAX_TEXTS) {
      return;
    }
    const { body } = fact;
    const names = (body.files ?? []).map(({ name }) => name);
    const words = [body.subject, body.text, ...names].filter(Boolean).join("\n");
    this.#put({
      id: fact.id, c: conversation, at: fact.at, a: fact.author, n: body.author ?? "", t: words, b: fact.burnAt, e: null,
      f: folded(words), block: this.#freeBlock(),
    });
    for (const effect of this.#pending.get(fact.id) ?? []) {
      this.#affect(fact.id, effect);
    }
    this.#pending.delete(fact.id);
    if (fact.burnAt) {
      this.#burn();
    }
  }

  #put(text) {
    const block = this.#blocks.get(text.block) ?? new Set();
    this.#blocks.set(text.block, block.add(text.id));
    this.#texts.set(text.id, text);
    this.#order = null;
    this.#touch(text.block);
  }

  #freeBlock() {
    const last = Math.max(0, ...this.#blocks.keys());
    return (this.#blocks.get(last)?.size ?? 0) < BLOCK_TEXTS ? last : last + 1;
  }

  /** An edit or a deletion, which may have come before what it is about. */
  #affect(target, effect) {
    const text = this.#texts.get(target);
    if (!text) {
      const waiting = (this.#pending.get(target) ?? []).filter(({ id }) => id !== effect.id);
      this.#pending.set(target, [...waiting, effect]);
      this.#touch(STATE);
      return;
    }
    const isOwn = effect.a === text.a;
    if (effect.t === null && (isOwn || this.#parts.isAdmin(effect.topic, effect.a, effect.at))) {
      this.#remove(text);
    } else if (effect.t !== null && isOwn && (!text.e || comparePlaces(effect, text.e) > 0)) {
      Object.assign(text, { t: effect.t, f: folded(effect.t), e: { at: effect.at, id: effect.id } });
      this.#touch(text.block);
    }
  }

  #remove(text) {
    if (text) {
      this.#texts.delete(text.id);
      this.#blocks.get(text.block)?.delete(text.id);
      this.#order = null;
      this.#touch(text.block);
    }
  }

  #burn() {
    clearTimeout(this.#burnTimer);
    const now = this.#parts.clock.now();
    let next = Infinity;
    for (const text of this.#texts.values()) {
      if (text.b && text.b <= now) {
        this.#remove(text);
      } else if (text.b) {
        next = Math.min(next, text.b);
      }
    }
    if (next < Infinity && !this.#isStopped) {
      this.#burnTimer = setTimeout(() => this.#burn(), Math.min(next - now, MAX_TIMER_MS));
    }
  }

  // --------------------------------------------------------------------------------------------------------- keeping

  #touch(block) {
    this.#dirty.add(block);
    this.#saveTimer ||= setTimeout(() => this.#save(), SAVE_MS);
  }

  #save() {
    this.#saveTimer = 0;
    const blocks = [...this.#dirty];
    this.#dirty.clear();
    this.#saving = this.#saving.then(async () => {
      for (const n of blocks) {
        if (!this.#isStopped) {
          await this.#parts.storage.put("search", await this.#seal(n, this.#content(n)), n);
        }
      }
    }).catch((error) => console.warn("the search index was not kept:", error.code ?? error));
  }

  #content(n) {
    if (n === STATE) {
      return { columns: [...this.#columns], pending: [...this.#pending] };
    }
    return [...(this.#blocks.get(n) ?? [])].map((id) => {
      const { f: _folded, block: _block, ...text } = this.#texts.get(id);
      return text;
    });
  }

  async #seal(n, value) {
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const given = { name: "AES-GCM", iv, additionalData: utf8(`search ${n}`) };
    return { n, iv, data: await crypto.subtle.encrypt(given, this.#key, utf8(JSON.stringify(value))) };
  }

  /** What a block holds; null where it does not open: then it is read again from the hub. */
  async #open({ n, iv, data }) {
    try {
      const given = { name: "AES-GCM", iv, additionalData: utf8(`search ${n}`) };
      return JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt(given, this.#key, data)));
    } catch {
      this.#columns.clear();
      return null;
    }
  }

  async #begin() {
    if (!this.#key) {
      const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
      const kept = await this.#parts.storage.update("search", KEY, (before) => before ?? { n: KEY, key });
      this.#key ??= kept.key;
    }
    await this.#loaded;
    this.#read();
  }

  // --------------------------------------------------------------------------------------------------------- reading

  /** Read conversations to their beginnings. Done when that is done, or the session has ended. */
  #read() {
    this.#reading ??= this.#readAll()
      .catch((error) => error.code ?? console.error(error))
      .finally(() => {
        this.#reading = null;
        this.#isReading = false;
        this.#tell();
      });
    return this.#reading;
  }

  async #readAll() {
    await this.#loaded;
    const { state, timelines } = this.#parts;
    const all = Object.keys(state.value.conversations).flatMap((conversation) => timelines.columnsOf(conversation));
    const left = all.filter(({ topic, author }) => !this.#columns.get(nameOf(topic, author))?.isDone);
    this.#isReading = left.length > 0;
    for (const { topic, author } of left) {
      await this.#readColumn(topic, author);
    }
  }

  async #readColumn(topic, author) {
    const name = nameOf(topic, author);
    const place = this.#columns.get(name) ?? { before: null, isDone: false };
    this.#columns.set(name, place);
    let hasLocked = false;
    while (!place.isDone && !this.#isStopped && this.#parts.link.connection) {
      const page = await this.#parts.timelines.page(topic, author, place.before, PAGE_MESSAGES);
      await this.take(page.facts);
      hasLocked ||= page.facts.some((fact) => fact.lock === "waiting");
      place.before = page.before;
      place.isDone = !page.more || page.before === null;
      this.#touch(STATE);
      this.#tell();
      await new Promise((resolve) => setTimeout(resolve, PAGE_PAUSE_MS));
    }
    if (hasLocked) {
      this.#columns.delete(name); // keys may come: the next session reads it again
    }
  }

  #tell() {
    this.#parts.state.set("search", { isReading: this.#isReading, texts: this.#texts.size });
  }

  // --------------------------------------------------------------------------------------------------------- queries

  async #query({ text, conversation = null }) {
    const words = folded(String(text ?? "").slice(0, MAX_QUERY_CHARS)).split(/\s+/).filter(Boolean);
    await this.#begin();
    const found = words.length ? this.#find(words, conversation) : [];
    return {
      items: found.slice(0, MAX_RESULTS).map((each) => this.#result(each, words[0])),
      count: found.length,
      texts: this.#texts.size,
      isReading: this.#isReading,
      words,
    };
  }

  #find(words, conversation) {
    this.#order ??= [...this.#texts.values()].sort((a, b) => comparePlaces(b, a));
    const isFound = (text) => (conversation === null || text.c === conversation)
      && words.every((word) => text.f.includes(word));
    return this.#order.filter(isFound);
  }

  #result({ id, c, at, a, n, t }, word) {
    const from = Math.max(0, folded(t).indexOf(word) - LEAD_CHARS);
    const text = `${from > 0 ? "…" : ""}${t.slice(from, from + SNIPPET_CHARS)}`.toWellFormed();
    return { id, conversation: c, at, author: a, authorName: n || this.#parts.people.nameOf(a), text };
  }

  /** All that this person has written, oldest first, once all has been read. */
  async #export() {
    await this.#begin();
    await this.#read();
    if (!this.#parts.link.connection) {
      throw new ClientError("offline", toSay("There is no connection to the hub now, so not all could be read; try again."));
    }
    const { conversations } = this.#parts.state.value;
    const mine = [...this.#texts.values()].filter((text) => this.#parts.isMine(text.a)).sort(comparePlaces);
    return mine.map(({ id, c, at, t, e, b }) => ({
      id, conversation: c, title: conversations[c]?.name ?? "", at, text: t,
      ...(e ? { edited_at: e.at } : {}), ...(b ? { burns_at: b } : {}),
    }));
  }
}
