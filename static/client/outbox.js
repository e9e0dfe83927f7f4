/**
 * Messages on their way to the hub: signed and kept in IndexedDB before anything else, sent in the order of writing,
 * each until the hub has answered for it.
 *
 * A message keeps its id, so one that is sent again is at worst a `duplicate`, which is as good as `stored`. What the
 * hub
 * refuses for good stays as failed until its author tries again (signed anew) or gives it up. What is to be sealed and
 * cannot be yet waits unsigned, under a passing id.
 */

import { b64encode } from "../accord/encoding.js";
import { AccordError } from "../accord/errors.js";
import { ID_BYTES } from "../accord/messages.js";
import { toSay } from "../words/tosay.js";
import { ClientError, sentenceOf } from "./errors.js";
import { readFact } from "./verify.js";

const MAX_BATCH_MESSAGES = 100;
const MAX_BATCH_CHARS = 900 * 1024;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;
const MAX_WAITING = 2_000;
const MAX_TRIES = 3;
const LATER = new Set(["rate", "busy"]);
const STALE = new Set(["future", "gone"]);
/** Of these nobody is told: the effect is taken back. */
const SILENT = new Set(["chat.react", "chat.pin"]);

/**
 * @typedef {{seq: number, conversation: string, draft: import("./composer.js").Draft, envelope: any, tries: number,
 *   state: "sending" | "waiting" | "failed", error: null | {code: string, detail: string}}} Row as kept
 * @typedef {Row & {fact: import("./verify.js").Fact}} Entry as held
 */

/** The queue. */
export class Outbox {
  /** @type {Map<string, Entry>} by id, in the order of writing */
  #entries = new Map();
  #storage;
  #sealing;
  #link;
  #events;
  /** Whether a message may go: its files are at the hub. @type {(entry: Entry) => boolean} */
  isReady = () => true;
  #seq = 0;
  #isPumping = false;
  #waking = Promise.resolve();
  #retryMs = FIRST_RETRY_MS;
  #timer = 0;

  /**
   * @param {{storage: import("./storage.js").Storage, sealing: import("./sealing.js").Sealing, me: string,
   *   link: {request: (type: string, fields: object) => Promise<any>, connection: any}, learnTime: () => Promise<void>,
   *   events: {added: (entry: Entry) => void, sent: (entry: Entry) => void, changed: (entry: Entry) => void,
   *     replaced: (before: Entry, after: Entry) => void, removed: (entry: Entry) => void, count: (n: number) =>
   * void}}} parts
   */
  constructor({ storage, sealing, me, link, learnTime, events }) {
    this.#storage = storage;
    this.#sealing = sealing;
    this.#me = me;
    this.#link = link;
    this.#learnTime = learnTime;
    this.#events = events;
  }

  #learnTime;
  #me;

  /** Take up what an earlier worker left. */
  async load() {
    for (const row of await this.#storage.all("outbox")) {
      const fact = row.envelope ? await this.#factOf(row) : this.#waitingFact(row);
      this.#entries.set(row.id, { ...row, fact });
      this.#seq = Math.max(this.#seq, row.seq);
    }
    this.#count();
  }

  /** @param {string} conversation @returns {Entry[]} in the order of writing */
  of(conversation) {
    return [...this.#entries.values()].filter((entry) => entry.conversation === conversation);
  }

  /** @returns {Entry[]} in the order of writing */
  all() {
    return [...this.#entries.values()];
  }

  /** @param {string} id @returns {Entry | undefined} */
  get(id) {
    return this.#entries.get(id);
  }

  /**
   * Sign, keep, show and send. ClientError: too_big, storage, rate (too much waits already).
   * @param {string} conversation
   * @param {import("./composer.js").Draft} draft
   * @returns {Promise<Entry>}
   */
  async add(conversation, draft) {
    if (this.#entries.size >= MAX_WAITING) {
      throw new ClientError("rate", toSay("Too much waits to be sent already; wait until the hub is back, then try again."));
    }
    this.#seq = Math.max(this.#seq + 1, Date.now()); // another worker may write too
    const entry = await this.#sign({ seq: this.#seq, conversation, draft, tries: 0, state: "sending", error: null });
    await this.#keep(entry);
    this.#entries.set(entry.id, entry);
    this.#events.added(entry);
    this.#count();
    this.pump();
    return entry;
  }

  /** What kept messages of a conversation waiting may be over: those that can be are sealed, in the order of writing. */
  wake(conversation) {
    this.#waking = this.#waking.then(async () => {
      for (const entry of this.of(conversation).filter(({ state }) => state === "waiting")) {
        if (this.#entries.get(entry.id) === entry) {
          await this.#signAnew(entry, {});
        }
      }
      this.pump();
    }).catch((error) => console.warn("what waited was not sealed:", error.code ?? error));
    return this.#waking;
  }

