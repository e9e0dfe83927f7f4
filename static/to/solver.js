/**
 * Proof of work in a Worker of its own, which can be given up. The page's only Trusted Types policy lives here; it lets
 * through the address of that worker and nothing else.
 */

import { solve } from "../accord/pow.js";

const WORKER = new URL("../accord/pow_worker.js", import.meta.url).href;

const policy = globalThis.trustedTypes?.createPolicy("accord", {
  createScriptURL: (url) => {
    if (url !== WORKER) {
      throw new TypeError("not the worker of the proof of work");
    }
    return url;
  },
});

/** One search. `result` is the counter; null once it was given up. */
export class Solver {
  #worker = new Worker(/** @type {any} */ (policy ? policy.createScriptURL(WORKER) : WORKER));
  /** @type {(value: null) => void} */
  #giveUp = () => {};

  /**
   * @param {Record<string, any>} challenge
   * @param {Uint8Array} id of the message
   * @param {(part: number) => void} onProgress how likely it was to be done by now, 0 to 1
   */
  constructor(challenge, id, onProgress) {
    const usual = 2 ** Number(challenge?.difficulty);
    const work = solve(challenge, id, {
      worker: this.#worker,
      onProgress: (tried) => onProgress(1 - Math.exp(-tried / usual)),
    });
    const givenUp = new Promise((resolve) => (this.#giveUp = resolve));
    /** @type {Promise<number | null>} */
    this.result = Promise.race([work, givenUp]).finally(() => this.#worker.terminate());
  }

  giveUp() {
    this.#giveUp(null);
  }
}
