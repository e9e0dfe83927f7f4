// Ed25519 keys with strict verification, fingerprints (protocol.md sections 0 and 0.2).
//
// Verification is a consensus rule: what one peer accepts every peer must accept, so the edge cases are refused before
// WebCrypto is asked. A generated key cannot be exported; IndexedDB can keep the CryptoKey. Not here: where keys are
// kept.

import { b64encode, concat } from "./encoding.js";
import { RemoteError } from "./errors.js";
import { domain, importPrivate, KEY_BYTES } from "./primitives.js";

export { KEY_BYTES };
export const SIGNATURE_BYTES = 64;
export const MAX_CACHED_KEYS = 4096;

// L = 2^252 + 27742317777372353535851937790883648493, little endian.
const L = Uint8Array.from([
  0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
]);
// The two small-order encodings that are not a small number or p - 1; those of p and p + 1 are not reduced.
const SMALL_ORDER = ["26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"].map((hex) =>
  Uint8Array.from({ length: KEY_BYTES }, (_, i) => parseInt(hex.slice(i * 2, i * 2 + 2), 16)));

/**
 * Whether 32 bytes at `at` (sign bit masked) are one of the points that no key and no R may be: y >= p, or small order.
 * @param {Uint8Array} bytes
 * @param {number} at
 * @returns {boolean}
 */
function isForbiddenPoint(bytes, at) {
  const first = bytes[at];
  const last = bytes[at + 31] & 0x7f;
  if (last === 0 && first <= 1) return isFilled(bytes, at, 0); // 0, 1
  if (last === 0x7f && first >= 0xec) return isFilled(bytes, at, 0xff); // p - 1, and all from p on
  for (const point of SMALL_ORDER) {
    if (first === point[0] && last === point[31]) {
      let same = true;
      for (let i = 1; i < 31 && same; i += 1) same = bytes[at + i] === point[i];
      if (same) return true;
    }
  }
  return false;
}

/**
 * @param {Uint8Array} bytes
 * @param {number} at
 * @param {number} byte
 * @returns {boolean} whether all bytes of a point but its first and last are `byte`
 */
function isFilled(bytes, at, byte) {
  for (let i = at + 1; i < at + 31; i += 1) {
    if (bytes[i] !== byte) return false;
  }
  return true;
}

/**
 * @param {Uint8Array} signature
 * @returns {boolean} whether S < L
 */
function isReduced(signature) {
  for (let i = 31; i >= 0; i -= 1) {
    if (signature[32 + i] !== L[i]) return signature[32 + i] < L[i];
  }
  return false;
}

/** @type {Map<string, Promise<CryptoKey>>} checked public keys by their base64url text */
const publicKeys = new Map();

/**
 * @param {Uint8Array} publicKey
 * @param {string} name its base64url text
 * @returns {Promise<CryptoKey>}
 */
function importPublic(publicKey, name) {
  let imported = publicKeys.get(name);
  if (imported !== undefined) return imported;
  if (isForbiddenPoint(publicKey, 0)) throw new RemoteError("bad_sig", "not a point that a key may use");
  imported = crypto.subtle.importKey("raw", publicKey, "Ed25519", true, ["verify"]);
  if (publicKeys.size >= MAX_CACHED_KEYS) publicKeys.delete(/** @type {string} */ (publicKeys.keys().next().value));
  publicKeys.set(name, imported);
  return imported;
}

/**
 * Strict Ed25519 over unlabelled bytes (section 0.2): return, or throw RemoteError("bad_sig").
 * @param {Uint8Array} publicKey
 * @param {Uint8Array} data
 * @param {Uint8Array} signature
 * @param {string} [name] the key's base64url text, where the caller has it
 * @returns {Promise<void>}
 */
export async function verifyRaw(publicKey, data, signature, name) {
  if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) {
    throw new RemoteError("bad_sig", "wrong length");
  }
  if (!isReduced(signature)) throw new RemoteError("bad_sig", "S is not reduced");
  if (isForbiddenPoint(signature, 0)) throw new RemoteError("bad_sig", "not a point that a signature may use");
  const imported = importPublic(publicKey, name ?? b64encode(publicKey));
  let fits = false;
  try {
    fits = await crypto.subtle.verify("Ed25519", await imported, signature, data);
  } catch (error) {
    throw new RemoteError("bad_sig", "signature does not fit", { cause: error }); // the key is no point of the curve
  }
  if (!fits) throw new RemoteError("bad_sig", "signature does not fit");
}

/**
 * Check sign(key, label, data) of section 0.1: return, or throw RemoteError("bad_sig").
 * @param {Uint8Array} publicKey
 * @param {string} label
 * @param {Uint8Array} data
 * @param {Uint8Array} signature
 * @returns {Promise<void>}
 */
export function verify(publicKey, label, data, signature) {
  return verifyRaw(publicKey, concat(domain(label), data), signature);
}

/** An Ed25519 key pair: `publicKey` 32 bytes, `publicText` the same in base64url, `key` the private CryptoKey. */
export class SigningKey {
  /**
   * @param {Uint8Array} publicKey
   * @param {CryptoKey} key
   */
  constructor(publicKey, key) {
    this.publicKey = publicKey;
    this.publicText = b64encode(publicKey);
    this.key = key;
  }

  /**
   * sign(key, label, data): 64 bytes over D(label) || data.
   * @param {string} label
   * @param {Uint8Array} data
   * @returns {Promise<Uint8Array>}
   */
  async sign(label, data) {
    return new Uint8Array(await crypto.subtle.sign("Ed25519", this.key, concat(domain(label), data)));
  }
}

/**
 * A new key pair.
 * @param {{extractable?: boolean}} [options]
 * @returns {Promise<SigningKey>}
 */
export async function generateSigningKey({ extractable = false } = {}) {
  const pair = await crypto.subtle.generateKey("Ed25519", extractable, ["sign", "verify"]);
  const { privateKey, publicKey } = /** @type {CryptoKeyPair} */ (pair);
  return new SigningKey(new Uint8Array(await crypto.subtle.exportKey("raw", publicKey)), privateKey);
}

/** The 32 private bytes of a new key pair. @returns {Uint8Array} */
export function generateSigningSeed() {
  return crypto.getRandomValues(new Uint8Array(KEY_BYTES));
}

/**
 * The key pair of a 32-byte seed: of an invite link, of a vault, or of a test vector.
 * @param {Uint8Array} seed
 * @returns {Promise<SigningKey>}
 */
export async function signingKeyFromSeed(seed) {
  const { key, publicKey } = await importPrivate("Ed25519", seed, ["sign"]);
  return new SigningKey(publicKey, key);
}

/**
 * The key pair that IndexedDB kept.
 * @param {{publicKey: Uint8Array, key: CryptoKey}} stored
 * @returns {SigningKey}
 */
export function signingKeyFromStored({ publicKey, key }) {
  return new SigningKey(publicKey, key);
}

/**
 * A public key as people compare it: its base64url text in groups of four.
 * @param {Uint8Array} publicKey
 * @returns {string}
 */
export function fingerprint(publicKey) {
  return /** @type {string[]} */ (b64encode(publicKey).match(/.{1,4}/g)).join(" ");
}
