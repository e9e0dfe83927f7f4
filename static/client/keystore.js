/**
 * Keys of encrypted channels (protocol.md section 7, windows), as this browser keeps them: one record an epoch, with the
 * key of the earliest window that is not forgotten. Later windows follow from it, earlier ones do not.
 *
 * Keys are CryptoKeys that cannot be taken out. Beside each lie its bytes, sealed with a key of this browser that cannot
 * be taken out either: for the vault, and for newcomers whom an admin gives what was said before. Not here: where keys
 * come from (connections.js, epochs.js), what they open (sealing.js).
 */

import { isLate, nextWindowKey, winner } from "../accord/epochs.js";
import { importHmacKey, open, seal } from "../accord/primitives.js";

const STORE = "windows";
const WRAP = "windows-wrap";
const NONCE_BYTES = 12;
const NO_AAD = new Uint8Array();
const MAX_WINDOWS_AHEAD = 2 ** 20; // two years of the shortest windows; who says a later one only makes readers work

/**
 * What is known of an epoch. `win`: the window of `key`; `users`: for whom it was sealed, empty until that is known;
 * `prev`: the id of the epoch before, "" for none; `author`: who made it; `burnMs`: how long what is said under it is
 * there, null for ever; `count`: how many messages the channel had.
 * @typedef {{topic: string, epoch: number, id: string, prev: string, author: string, createdAt: number,
 *   windowMs: number, win: number, users: string[], burnMs: number | null, count: number}} EpochFacts
 * @typedef {EpochFacts & {key: CryptoKey, nonce: Uint8Array, sealed: Uint8Array}} EpochRecord
 */

/** All of them, by topic. */
export class Keystore {
  /** Bytes of a new key are at hand. @type {(record: EpochFacts & {key: Uint8Array}) => void} */
  onNewKey = () => {};
  /** Earlier windows than `win` are forgotten. @type {(facts: EpochFacts) => void} */
  onDropped = () => {};
  /** @type {Map<string, EpochRecord[]>} */
  #records = new Map();
  /** @type {WeakMap<EpochRecord, Map<number, CryptoKey>>} later windows that were needed */
  #derived = new WeakMap();
  #storage;
  /** @type {CryptoKey} */
  #wrap;

  /** @param {import("./storage.js").Storage} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  async load() {
    const fresh = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    this.#wrap = await this.#storage.update("facts", WRAP, (kept) => (kept ? undefined : fresh));
    for (const record of await this.#storage.all(STORE)) {
      this.#hold(record);
    }
  }

  #hold(record) {
    const others = (this.#records.get(record.topic) ?? []).filter((each) => each.id !== record.id);
    this.#records.set(record.topic, [...others, record]);
  }

  /** The topics of which keys are held. */
  topics() {
    return [...this.#records.keys()];
  }

  /** Whether there is any key of a topic. @param {string} topic */
  has(topic) {
    return this.#records.has(topic);
  }

  /** All epochs of a topic; with a number those that bear it: two, where two were made at once. */
  of(topic, epoch = 0) {
    return (this.#records.get(topic) ?? []).filter((record) => epoch === 0 || record.epoch === epoch);
  }

  /** The winner of the greatest number; null without any. @param {string} topic */
  newest(topic) {
    const records = this.of(topic);
    const number = Math.max(0, ...records.map((record) => record.epoch));
    const best = winner(records.filter((record) => record.epoch === number)
      .map((record) => ({ at: record.createdAt, id: record.id, record })));
    return best?.record ?? null;
  }

  /** Whether a message of that time is too late for its epoch. @param {string} topic */
  isLate(topic, epoch, createdAt) {
    const next = this.of(topic, epoch + 1).map(({ createdAt: at, id }) => ({ at, id }));
    const after = winner(next);
    return after !== null && isLate([{ at: 0 }, after], 1, createdAt);
  }

  /**
   * Keep the key of a window and of all after it. A record that reaches further back is not overwritten.
   * @param {EpochFacts & {key: Uint8Array}} record `key`: the bytes of the key of window `win`
   */
  async putKey(record) {
    const held = this.of(record.topic).find((each) => each.id === record.id);
    if (held && held.win <= record.win) {
      return;
    }
    const { topic, epoch, id, prev, author, createdAt, windowMs, win, users, burnMs, count } = record;
    const facts = { topic, epoch, id, prev, author, createdAt, windowMs, win, users, burnMs, count };
    await this.#keep(facts, record.key);
    this.onNewKey({ ...facts, key: record.key });
  }

  async #keep(facts, bytes) {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const kept = { ...facts, key: await importHmacKey(bytes), nonce, sealed: await seal(this.#wrap, nonce, bytes, NO_AAD) };
    this.#hold(kept); // also where there is no room for it: it opens what comes until this worker ends
    await this.#storage.put(STORE, kept, placeOf(kept));
  }

  /** The bytes of a record's key. @param {EpochRecord} record @returns {Promise<Uint8Array>} */
  bytesOf({ nonce, sealed }) {
    return open(this.#wrap, nonce, sealed, NO_AAD);
  }

  /** All that is kept, with the bytes of each key, as `putKey` takes them: for the vault. */
  exported() {
    const records = [...this.#records.values()].flat();
    return Promise.all(records.map(async (record) => {
      const { key: _key, nonce: _nonce, sealed: _sealed, ...facts } = record;
      return { ...facts, key: await this.bytesOf(record) };
    }));
  }

  /**
   * The key of a window; null where it is forgotten, or further ahead than anybody speaks.
   * @param {EpochRecord} record
   * @param {number} win
   * @returns {Promise<CryptoKey | null>}
   */
  async windowKey(record, win) {
    if (win < record.win || win - record.win > MAX_WINDOWS_AHEAD) {
      return null;
    }
    const derived = this.#derived.get(record) ?? new Map([[record.win, record.key]]);
    this.#derived.set(record, derived);
    let at = Math.max(...[...derived.keys()].filter((each) => each <= win));
    let key = derived.get(at);
    for (; at < win; at += 1) {
      key = await importHmacKey(await nextWindowKey(key, at));
    }
    derived.set(win, key);
    return key;
  }

  /** Forget the windows before `win`: what was said in them has burned. @param {EpochRecord} record */
  async drop(record, win) {
    const before = win > record.win ? await this.windowKey(record, win - 1) : null;
    if (before) {
      const { key: _key, nonce: _nonce, sealed: _sealed, ...rest } = record;
      const facts = { ...rest, win };
      await this.#keep(facts, await nextWindowKey(before, win - 1));
      this.onDropped(facts);
    }
  }

  /** What is said under an epoch burns later than was thought, or never. @param {EpochRecord} record */
  keepLonger(record, burnMs) {
    return this.#change({ ...record, burnMs });
  }

  /** For whom an epoch was sealed has become known. @param {EpochRecord} record @param {string[]} users */
  learnUsers(record, users) {
    return this.#change({ ...record, users });
  }

  async #change(kept) {
    await this.#storage.put(STORE, kept, placeOf(kept));
    this.#hold(kept);
  }
}

function placeOf({ topic, epoch, id }) {
  return `${topic} ${epoch} ${id}`;
}
