// Proof of work for strangers (protocol.md section 10): the challenge's hash, its solution, its check.
//
// The search runs in a Worker (pow_worker.js), which the caller makes: only one place of a page may make script URLs.
// Not here: making challenges and judging solutions, which is a hub's business.

import { concat, canonical } from "./encoding.js";
import { AccordError, RemoteError } from "./errors.js";
import * as fields from "./fields.js";
import { domain, labelledHash, sha256, u64 } from "./primitives.js";

export const MAX_DIFFICULTY = 22;

const TABLE = fields.table({
  server: fields.key,
  key: fields.key,
  purpose: fields.oneOf("mail"),
  difficulty: fields.integer(0, 256),
  expires: fields.timeMs,
  nonce: fields.octets(16),
  tag: fields.octets(32),
});

/**
 * `ch` of section 10; `bind` is the 32-byte id of the message.
 * @param {Record<string, any>} challenge
 * @param {Uint8Array} bind
 * @returns {Promise<Uint8Array>}
 */
export function challengeHash(challenge, bind) {
  return labelledHash("pow-challenge", canonical(challenge), bind);
}

/**
 * The 32-byte hash whose leading zero bits are counted.
 * @param {Uint8Array} ch
 * @param {number} counter
 * @returns {Promise<Uint8Array>}
 */
export function work(ch, counter) {
  return sha256(concat(domain("pow"), ch, u64(counter)));
}

/**
 * Return if the hash has `difficulty` leading zero bits; else RemoteError("pow_needed").
 * @param {Uint8Array} ch
 * @param {number} counter
 * @param {number} difficulty
 * @returns {Promise<void>}
 */
export async function checkWork(ch, counter, difficulty) {
  const hash = await work(ch, counter);
  let zeros = 0;
  while (zeros < 256 && !(hash[zeros >> 3] & (0x80 >> (zeros & 7)))) zeros += 1;
  if (zeros < difficulty) throw new RemoteError("pow_needed", "the counter is no solution");
}

/**
 * The smallest counter that solves the challenge, found by `worker`, a Worker of pow_worker.js that does nothing else.
 *
 * `onProgress` gets the number tried, now and then. RemoteError("bad_request") for a challenge of another form or a
 * price above MAX_DIFFICULTY: a hub must not be able to keep its clients busy for ever. To give up, terminate the
 * worker.
 * @param {any} challenge
 * @param {Uint8Array} bind
 * @param {{worker: Worker, onProgress?: (tried: number) => void}} options
 * @returns {Promise<number>}
 */
export async function solve(challenge, bind, { worker, onProgress }) {
  const { difficulty } = fields.read(challenge, TABLE, "challenge");
  if (difficulty > MAX_DIFFICULTY) {
    throw new RemoteError("bad_request", `challenge.difficulty: at most ${MAX_DIFFICULTY} expected`);
  }
  const ch = await challengeHash(challenge, bind);
  const counter = await new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => {
      if (data.counter === undefined) onProgress?.(data.tried);
      else resolve(data.counter);
    };
    worker.onerror = () => reject(new AccordError("internal", "the worker of the proof of work failed"));
    worker.postMessage({ prefix: concat(domain("pow"), ch), difficulty });
  });
  await checkWork(ch, counter, difficulty);
  return counter;
}
