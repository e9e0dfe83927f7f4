/**
 * The devices for which an epoch is sealed (protocol.md section 7), and whether they are others than they were.
 *
 * Not here: their keys (boxkeys.js).
 */

import { AccordError } from "../accord/errors.js";

const FEEDS_AT_ONCE = 4;

/**
 * All living devices of these people.
 * @param {string[]} users
 * @param {import("./boxkeys.js").BoxKeys} boxkeys
 */
export async function devicesOf(users, boxkeys) {
  const found = new Map();
  const waiting = [...users];
  const next = async () => {
    for (let user = waiting.shift(); user !== undefined; user = waiting.shift()) {
      found.set(user, await keysOf(user, boxkeys));
    }
  };
  await Promise.all(Array.from({ length: FEEDS_AT_ONCE }, next));
  return found;
}

/**
 * Those of one; of somebody whose feed cannot be read here there are none.
 * @param {string} user
 * @param {import("./boxkeys.js").BoxKeys} boxkeys
 */
export async function keysOf(user, boxkeys) {
  try {
    return await boxkeys.of(user);
  } catch (error) {
    if (error instanceof AccordError) {
      return [];
    }
    throw error;
  }
}

/**
 * Whether devices have come or gone since an epoch was made.
 * @param {{user: string, boxkey: string}[]} recipients
 * @param {Map<string, {boxkey: string, clientkey: string, former?: string[]}[]>} devices by user; `former`: box keys that
 *   the same device had before
 */
export function changeOf(recipients, devices) {
  const sealed = new Set(recipients.map(({ boxkey }) => boxkey));
  const known = new Set();
  for (const [user, keys] of devices) {
    const isIn = ({ boxkey, former = [] }) => [boxkey, ...former].some((each) => sealed.has(each));
    if (!keys.every(isIn)) {
      return recipients.some((each) => each.user === user) ? "device" : "join";
    }
    keys.flatMap(({ boxkey, former = [] }) => [boxkey, ...former]).forEach((each) => known.add(each));
  }
  return recipients.some(({ boxkey }) => !known.has(boxkey)) ? "device" : "";
}
