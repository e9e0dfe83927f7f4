/**
 * The time that messages and certificates carry (protocol.md sections 1 and 2).
 *
 * A hub refuses what is more than five minutes ahead of its clock. The hub document says the hub's time; where this
 * computer differs from it by more than that, the hub's time counts.
 */

export const MAX_DIFFERENCE_MS = 5 * 60 * 1000;

/** This computer's clock beside the hub's. */
export class Clock {
  #local;
  #difference = 0;

  /** @param {() => number} [local] milliseconds since 1970 by this computer */
  constructor(local = Date.now) {
    this.#local = local;
  }

  /** Hub's time minus this computer's when they differ by more than MAX_DIFFERENCE_MS, else 0. */
  get offsetMs() {
    return Math.abs(this.#difference) > MAX_DIFFERENCE_MS ? this.#difference : 0;
  }

  /** The time for created_at, and by which messages burn. */
  now() {
    return this.#local() + this.offsetMs;
  }

  /** The hub's time as exactly as it is known: for certificates, which are never to be from the hub's future. */
  hubNow() {
    return this.#local() + this.#difference;
  }

  /** This computer's time. */
  local() {
    return this.#local();
  }

  /**
   * Learn the hub's time from something it said.
   * @param {number} hubAt what it said
   * @param {number} asked this computer's time before the question
   * @param {number} answered and after the answer
   */
  learn(hubAt, asked, answered) {
    this.#difference = Math.round(hubAt - (asked + answered) / 2);
  }
}
