// Epochs and windows: the keys of an encrypted channel over time (protocol.md section 7).
//
// An epoch is a fresh secret, sealed to every device of every member; it gives the key of its first window, and each
// window's key the next one's, never the one before. Window keys are CryptoKeys that cannot be taken out; their bytes
// pass by only where they are made. Not here: who may rotate and when, storing keys, bodies (bodies.js).

import { b64decode, b64encode, canonical, compareBytes, concat, equal } from "./encoding.js";
import { RemoteError } from "./errors.js";
import { openBox, seal } from "./hpke.js";
import { domain, expand, expandKey, HASH_BYTES, u64 } from "./primitives.js";

export const DAY_MS = 24 * 3600 * 1000;
export const MIN_WINDOW_MS = 60 * 1000;
export const MAX_BOXES = 900;
export const SECRET_BYTES = 32;
export const LATE_MS = 2 * 60 * 1000; // so long after the next epoch a message of the one before may be dated
export const ROTATE_AFTER_MS = 7 * DAY_MS;
export const ROTATE_AFTER_MESSAGES = 5_000;
const BOXES_AT_ONCE = 8;

/**
 * What names an epoch's secret: Expand(epoch secret, D("epoch-kid")).
 * @param {Uint8Array} secret
 * @returns {Promise<Uint8Array>}
 */
export function epochKid(secret) {
  return expand(secret, "epoch-kid");
}

/**
 * The bytes of K[w0].
 * @param {Uint8Array} secret
 * @param {number} w0
 * @returns {Promise<Uint8Array>}
 */
export function firstWindowKey(secret, w0) {
  return expand(secret, "window", u64(w0));
}

/**
 * The bytes of K[w + 1], from K[w].
 * @param {CryptoKey} key of window `w`
 * @param {number} w
 * @returns {Promise<Uint8Array>}
 */
export function nextWindowKey(key, w) {
  return expandKey(key, "window", u64(w + 1));
}

/**
 * What names a window's key in a header.
 * @param {CryptoKey} key
 * @returns {Promise<Uint8Array>}
 */
export function messageKid(key) {
  return expandKey(key, "kid");
}

/**
 * The window of a moment.
 * @param {number} createdAt ms
 * @param {number} windowMs
 */
export function windowAt(createdAt, windowMs) {
  return Math.floor(createdAt / windowMs);
}

/**
 * How long a window is where what is said burns after `burnMs`; null: it does not burn.
 * @param {number | null} burnMs
 */
export function windowMsOf(burnMs) {
  return Math.max(MIN_WINDOW_MS, Math.min(DAY_MS, burnMs ?? DAY_MS));
}

/**
 * What a box of an epoch is bound to.
 * @param {{topic: string, epoch: number, from: string, user: string, boxkey: string}} bound keys in base64url
 */
function epochInfo({ topic, epoch, from, user, boxkey }) {
  return concat(domain("epoch"), canonical({ chan: topic, epoch, from, to_user: user, boxkey }));
}

/**
 * The same of a window's key for a newcomer.
 * @param {{topic: string, epoch: number, win: number, from: string, user: string, boxkey: string}} bound
 */
function historyInfo({ topic, epoch, win, from, user, boxkey }) {
  return concat(domain("history"), canonical({ chan: topic, epoch, win, from, to_user: user, boxkey }));
}

/**
 * One box for each device, a few at a time.
 * @param {{user: string, boxkey: string}[]} devices
 * @param {(device: {user: string, boxkey: string}) => Uint8Array} info
 * @param {Uint8Array} plaintext
 * @param {(done: number) => void} onProgress
 */
async function boxes(devices, info, plaintext, onProgress) {
  const sorted = [...devices].sort((a, b) => compareBytes(b64decode(a.user), b64decode(b.user))
    || compareBytes(b64decode(a.boxkey), b64decode(b.boxkey)));
  const members = [];
  for (let start = 0; start < sorted.length; start += BOXES_AT_ONCE) {
    members.push(...await Promise.all(sorted.slice(start, start + BOXES_AT_ONCE).map(async (device) => {
      const box = await seal(b64decode(device.boxkey, 32), info(device), plaintext);
      return { user: device.user, boxkey: device.boxkey, box: b64encode(box) };
    })));
    onProgress(members.length);
  }
  return members;
}

/**
 * The bodies of `space.epoch` for a new secret, one a part, in order; RemoteError where a box key is none.
 * @param {Uint8Array} secret SECRET_BYTES, fresh
 * @param {{topic: string, epoch: number, from: string, windowMs: number, reason: string, prevEpochHash?: string,
 *   devices: {user: string, boxkey: string}[]}} what keys and ids in base64url; `from`: who signs
 * @param {(done: number) => void} [onProgress] boxes made so far
 * @returns {Promise<Record<string, any>[]>}
 */
export async function makeEpoch(secret, what, onProgress = () => {}) {
  const { topic, epoch, from, windowMs, reason, prevEpochHash, devices } = what;
  const kid = b64encode(await epochKid(secret));
  const members = await boxes(devices, (device) => epochInfo({ topic, epoch, from, ...device }), secret, onProgress);
  const parts = Math.ceil(members.length / MAX_BOXES);
  return Array.from({ length: parts }, (_, i) => ({
    epoch,
    ...(prevEpochHash ? { prev_epoch_hash: prevEpochHash } : {}),
    window_ms: windowMs,
    kid,
    members: members.slice(i * MAX_BOXES, (i + 1) * MAX_BOXES),
    ...(parts > 1 ? { part: i + 1, parts } : {}),
    reason,
  }));
}