  /** The conversations in which something waits. */
  waiting() {
    const waiting = [...this.#entries.values()].filter(({ state }) => state === "waiting");
    return [...new Set(waiting.map(({ conversation }) => conversation))];
  }

  /** Send in clear what waits to be sealed. @param {string} id */
  async sendOpenly(id) {
    const entry = this.#entries.get(id);
    if (entry?.state === "waiting" && entry.draft.direct && entry.error?.code !== "changed") {
      await this.#signAnew(entry, { draft: { ...entry.draft, isOpen: true } });
      this.pump();
    }
  }

  async #sign(row) {
    const { envelope, waits } = await this.#sealing.make(row.draft);
    if (waits) {
      const id = row.envelope === null ? row.id : b64encode(crypto.getRandomValues(new Uint8Array(ID_BYTES)));
      const waiting = { ...row, id, envelope: null, state: "waiting", error: waits, at: row.at ?? Date.now() };
      return { ...waiting, fact: this.#waitingFact(waiting) };
    }
    const fact = await this.#factOf({ ...row, envelope });
    return { ...row, id: fact.id, envelope, fact };
  }

  /** One's own words are shown as they were written, also when the key has been forgotten meanwhile. */
  async #factOf({ envelope, draft }) {
    const fact = await readFact(envelope);
    return fact.isSealed ? { ...fact, body: draft.body, isClear: true, lock: "" } : fact;
  }

