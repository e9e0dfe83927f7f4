// Sealing to a public key: HPKE of RFC 9180, base mode, single shot (protocol.md section 0).
//
// X25519, HKDF-SHA256, AES-256-GCM over WebCrypto; a box is `enc || ciphertext`, without aad: what it is for stands in
// `info`, under a label of its own. Not here: whose a box key is (devices.js), what is sealed (epochs.js).

import { concat, utf8 } from "./encoding.js";
import { RemoteError } from "./errors.js";
import { expandInfo, extract, importAesKey, importHmacKey, OneTimeKey, open, seal as sealAes } from "./primitives.js";

/** An X25519 key pair that is kept: to open boxes, or for a connection. */
export const BoxKey = OneTimeKey;
export const ENC_BYTES = 32;
export const TAG_BYTES = 16;
export const OVERHEAD_BYTES = ENC_BYTES + TAG_BYTES;

const NONE = new Uint8Array(0);
const KEM_ID = Uint8Array.of(0x00, 0x20); // DHKEM(X25519, HKDF-SHA256)
const KDF_ID = Uint8Array.of(0x00, 0x01); // HKDF-SHA256
const AEAD_ID = Uint8Array.of(0x00, 0x02); // AES-256-GCM
const KEM_SUITE = concat(utf8("KEM"), KEM_ID);
const SUITE = concat(utf8("HPKE"), KEM_ID, KDF_ID, AEAD_ID);
const MODE_BASE = Uint8Array.of(0);
const VERSION = utf8("HPKE-v1");
const SECRET_BYTES = 32;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;

/**
 * LabeledExtract of RFC 9180, section 4.
 * @param {Uint8Array} suite
 * @param {Uint8Array} salt
 * @param {string} label
 * @param {Uint8Array} ikm
 */
function labeledExtract(suite, salt, label, ikm) {
  // WebCrypto takes no empty HMAC key; zeros are the same key.
  return extract(salt.length ? salt : new Uint8Array(32), concat(VERSION, suite, utf8(label), ikm));
}

/**
 * LabeledExpand of RFC 9180, section 4.
 * @param {Uint8Array} suite
 * @param {CryptoKey} prk
 * @param {string} label
 * @param {Uint8Array} info
 * @param {number} length bytes
 */
function labeledExpand(suite, prk, label, info, length) {
  return expandInfo(prk, concat(Uint8Array.of(length >> 8, length & 0xff), VERSION, suite, utf8(label), info), length);
}

/**
 * Key and nonce of the only message (KeySchedule of RFC 9180, section 5.1), from the agreement of both keys.
 * @param {Uint8Array} dh
 * @param {Uint8Array} enc
 * @param {Uint8Array} recipient its public key
 * @param {Uint8Array} info
 * @returns {Promise<{key: CryptoKey, nonce: Uint8Array}>}
 */
async function schedule(dh, enc, recipient, info) {
  const kemPrk = await importHmacKey(await labeledExtract(KEM_SUITE, NONE, "eae_prk", dh));
  const shared = await labeledExpand(KEM_SUITE, kemPrk, "shared_secret", concat(enc, recipient), SECRET_BYTES);
  const [pskHash, infoHash, secret] = await Promise.all([
    labeledExtract(SUITE, NONE, "psk_id_hash", NONE),
    labeledExtract(SUITE, NONE, "info_hash", info),
    labeledExtract(SUITE, shared, "secret", NONE),
  ]);
  const context = concat(MODE_BASE, pskHash, infoHash);
  const prk = await importHmacKey(secret);
  const [key, nonce] = await Promise.all([
    labeledExpand(SUITE, prk, "key", context, KEY_BYTES),
    labeledExpand(SUITE, prk, "base_nonce", context, NONCE_BYTES),
  ]);
  return { key: await importAesKey(key), nonce };
}

/**
 * A box for whoever has the private half of `recipient`: OVERHEAD_BYTES longer than the plaintext.
 *
 * RemoteError("bad_request") where the key gives no secret: it is a remote who has published it.
 * @param {Uint8Array} recipient
 * @param {Uint8Array} info
 * @param {Uint8Array} plaintext
 * @param {OneTimeKey} [ephemeral] given by test vectors only
 * @returns {Promise<Uint8Array>}
 */
export async function seal(recipient, info, plaintext, ephemeral) {
  const own = ephemeral ?? (await OneTimeKey.generate());
  const { key, nonce } = await schedule(await own.agree(recipient), own.publicKey, recipient, info);
  return concat(own.publicKey, await sealAes(key, nonce, plaintext, NONE));
}

/**
 * The plaintext of a box; RemoteError("bad_request") where it does not open.
 * @param {OneTimeKey} own
 * @param {Uint8Array} info
 * @param {Uint8Array} box
 * @returns {Promise<Uint8Array>}
 */
export async function openBox(own, info, box) {
  if (box.length < OVERHEAD_BYTES) throw new RemoteError("bad_request", "the box is too short");
  const enc = box.slice(0, ENC_BYTES);
  const { key, nonce } = await schedule(await own.agree(enc), enc, own.publicKey, info);
  return open(key, nonce, box.slice(ENC_BYTES), NONE);
}
