// A new key for an account: the proofs, the recovery code, the link by which others are asked (protocol.md section 8).
//
// Every proof names the hub, both keys and what it is for, so that none serves another purpose or another hub. Not
// here: who may replace whom and when, the words by which people compare keys (words.js).

import { CodeForm } from "./codes.js";
import { b64decode, b64encode, canonical } from "./encoding.js";
import { RemoteError } from "./errors.js";
import { signingKeyFromSeed, verify } from "./keys.js";
import { domain, expand, extract, labelledHash } from "./primitives.js";

const MAX_LINK_CHARS = 1_000;
const LINK = /^(https?:\/\/[^/?#]+)\/vouch#([^.]*)\.([^.]*)\.([^.]*)$/;

/** @typedef {import("./keys.js").SigningKey} SigningKey */

/** Of 14 groups of four. */
export const RECOVERY_CODE = new CodeForm(
  "recovery code", (code) => labelledHash("recovery-check", code), { size: 32, check: 3 });

/** @param {Uint8Array} hub @param {Uint8Array} user */
function recovery(hub, user) {
  return canonical({ hub: b64encode(hub), user: b64encode(user) });
}

/**
 * The recovery key's word that it stands for `user` on `hub`: 64 bytes.
 * @param {SigningKey} key
 * @param {{hub: Uint8Array, user: Uint8Array}} what
 */
export function makeRecoveryProof(key, { hub, user }) {
  return key.sign("recovery", recovery(hub, user));
}

/**
 * Return, or throw RemoteError("bad_sig").
 * @param {Uint8Array} proof
 * @param {{hub: Uint8Array, user: Uint8Array, recoveryKey: Uint8Array}} what public keys
 */
export function verifyRecoveryProof(proof, { hub, user, recoveryKey }) {
  return verify(recoveryKey, "recovery", recovery(hub, user), proof);
}

/** @param {Uint8Array} hub @param {Uint8Array} old @param {Uint8Array} newKey */
function replacement(hub, old, newKey) {
  return canonical({ hub: b64encode(hub), old: b64encode(old), new: b64encode(newKey) });
}

/**
 * The new key's word that it takes over the claimed account of `old` on `hub`: 64 bytes. No claim of an invite.
 * @param {SigningKey} newKey
 * @param {{hub: Uint8Array, old: Uint8Array}} what
 */
export function makeReplacementProof(newKey, { hub, old }) {
  return newKey.sign("replacement", replacement(hub, old, newKey.publicKey));
}

/**
 * Return, or throw RemoteError("bad_sig").
 * @param {Uint8Array} proof
 * @param {{hub: Uint8Array, old: Uint8Array, newKey: Uint8Array}} what public keys
 */
export function verifyReplacementProof(proof, { hub, old, newKey }) {
  return verify(newKey, "replacement", replacement(hub, old, newKey), proof);
}

/**
 * The recovery key of a code on one hub; on another hub the same code is another key.
 * @param {Uint8Array} code
 * @param {Uint8Array} hub
 * @returns {Promise<SigningKey>}
 */
export async function recoveryKey(code, hub) {
  return signingKeyFromSeed(await recoverySeed(code, hub));
}

/** Its 32 private bytes. @param {Uint8Array} code @param {Uint8Array} hub */
export async function recoverySeed(code, hub) {
  return expand(await extract(domain("recovery-code"), code), "recovery-key", hub);
}

/**
 * The link that a person without the old key hands to those who know them.
 * @param {string} origin
 * @param {{old: Uint8Array, newKey: Uint8Array, proof: Uint8Array}} what
 * @returns {string}
 */
export function vouchLink(origin, { old, newKey, proof }) {
  return `${origin}/vouch#${b64encode(old)}.${b64encode(newKey)}.${b64encode(proof)}`;
}

/**
 * The parts of such a link; the proof is not looked at. RemoteError("bad_request").
 * @param {string} link
 * @returns {{origin: string, old: Uint8Array, newKey: Uint8Array, proof: Uint8Array}}
 */
export function parseVouchLink(link) {
  const match = link.length > MAX_LINK_CHARS ? null : LINK.exec(link.trim());
  if (match === null) {
    throw new RemoteError("bad_request", "a request for a new key looks like https://hub/vouch#... : copy it whole");
  }
  const [, origin, old, newKey, proof] = match;
  return { origin, old: b64decode(old, 32), newKey: b64decode(newKey, 32), proof: b64decode(proof, 64) };
}
