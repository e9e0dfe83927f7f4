/**
 * The control messages of channels of spaces, as far as they are held here, and which epochs count (protocol.md
 * section 7): those that an admin has made, and those on which one that counts stands.
 *
 * Not here: opening and making them (epochs.js).
 */

import { wholeEpochs, winner } from "../accord/epochs.js";
import { readFacts } from "./verify.js";

const TYPES = new Set(["space.epoch", "space.history"]);
const PAGE_MESSAGES = 500;
const MAX_PAGES = 20;

/** Those of all channels. */
export class EpochLine {
  /** @type {Map<string, Map<string, import("./verify.js").Fact>>} topic -> its control messages */
  #held = new Map();
  #read = new Set();
  #parts;

  /**
   * @param {{keystore: import("./keystore.js").Keystore, spaces: import("./spaces.js").Spaces,
   *   link: import("./link.js").Link}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /** There is a new session: something may have been missed. */
  restarted() {
    this.#read.clear();
  }

  /**
   * A message of a channel. Gives whether it is one of these, and was not held.
   * @param {import("./verify.js").Fact} fact
   */
  take(fact) {
    if (!TYPES.has(fact.type) || fact.body === null) {
      return false;
    }
    const held = this.#held.get(fact.topic) ?? new Map();
    this.#held.set(fact.topic, held);
    const isNew = !held.has(fact.id);
    held.set(fact.id, fact);
    return isNew;
  }

  /** Windows that admins have given later. @param {string} topic */
  histories(topic) {
    return [...(this.#held.get(topic)?.values() ?? [])].filter(({ type }) => type === "space.history");
  }

  /**
   * The control messages of a channel, back to the newest epoch that is held already; once a session.
   * @param {string} topic
   */
  async read(topic) {
    if (this.#read.has(topic) && !this.#lacks(topic)) {
      return;
    }
    const newest = this.#lacks(topic) ? null : this.#parts.keystore.newest(topic);
    let before;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const asked = { topic, limit: PAGE_MESSAGES, ...(before ? { before } : {}) };
      const answer = await this.#parts.link.request("fetch", asked);
      const facts = await readFacts(answer.messages, (header) => TYPES.has(header.type));
      facts.filter((fact) => fact.topic === topic && fact.body !== null).forEach((fact) => this.take(fact));
      before = answer.next;
      if (!answer.more || !before || facts.some((fact) => fact.id === newest?.id)) {
        break;
      }
    }
    this.#read.add(topic);
  }

  /** Whether windows were given to this browser of an epoch whose message is not held. */
  #lacks(topic) {
    const held = [...(this.#held.get(topic)?.values() ?? [])];
    const isHeld = (number) => this.#parts.keystore.of(topic, number).length > 0
      || held.some(({ type, body }) => type === "space.epoch" && body.epoch === number);
    return held.some(({ type, body }) => type === "space.history" && !isHeld(body.epoch));
  }

  /**
   * The epochs of a channel that count, as far as they are held here.
   * @param {string} topic
   * @returns {import("../accord/epochs.js").Epoch[]}
   */
  counting(topic) {
    const admins = new Set(this.#parts.spaces.channel(topic)?.admins);
    const known = new Set(this.#parts.keystore.of(topic).map(({ id }) => id));
    const messages = [...(this.#held.get(topic)?.values() ?? [])].filter(({ type }) => type === "space.epoch");
    const whole = new Map(wholeEpochs(messages).map((epoch) => [epoch.id, epoch]));
    const counting = [...whole.values()].filter((epoch) => admins.has(epoch.author) || known.has(epoch.id));
    const found = new Set(counting);
    for (const { prev, number } of found) { // grows while it is walked
      const before = whole.get(prev);
      if (before && before.number === number - 1) {
        found.add(before);
      }
    }
    return [...found];
  }

  /** The epoch that counts now; null without any. @param {string} topic */
  current(topic) {
    const epochs = this.counting(topic);
    const greatest = Math.max(0, ...epochs.map(({ number }) => number));
    return this.best(topic, epochs.filter(({ number }) => number === greatest));
  }

  /**
   * Of several with one number: whoever is no admin any more may have dated theirs back.
   * @template {{author: string, at: number, id: string}} E
   * @param {string} topic
   * @param {E[]} epochs
   * @returns {E | null}
   */
  best(topic, epochs) {
    const admins = this.#parts.spaces.channel(topic)?.admins ?? [];
    const standing = epochs.filter(({ author }) => admins.includes(author));
    return winner(standing.length ? standing : epochs);
  }
}
