// What is proved of an account's former keys: who has signed for each change (protocol.md section 8, `former`).
//
// A row of `topics` tells which keys an account had and what was signed for each change. Whoever reads it believes the
// hub that the account has the newest key now; whether the person wanted that is for the signatures to say, and these
// need nobody's word. Not here: whether those who vouched had a right to it, which only the hub's invite tree knows.

import { b64decode, b64encode } from "./encoding.js";
import { RemoteError } from "./errors.js";
import { checkType, readBody } from "./message_types.js";
import { readMessage, TIME_LIMIT_MS } from "./messages.js";
import { verifyRecoveryProof, verifyReplacementProof } from "./replacing.js";
import { readAdmin } from "./statements.js";

const MAX_SIGNED = 32; // messages a change
const MAX_FORMER = 100;

/**
 * @typedef {"key" | "recovery" | "chain" | "hub" | "unproved"} Way the old key itself has signed; a recovery key that the
 *   old key had named; others have vouched; of the hub's admin, the hub itself has signed who that is; it just says so
 * @typedef {{way: Way, by: string[], signedAt: number}} Proof `by`: who signed for the new key; `signedAt` (ms): when the
 *   old key signed, or named the recovery key, or the last one vouched, or the hub signed
 * @typedef {{key: string, at: number} & Proof} FormerKey a key that an account had, and what is proved of the change to
 *   the one after it; `at` (ms) is the hub's word
 */

/** @type {Proof} */
const UNPROVED = { way: "unproved", by: [], signedAt: 0 };

/**
 * The former keys of a user's account on a hub, the newest first; RemoteError where the list has not its form. What a
 * change brings as evidence and is not genuine, or of another change, proves nothing.
 * @param {any} values
 * @param {{hub: Uint8Array, user: string}} whose
 * @returns {Promise<FormerKey[]>}
 */
export async function readFormer(values, { hub, user }) {
  if (values === undefined) return [];
  if (!Array.isArray(values) || values.length < 1 || values.length > MAX_FORMER) {
    throw new RemoteError("bad_request", `1..${MAX_FORMER} former keys expected`);
  }
  const found = [];
  let newKey = user;
  for (const value of values) {
    const { key, at } = value ?? {};
    b64decode(key, 32);
    if (!Number.isSafeInteger(at) || at < 0 || at >= TIME_LIMIT_MS) {
      throw new RemoteError("bad_request", "at: a time is expected");
    }
    found.push({ key, at, ...(await proofOf(value, { hub, old: key, newKey })) });
    newKey = key;
  }
  return found;
}

/** @param {any} value @param {{hub: Uint8Array, old: string, newKey: string}} keys */
async function proofOf(value, keys) {
  try {
    return await verifyChange(value, keys);
  } catch (error) {
    if (error instanceof RemoteError) return UNPROVED;
    throw error;
  }
}

/**
 * Who has signed for one change from `old` to `newKey`, and when; RemoteError unless what was signed proves it.
 * @param {any} value
 * @param {{hub: Uint8Array, old: string, newKey: string}} keys
 * @returns {Promise<Proof>}
 */
export async function verifyChange({ way, signed, statement }, { hub, old, newKey }) {
  if (way === "hub") return appointed(statement, { hub, old, newKey });
  if (!Array.isArray(signed) || signed.length < 1 || signed.length > MAX_SIGNED) {
    throw new RemoteError("bad_request", "nothing that was signed comes with it, or too much");
  }
  const messages = await Promise.all(signed.map((envelope) => read(envelope, `hub:${b64encode(hub)}`)));
  const by = messages.map((message) => message.author);
  const last = /** @type {import("./messages.js").Message} */ (messages.at(-1));
  if (way === "chain") {
    if (new Set(by).size !== by.length || by.includes(old) || by.includes(newKey)) {
      throw new RemoteError("bad_request", "others vouch, each once");
    }
    for (const message of messages) await checkAgreed(message, "vouch_replace", { hub, old, newKey });
    return { way, by, signedAt: Math.max(...messages.map((message) => message.createdAt)) };
  }
  if (way === "recovery" && messages.length === 2) {
    await checkNamed(messages[0], { hub, old, recovery: last.author });
  } else if (way !== "key" || by.length !== 1 || by[0] !== old) {
    throw new RemoteError("bad_request", "that is no way to a new key, or not what was signed for it");
  }
  await checkAgreed(last, "replace_account", { hub, old, newKey });
  return { way, by: [last.author], signedAt: messages[0].createdAt };
}

/** @param {any} statement @param {{hub: Uint8Array, old: string, newKey: string}} keys @returns {Promise<Proof>} */
async function appointed(statement, { hub, old, newKey }) {
  const admin = await readAdmin(statement, hub);
  const others = admin.also.map(({ user }) => user);
  if (!others.includes(old) || ![admin.user, ...others].includes(newKey)) {
    throw new RemoteError("bad_request", "the hub has signed that somebody else is its admin");
  }
  return { way: "hub", by: [b64encode(hub)], signedAt: statement.at };
}

/** @param {any} envelope @param {string} topic */
async function read(envelope, topic) {
  const message = await readMessage(envelope);
  checkType(message);
  if (message.topic.name !== topic || message.crit.length > 0) {
    throw new RemoteError("bad_request", "that was signed for another hub, or says more than is understood");
  }
  return message;
}

/**
 * Return if a message puts the new key in place of the old one, and the new key has agreed.
 * @param {import("./messages.js").Message} message
 * @param {string} type
 * @param {{hub: Uint8Array, old: string, newKey: string}} keys
 */
async function checkAgreed(message, type, { hub, old, newKey }) {
  if (message.type !== type) throw new RemoteError("bad_request", `a ${type} is expected`);
  const { pubkey = message.authorKey, new_pubkey: named, proof } = readBody(message);
  if (b64encode(pubkey) !== old || b64encode(named) !== newKey) {
    throw new RemoteError("bad_request", "that was signed for other keys");
  }
  await verifyReplacementProof(proof, { hub, old: b64decode(old, 32), newKey: b64decode(newKey, 32) });
}

/**
 * Return if the old key has named this recovery key, and that has agreed.
 * @param {import("./messages.js").Message} message
 * @param {{hub: Uint8Array, old: string, recovery: string}} keys
 */
async function checkNamed(message, { hub, old, recovery }) {
  if (message.type !== "set_recovery" || message.author !== old) {
    throw new RemoteError("bad_request", "the old key's set_recovery is expected");
  }
  const { recovery: named, proof } = readBody(message);
  if (b64encode(named) !== recovery) {
    throw new RemoteError("bad_request", "the old key had named another recovery key");
  }
  await verifyRecoveryProof(proof, { hub, user: b64decode(old, 32), recoveryKey: named });
}
