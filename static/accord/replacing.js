// A new key for an account: the proofs, the recovery code, the link by which others are asked (protocol.md section 8).
//
// Every proof names the hub, both keys and what it is for, so that none serves another purpose or another hub. Not
// here: who may replace whom and when, the words by which people compare keys (words.js).

import { b64decode, b64encode, canonical, concat } from "./encoding.js";
import { RemoteError } from "./errors.js";
import { signingKeyFromSeed, verify } from "./keys.js";
import { domain, expand, extract, labelledHash } from "./primitives.js";

export const CODE_BYTES = 32;
const CHECK_BYTES = 3;
const CODE_CHARS = 56;
const GROUP_CHARS = 4;
const MAX_TYPED_CHARS = 500;
const MAX_LINK_CHARS = 1_000;
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const READ_AS = new Map([["O", "0"], ["I", "1"], ["L", "1"]]);
const BETWEEN = /[\s-]+/g;
const LINK = /^(https?:\/\/[^/?#]+)\/vouch#([^.]*)\.([^.]*)\.([^.]*)$/;

/** @typedef {import("./keys.js").SigningKey} SigningKey */

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

/** A fresh recovery code. @returns {Uint8Array} */
export function newCode() {
  return crypto.getRandomValues(new Uint8Array(CODE_BYTES));
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

/** @param {Uint8Array} code */
async function checksum(code) {
  return (await labelledHash("recovery-check", code)).subarray(0, CHECK_BYTES);
}

/** @param {Uint8Array} bytes @returns {bigint} */
function numberOf(bytes) {
  return bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

/**
 * A code as people write it down: 14 groups of four, the last letters being its checksum.
 * @param {Uint8Array} code
 * @returns {Promise<string[]>}
 */
export async function codeGroups(code) {
  const number = numberOf(concat(code, await checksum(code)));
  const letters = Array.from({ length: CODE_CHARS }, (_, i) =>
    ALPHABET[Number((number >> BigInt(5 * (CODE_CHARS - 1 - i))) & 31n)]);
  return Array.from({ length: CODE_CHARS / GROUP_CHARS }, (_, i) =>
    letters.slice(i * GROUP_CHARS, (i + 1) * GROUP_CHARS).join(""));
}

/**
 * Letters of a code as they are compared. @param {string} text
 * @returns {string}
 */
export function plainLetters(text) {
  const letters = text.slice(0, MAX_TYPED_CHARS).replace(BETWEEN, "").toUpperCase();
  return Array.from(letters, (letter) => READ_AS.get(letter) ?? letter).join("");
}

/**
 * The code that a person has typed, however it is grouped; RemoteError("bad_request") with a sentence for them.
 * @param {string} text
 * @returns {Promise<Uint8Array>}
 */
export async function parseCode(text) {
  const letters = Array.from(plainLetters(text));
  if (letters.length !== CODE_CHARS) {
    throw new RemoteError("bad_request", `a recovery code has ${CODE_CHARS} letters and digits`);
  }
  let number = 0n;
  for (const letter of letters) {
    const place = ALPHABET.indexOf(letter);
    if (place < 0) throw new RemoteError("bad_request", "that letter is in no recovery code");
    number = (number << 5n) | BigInt(place);
  }
  const value = Uint8Array.from({ length: CODE_BYTES + CHECK_BYTES }, (_, i) =>
    Number((number >> BigInt(8 * (CODE_BYTES + CHECK_BYTES - 1 - i))) & 255n));
  const code = value.slice(0, CODE_BYTES);
  const check = await checksum(code);
  if (check.some((byte, i) => byte !== value[CODE_BYTES + i])) {
    throw new RemoteError("bad_request",
      "the recovery code is not typed as it was written down: compare it once more");
  }
  return code;
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
