// Labelled hashing, key derivation, X25519 and AES-256-GCM of suite 1, all by WebCrypto (protocol.md sections 0, 0.1).
//
// Everything hashed, signed or expanded begins with a label, so that no value of one purpose can stand for one of
// another.

import { b64decode, concat, utf8 } from "./encoding.js";
import { RemoteError } from "./errors.js";

export const HASH_BYTES = 32;
export const KEY_BYTES = 32;

const EMPTY = new Uint8Array(0);
// PKCS#8 around 32 private bytes, the only form in which WebCrypto takes a private key without its public half.
const PKCS8 = {
  Ed25519: Uint8Array.from([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20]),
  X25519: Uint8Array.from([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20]),
};

/** @type {Map<string, Uint8Array>} */
const domains = new Map();

/**
 * D(label): the prefix that separates one use from every other. Labels are constants of the code.
 * @param {string} label
 * @returns {Uint8Array}
 */
export function domain(label) {
  let bytes = domains.get(label);
  if (bytes === undefined) {
    bytes = utf8(`accord-v1:${label}\0`);
    domains.set(label, bytes);
  }
  return bytes;
}

/**
 * 8 bytes, big endian.
 * @param {number | bigint} number
 * @returns {Uint8Array}
 */
export function u64(number) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number));
  return bytes;
}

/**
 * Length-prefixed bytes.
 * @param {Uint8Array} data
 * @returns {Uint8Array}
 */
export function lp(data) {
  return concat(u64(data.length), data);
}

/**
 * @param {Uint8Array} data
 * @returns {Promise<Uint8Array>}
 */
export async function sha256(data) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data));
}

/**
 * SHA256(D(label) || data), 32 bytes.
 * @param {string} label
 * @param {...Uint8Array} data
 * @returns {Promise<Uint8Array>}
 */
export function labelledHash(label, ...data) {
  return sha256(concat(domain(label), ...data));
}

/**
 * HMAC-SHA256, 32 bytes; the key is derived under a label, so the input carries none.
 * @param {Uint8Array} key
 * @param {Uint8Array} data
 * @returns {Promise<Uint8Array>}
 */
export async function hmac(key, data) {
  return new Uint8Array(await crypto.subtle.sign("HMAC", await importHmacKey(key), data));
}

/**
 * A key for `hmac`-like uses that cannot be taken out again: IndexedDB can keep it, `expandKey` derives from it.
 * @param {Uint8Array} raw
 * @returns {Promise<CryptoKey>}
 */
export function importHmacKey(raw) {
  return crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}

/**
 * HKDF-Extract of RFC 5869 with SHA-256: a 32-byte pseudorandom key.
 * @param {Uint8Array} salt
 * @param {Uint8Array} ikm
 * @returns {Promise<Uint8Array>}
 */
export function extract(salt, ikm) {
  return hmac(salt, ikm);
}

/**
 * HKDF-Expand of RFC 5869 with info D(label) || context.
 * @param {Uint8Array} prk
 * @param {string} label
 * @param {Uint8Array} [context]
 * @param {number} [length] bytes
 * @returns {Promise<Uint8Array>}
 */
export async function expand(prk, label, context = EMPTY, length = HASH_BYTES) {
  return expandKey(await importHmacKey(prk), label, context, length);
}

/**
 * The same, of a key that was imported.
 * @param {CryptoKey} prk
 * @param {string} label
 * @param {Uint8Array} [context]
 * @param {number} [length] bytes
 * @returns {Promise<Uint8Array>}
 */
export function expandKey(prk, label, context = EMPTY, length = HASH_BYTES) {
  return expandInfo(prk, concat(domain(label), context), length);
}

/**
 * HKDF-Expand with an info that is labelled by other rules: HPKE has its own.
 * @param {CryptoKey} prk
 * @param {Uint8Array} info
 * @param {number} length bytes
 * @returns {Promise<Uint8Array>}
 */
