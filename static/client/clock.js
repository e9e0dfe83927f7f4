/**
 * The time that messages and certificates carry (protocol.md sections 1 and 2).
 *
 * A hub refuses what is more than five minutes ahead of its clock. The hub document says the hub's time; where this
 * computer differs from it by more than that, the hub's time counts. A clock that is set while the page is open is
 * noticed by the one that only counts on.
 */

export const MAX_DIFFERENCE_MS = 5 * 60 * 1000;
/** Two clocks of one computer differ by more only when one was set, or while it slept. */
const JUMP_MS = 30_000;

/** This computer's clock beside the hub's. */
export class Clock {
  #local;
  #learned = 0;
  #begun;

  /** @param {() => number} [local] milliseconds since 1970 by this computer */
  constructor(local = Date.now) {
    this.#local = local;
    this.#begun = this.#begin();
  }

  /** When the clock that only counts on began, by the other one. */
  #begin() {
    return this.#local() - performance.now();
  }

  /** How far this computer's clock has been set since the hub's time was learned. */
  get #setMs() {
    const set = this.#begin() - this.#begun;
    return Math.abs(set) > JUMP_MS ? set : 0;
  }

  /** Whether the hub's time is to be learned again. */
  get hasJumped() {
    return this.#setMs !== 0;
  }

  /** Hub's time minus this computer's. What is set back cannot have slept, so it is known how far; else the hub says. */
  get #difference() {
    return this.#learned - Math.min(0, this.#setMs);
  }

  /** Hub's time minus this computer's when they differ by more than MAX_DIFFERENCE_MS, else 0. */
  get offsetMs() {
    const difference = this.#difference;
    return Math.abs(difference) > MAX_DIFFERENCE_MS ? difference : 0;
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
    this.#learned = Math.round(hubAt - (asked + answered) / 2);
    this.#begun = this.#begin();
  }
}
