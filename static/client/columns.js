/**
 * The topics in which a conversation lies, read backwards page by page: one channel or, between two people, two inboxes
 * and the channels of their connections.
 *
 * Pages of a topic come newest first, so what is held is whole down to a floor: the oldest place loaded of the topic
 * that has more. Not here: the wire (the `fetch` given), the order of what is held (timeline.js).
 */

import { comparePlaces } from "./order.js";

/** One of the topics. */
class Column {
  before = null;
  oldest = null;
  hasMore = true;

  constructor(topic, author) {
    this.topic = topic;
    this.author = author; // of a shared inbox only this author's messages belong to the conversation
  }
}

/** All of them. */
export class Columns {
  /** @type {Column[]} */
  #all;
  #fetch;

  /**
   * @param {{topic: string, author: string | null}[]} places
   * @param {(topic: string, author: string | null, before: string | null, limit: number) => Promise<{
   *   facts: import("./verify.js").Fact[], oldest: object | null, before: string | null, more: boolean}>} fetch
   */
  constructor(places, fetch) {
    this.#all = places.map(({ topic, author }) => new Column(topic, author));
    this.#fetch = fetch;
  }

  get hasMore() {
    return this.#all.some((column) => column.hasMore);
  }

  /** Topics, and of shared inboxes whose messages. */
  get places() {
    return this.#all.map(({ topic, author }) => ({ topic, author }));
  }

  /** Whether a place lies above the floor. @param {{at: number, id: string}} place */
  isWhole(place) {
    return this.#all.every(({ hasMore, oldest }) => !hasMore || (oldest && comparePlaces(place, oldest) >= 0));
  }

  /**
   * A page of each for the first time, then of the one that lets the floor sink.
   * @param {number} limit
   * @param {boolean} isFirst
   * @param {(fact: import("./verify.js").Fact) => void} take gets what is in a page, also where another one fails
   */
  async read(limit, isFirst, take) {
    const columns = isFirst ? this.#all : [this.#limiting()];
    await Promise.all(columns.map((column) => this.#page(column, limit, take)));
  }

  async #page(column, limit, take) {
    const page = await this.#fetch(column.topic, column.author, column.before, limit);
    column.before = page.before ?? column.before;
    column.oldest = page.oldest ?? column.oldest;
    column.hasMore = page.more && page.before !== null;
    page.facts.forEach(take);
  }

  #limiting() {
    const open = this.#all.filter((column) => column.hasMore);
    return open.reduce((best, column) => {
      return !column.oldest || (best.oldest && comparePlaces(column.oldest, best.oldest) > 0) ? column : best;
    });
  }
}