export async function expandInfo(prk, info, length) {
  const output = new Uint8Array(Math.ceil(length / HASH_BYTES) * HASH_BYTES);
  let block = EMPTY;
  for (let at = 0, number = 1; at < length; at += HASH_BYTES, number += 1) {
    block = new Uint8Array(await crypto.subtle.sign("HMAC", prk, concat(block, info, Uint8Array.of(number))));
    output.set(block, at);
  }
  return output.slice(0, length);
}

/**
 * Import 32 private bytes of an Ed25519 or X25519 key.
 * @param {"Ed25519" | "X25519"} name
 * @param {Uint8Array} seed
 * @param {KeyUsage[]} usages
 * @returns {Promise<{key: CryptoKey, publicKey: Uint8Array}>} the private key, not extractable, and its public half
 */
export async function importPrivate(name, seed, usages) {
  if (seed.length !== KEY_BYTES) throw new TypeError(`${name}: a private key has ${KEY_BYTES} bytes`);
  const wrapped = concat(PKCS8[name], seed);
  // Only an export tells the public half; the copy that is kept cannot be exported.
  const open = await crypto.subtle.importKey("pkcs8", wrapped, name, true, usages);
  const [jwk, key] = await Promise.all([
    crypto.subtle.exportKey("jwk", open),
    crypto.subtle.importKey("pkcs8", wrapped, name, false, usages),
  ]);
  return { key, publicKey: b64decode(jwk.x, KEY_BYTES) };
}

/** An X25519 key pair for one agreement. */
export class OneTimeKey {
  /**
   * @param {CryptoKey} key
   * @param {Uint8Array} publicKey
   */
  constructor(key, publicKey) {
    this.key = key;
    this.publicKey = publicKey;
  }

  /** @returns {Promise<OneTimeKey>} */
  static async generate() {
    const pair = /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey("X25519", false, ["deriveBits"]));
    return new OneTimeKey(pair.privateKey, new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
  }

  /**
   * @param {Uint8Array} seed 32 private bytes
   * @returns {Promise<OneTimeKey>}
   */
  static async fromSeed(seed) {
    const { key, publicKey } = await importPrivate("X25519", seed, ["deriveBits"]);
    return new OneTimeKey(key, publicKey);
  }

  /**
   * The 32-byte shared secret; RemoteError("bad_request") where it would be all zero.
   * @param {Uint8Array} other the other side's public key
   * @returns {Promise<Uint8Array>}
   */
  async agree(other) {
    try {
      const theirs = await crypto.subtle.importKey("raw", other, "X25519", true, []);
      const secret = new Uint8Array(await crypto.subtle.deriveBits({ name: "X25519", public: theirs }, this.key, 256));
      if (secret.some((byte) => byte !== 0)) return secret;
    } catch (error) {
      throw new RemoteError("bad_request", "one-time key gives no secret", { cause: error });
    }
    throw new RemoteError("bad_request", "one-time key gives no secret");
  }
}

/**
 * A key for `seal` and `open`, of 32 bytes.
 * @param {Uint8Array} raw
 * @returns {Promise<CryptoKey>}
 */
export function importAesKey(raw) {
  return crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/**
 * AES-256-GCM: ciphertext and tag.
 * @param {CryptoKey} key
 * @param {Uint8Array} nonce 12 bytes
 * @param {Uint8Array} plaintext
 * @param {Uint8Array} aad
 * @returns {Promise<Uint8Array>}
 */
export async function seal(key, nonce, plaintext, aad) {
  const parameters = { name: "AES-GCM", iv: nonce, additionalData: aad };
  return new Uint8Array(await crypto.subtle.encrypt(parameters, key, plaintext));
}

/**
 * The plaintext of `seal`; RemoteError("bad_request") where it does not open.
 * @param {CryptoKey} key
 * @param {Uint8Array} nonce 12 bytes
 * @param {Uint8Array} sealed
 * @param {Uint8Array} aad
 * @returns {Promise<Uint8Array>}
 */
export async function open(key, nonce, sealed, aad) {
  try {
    const parameters = { name: "AES-GCM", iv: nonce, additionalData: aad };
    return new Uint8Array(await crypto.subtle.decrypt(parameters, key, sealed));
  } catch (error) {
    throw new RemoteError("bad_request", "does not open", { cause: error });
  }
}