  /** What there is to show of a message that is no message yet. */
  #waitingFact({ id, at, draft }) {
    return {
      id, at, author: this.#me, topic: draft.topic, type: draft.type, burnAt: 0, mentions: draft.mentions ?? [],
      answers: draft.replyTo ? [draft.replyTo] : [], refs: draft.refs ?? [], prev: [], body: draft.body, isClear: true,
      isSealed: false, lock: "", header: null, cursor: 0,
    };
  }

  #keep({ fact: _fact, ...row }) {
    return this.#storage.put("outbox", row);
  }

  /** Try a failed message again. @param {string} id a message, or one that a failed message is about */
  async retry(id) {
    for (const entry of this.#failed(id)) {
      await this.#signAnew(entry, { tries: 0 });
    }
    this.pump();
  }

  /** Give a failed message up. @param {string} id as of retry */
  async discard(id) {
    for (const entry of this.#failed(id)) {
      await this.#remove(entry);
      this.#events.removed(entry);
    }
  }

  /** Messages that are not being sent: refused ones, and those that wait. */
  #failed(id) {
    const isAbout = (entry) => entry.id === id || entry.draft.refs?.some((ref) => ref.id === id);
    return [...this.#entries.values()].filter((entry) => entry.state !== "sending" && isAbout(entry));
  }

  async #signAnew(entry, change) {
    const after = await this.#sign({ ...entry, ...change, state: "sending", error: null });
    await this.#keep(after); // under the same number, so it takes the other's place
    if (after.id === entry.id) { // it waits on
      Object.assign(entry, after);
      this.#events.changed(entry);
      return;
    }
    this.#replace(entry, after);
    for (const other of [...this.#entries.values()]) {
      const draft = pointedAt(other.draft, entry.id, after.id);
      if (draft !== other.draft) {
        await this.#signAnew(other, { draft });
      }
    }
  }

  #replace(before, after) {
    const entries = [...this.#entries.values()].map((entry) => (entry === before ? after : entry));
    this.#entries = new Map(entries.map((entry) => [entry.id, entry]));
    this.#events.replaced(before, after);
  }

  async #remove(entry) {
    await this.#storage.remove("outbox", entry.seq);
    this.#entries.delete(entry.id);
    this.#count();
  }

  /** The hub has a message of one's own. @param {string} id */
  async delivered(id) {
    const entry = this.#entries.get(id);
    if (entry) {
      this.#entries.delete(id);
      this.#count();
      await this.#storage.remove("outbox", entry.seq); // where that fails it is sent again one day, as a duplicate
    }
  }

  #count() {
    this.#events.count(this.#entries.size);
  }

  // ---------------------------------------------------------------------------------------------------------- sending

  /** Send what waits, as long as there is a session. */
  async pump() {
    if (this.#isPumping || !this.#link.connection) {
      return;
    }
    this.#isPumping = true;
    clearTimeout(this.#timer);
    try {
      let batch = this.#nextBatch();
      while (batch.length && (await this.#publish(batch))) {
        batch = this.#nextBatch();
      }
    } catch (error) {
      if (!(error instanceof ClientError)) {
        throw error;
      }
      console.warn("the outbox:", error.code); // there is no room to keep what has become of a message
      this.#pace(MAX_RETRY_MS);
    } finally {
      this.#isPumping = false;
    }
  }

  #nextBatch() {
    const batch = [];
    let chars = 0;
    for (const entry of this.#entries.values()) {
      if (entry.state !== "sending" || !this.isReady(entry)) {
        continue;
      }
      chars += JSON.stringify(entry.envelope).length;
      if (batch.length === MAX_BATCH_MESSAGES || (batch.length && chars > MAX_BATCH_CHARS)) {
        break;
      }
      batch.push(entry);
    }
    return batch;
  }

  /** Gives whether to go on at once. */
  async #publish(batch) {
    let results;
    try {
      const answer = await this.#link.request("publish", { messages: batch.map((entry) => entry.envelope) });
      results = Array.isArray(answer.results) ? answer.results : [];
    } catch (error) {
      if (error instanceof ClientError) {
        return false; // the session ended: the next one sends it again
      }
      if (!(error instanceof AccordError)) {
        throw error;
      }
      results = batch.map(() => ({ status: "rejected", code: error.code, retry_ms: error.retryMs }));
    }
    let waitMs = -1;
    for (const [index, entry] of batch.entries()) {
      const result = results[index] ?? { status: "rejected", code: "busy" };
      if (result.status !== "rejected") {
        await this.#stored(entry);
      } else if (LATER.has(result.code)) {
        waitMs = Math.max(waitMs, Number(result.retry_ms) || this.#retryMs);
      } else {
        await this.#refused(entry, String(result.code));
      }
    }
    return this.#pace(waitMs);
  }

  #pace(waitMs) {
    if (waitMs < 0) {
      this.#retryMs = FIRST_RETRY_MS;
      return true;
    }
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
    this.#timer = setTimeout(() => this.pump(), Math.min(waitMs, MAX_RETRY_MS));
    return false;
  }

  async #stored(entry) {
    if (this.#entries.get(entry.id) === entry) {
      const removed = this.delivered(entry.id);
      this.#events.sent(entry);
      await removed;
    }
  }

  async #refused(entry, code) {
    const isStale = STALE.has(code) || this.#sealing.isStale(entry.envelope);
    if (isStale && entry.tries < MAX_TRIES) {
      await this.#learnTime();
      await this.#signAnew(entry, { tries: entry.tries + 1 });
    } else if (SILENT.has(entry.draft.type)) {
      await this.#remove(entry);
      this.#events.removed(entry);
    } else {
      await this.fail(entry.id, code);
    }
  }

  /** A message is not sent, unless its author tries again. @param {string} id @param {string} code @param {string} [detail] */
  async fail(id, code, detail) {
    const entry = this.#entries.get(id);
    if (entry) {
      Object.assign(entry, { state: "failed", error: { code, detail: detail || sentenceOf(code) } });
      this.#events.changed(entry);
      await this.#keep(entry);
    }
  }
}

function pointedAt(draft, before, after) {
  const refs = draft.refs?.map((ref) => (ref.id === before ? { ...ref, id: after } : ref));
  const isAbout = draft.replyTo === before || draft.refs?.some((ref) => ref.id === before);
  return isAbout ? { ...draft, refs, replyTo: draft.replyTo === before ? after : draft.replyTo } : draft;
}