/**
 * The secret of an epoch, out of the box for one of one's own devices.
 *
 * RemoteError("bad_request"): the box does not open, or holds another secret than the epoch says.
 * @param {{topic: string, from: string, epoch: number, kid: Uint8Array, user: string, boxkey: string,
 *   box: Uint8Array}} sealed `from`: who has signed; keys in base64url
 * @param {import("./primitives.js").OneTimeKey} own the private half of `boxkey`
 * @returns {Promise<Uint8Array>}
 */
export async function openEpoch({ kid, box, ...bound }, own) {
  const secret = await openBox(own, epochInfo(bound), box);
  if (secret.length !== SECRET_BYTES || !equal(await epochKid(secret), kid)) {
    throw new RemoteError("bad_request", "the box holds another epoch's secret");
  }
  return secret;
}

/**
 * The body of `space.history`: the key of one window, sealed to devices of newcomers.
 * @param {Uint8Array} key the window's, its bytes
 * @param {{topic: string, epoch: number, win: number, from: string, devices: {user: string, boxkey: string}[]}} what
 */
export async function makeHistory(key, { topic, epoch, win, from, devices }) {
  const info = (/** @type {any} */ device) => historyInfo({ topic, epoch, win, from, ...device });
  return { epoch, win, members: await boxes(devices, info, key, () => {}) };
}

/**
 * The key of a window that was given to one's device; RemoteError("bad_request").
 * @param {{topic: string, from: string, epoch: number, win: number, user: string, boxkey: string, box: Uint8Array}} sealed
 * @param {import("./primitives.js").OneTimeKey} own
 * @returns {Promise<Uint8Array>}
 */
export async function openHistory({ box, ...bound }, own) {
  const key = await openBox(own, historyInfo(bound), box);
  if (key.length !== HASH_BYTES) throw new RemoteError("bad_request", "the box holds no window's key");
  return key;
}

/**
 * A checked `space.epoch` message: id and author in base64url, `body` as readBody gives it.
 * @typedef {{id: string, at: number, author: string, body: Record<string, any>}} EpochMessage
 */

/**
 * A whole epoch: `id`, `at` (ms), and so its first window `w0`, are those of its first part; `recipients` keys in
 * base64url.
 * @typedef {{number: number, id: string, author: string, at: number, windowMs: number, w0: number, kid: Uint8Array,
 *   prev: string, reason: string, recipients: {user: string, boxkey: string}[], parts: EpochMessage[]}} Epoch
 */

/** @param {{at: number, id: string}} a @param {{at: number, id: string}} b */
function age(a, b) {
  return a.at - b.at || compareBytes(b64decode(a.id), b64decode(b.id));
}

const named = (/** @type {Uint8Array | undefined} */ bytes) => (bytes ? b64encode(bytes) : "");

/**
 * The epochs of which all parts are among these messages of one channel, in no order.
 *
 * Parts belong together that have the same author, and say the same but for their members.
 * @param {Iterable<EpochMessage>} messages
 * @returns {Epoch[]}
 */
export function wholeEpochs(messages) {
  /** @type {Map<string, Map<number, EpochMessage>>} */
  const found = new Map();
  for (const message of messages) {
    const { epoch, kid, window_ms: windowMs, prev_epoch_hash: prev, reason, parts = 1, part = 1 } = message.body;
    const shared = JSON.stringify([message.author, epoch, named(kid), windowMs, named(prev), reason, parts]);
    const held = found.get(shared) ?? new Map();
    const other = held.get(part);
    if (!other || age(message, other) < 0) held.set(part, message);
    found.set(shared, held);
  }
  const whole = [...found.values()].filter((held) => held.size === (held.values().next().value.body.parts ?? 1));
  return whole.map((held) => joined([...held.keys()].sort((a, b) => a - b).map((part) =>
    /** @type {EpochMessage} */ (held.get(part)))));
}

/**
 * @param {EpochMessage[]} parts in order
 * @returns {Epoch}
 */
function joined(parts) {
  const [{ id, at, author, body }] = parts;
  return {
    number: body.epoch, id, author, at, windowMs: body.window_ms, w0: windowAt(at, body.window_ms), kid: body.kid,
    prev: named(body.prev_epoch_hash), reason: body.reason, parts,
    recipients: parts.flatMap((part) => part.body.members.map((/** @type {any} */ { user, boxkey }) =>
      ({ user: b64encode(user), boxkey: b64encode(boxkey) }))),
  };
}

/**
 * Of epochs with the same number the one that counts on every hub: the smallest (created_at, id); null of none.
 * @template {{at: number, id: string}} T
 * @param {Iterable<T>} candidates
 * @returns {T | null}
 */
export function winner(candidates) {
  return [...candidates].reduce((best, each) => (best && age(best, each) <= 0 ? best : each),
    /** @type {T | null} */ (null));
}

/**
 * Number 1, 2, 3 and so on of a channel, each on the winner before it; what stands on a loser is left out.
 * @param {Iterable<Epoch>} epochs
 * @returns {Epoch[]}
 */
export function epochLine(epochs) {
  const held = [...epochs];
  /** @type {Epoch[]} */
  const line = [];
  for (;;) {
    const before = line.at(-1)?.id ?? "";
    const best = winner(held.filter((epoch) => epoch.number === line.length + 1 && epoch.prev === before));
    if (!best) return line;
    line.push(best);
  }
}

/**
 * Whether a message of `createdAt` (ms) under the number `epoch` is invalid for the epoch that came after it.
 * @param {{at: number}[]} line the epochs, from number 1 on
 * @param {number} epoch
 * @param {number} createdAt
 */
export function isLate(line, epoch, createdAt) {
  return epoch >= 1 && epoch < line.length && createdAt > line[epoch].at + LATE_MS;
}
