/**
 * Who can be asked to talk encrypted: whoever's devices have published keys, for then their client knows what to do with
 * a request. Known of those that were looked at.
 *
 * Not here: asking (connections.js).
 */

/** All that is known of that. */
export class Askable {
  /** @type {Map<string, boolean>} */
  #known = new Map();
  /** @type {Map<string, object>} who is being looked at, or could not be; the newest look counts */
  #looks = new Map();
  #keysOf;
  #onKnown;

  /**
   * @param {(key: string) => Promise<object[]>} keysOf of somebody's devices
   * @param {(key: string) => void} onKnown of whom there is news
   */
  constructor(keysOf, onKnown) {
    this.#keysOf = keysOf;
    this.#onKnown = onKnown;
  }

  /** Whether somebody can be asked; undefined: not known yet. @param {string} key */
  canAsk(key) {
    return this.#known.get(key);
  }

  /** Find out. @param {string} key */
  async look(key) {
    const look = {};
    this.#looks.set(key, look);
    const canAsk = (await this.#keysOf(key)).length > 0;
    if (this.#looks.get(key) === look) {
      this.#looks.delete(key);
      if (this.#known.get(key) !== canAsk) {
        this.#known.set(key, canAsk);
        this.#onKnown(key);
      }
    }
  }

  /** There is a session: what could not be found out before. */
  opened() {
    [...this.#looks.keys()].forEach((key) => this.#again(key));
  }

  /** The keys of somebody's devices may be others now. @param {string} key */
  devicesChanged(key) {
    if (this.#looks.has(key) || this.#known.has(key)) {
      this.#again(key);
    }
  }

  #again(key) {
    this.look(key).catch((error) => error.code ?? console.error(error));
  }
}
