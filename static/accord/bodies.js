// Encrypted bodies of messages (protocol.md section 7): sealed with a window's key, bound to the author and the header.
//
// Each message has a key of its own, made of the window's key, the message's salt and its author; it opens that message
// alone, so a reporter can show one message and nothing else. Not here: where window keys come from (epochs.js), what a
// body says (message_types.js).

import { b64decode, b64encode, canonical, concat, equal } from "./encoding.js";
import { messageKid, windowAt } from "./epochs.js";
import { RemoteError } from "./errors.js";
import { createMessage, headerFields, SALT_BYTES } from "./messages.js";
import { domain, expandKey, importAesKey, KEY_BYTES, open, seal } from "./primitives.js";

export const PAD_BYTES = 256;
export const MESSAGE_KEY_BYTES = 44; // the key and the nonce of one message
const MAX_WINDOWS_OFF = 1;

/**
 * The plaintext, 0x80 and zeros: a multiple of PAD_BYTES.
 * @param {Uint8Array} plaintext
 * @returns {Uint8Array}
 */
export function pad(plaintext) {
  const padded = new Uint8Array(Math.ceil((plaintext.length + 1) / PAD_BYTES) * PAD_BYTES);
  padded.set(plaintext);
  padded[plaintext.length] = 0x80;
  return padded;
}

/**
 * What was padded; RemoteError("bad_request") for anything that `pad` does not make.
 * @param {Uint8Array} padded
 * @returns {Uint8Array}
 */
export function unpad(padded) {
  let end = padded.length - 1;
  while (end >= 0 && padded[end] === 0) end -= 1;
  const isPadded = padded.length % PAD_BYTES === 0 && padded[end] === 0x80 && padded.length - end <= PAD_BYTES;
  if (!isPadded) throw new RemoteError("bad_request", "the body is not padded as it should be");
  return padded.slice(0, end);
}

/**
 * The key of one message, MESSAGE_KEY_BYTES: who has it reads that message and no other.
 * @param {CryptoKey} windowKey
 * @param {Uint8Array} salt
 * @param {Uint8Array} author
 * @returns {Promise<Uint8Array>}
 */
export function messageKey(windowKey, salt, author) {
  return expandKey(windowKey, "msg", concat(salt, author), MESSAGE_KEY_BYTES);
}

/** @param {Record<string, any>} header */
function bound({ body_hash: _hash, body_size: _size, ...header }) {
  return concat(domain("msg-aad"), canonical(header));
}

/**
 * A signed envelope whose body only those read who have the window's key; ready for JSON.
 *
 * `body` is what a clear message of the type would have as body; `win` is the window of `createdAt`.
 * @param {import("./keys.js").SigningKey} author
 * @param {{type: string, to: string, body: Uint8Array, createdAt: number, epoch: number, win: number,
 *   windowKey: CryptoKey, salt?: Uint8Array, [field: string]: any}} options as of createMessage
 */
export async function createEncrypted(author, { body, salt, epoch, win, windowKey, ...fields }) {
  const salted = salt ?? crypto.getRandomValues(new Uint8Array(SALT_BYTES));
  const enc = { epoch, win, kid: b64encode(await messageKid(windowKey)) };
  const options = { ...fields, type: fields.type, to: fields.to, createdAt: fields.createdAt, extra: { ...fields.extra, enc } };
  const key = await messageKey(windowKey, salted, author.publicKey);
  const cipher = await importAesKey(key.slice(0, KEY_BYTES));
  const sealed = await seal(cipher, key.slice(KEY_BYTES), pad(body), bound(headerFields(author, options)));
  return createMessage(author, { ...options, body: sealed, salt: salted });
}

/**
 * The clear body of an encrypted message by its own key of MESSAGE_KEY_BYTES.
 *
 * RemoteError: gone (the body is not here), bad_request (not encrypted, not the key, not for this header).
 * @param {import("./messages.js").Envelope} message
 * @param {Uint8Array} key
 * @returns {Promise<Uint8Array>}
 */
export async function openWithMessageKey(message, key) {
  if (!message.encrypted) throw new RemoteError("bad_request", "the message is not encrypted");
  if (message.body === null) throw new RemoteError("gone", "the body is not here");
  if (key.length !== MESSAGE_KEY_BYTES) throw new RemoteError("bad_request", "not the key of a message");
  const cipher = await importAesKey(key.slice(0, KEY_BYTES));
  return unpad(await open(cipher, key.slice(KEY_BYTES), message.body, bound(message.header)));
}

/**
 * The clear body of an encrypted message by the key of its window.
 *
 * RemoteError: gone (the body is not here), bad_request (not encrypted, another window's key, a window more than one
 * from the message's time, not for this header).
 * @param {import("./messages.js").Envelope} message
 * @param {CryptoKey} windowKey
 * @param {{windowMs: number}} epoch
 * @returns {Promise<Uint8Array>}
 */
export async function openBody(message, windowKey, { windowMs }) {
  if (!message.encrypted) throw new RemoteError("bad_request", "the message is not encrypted");
  const { win, kid } = message.header.enc;
  if (Math.abs(win - windowAt(message.createdAt, windowMs)) > MAX_WINDOWS_OFF) {
    throw new RemoteError("bad_request", "the message says a window that is not of its time");
  }
  if (!equal(await messageKid(windowKey), b64decode(kid, 32))) {
    throw new RemoteError("bad_request", "the message is sealed with another key");
  }
  if (message.salt === null) throw new RemoteError("gone", "the body is not here");
  return openWithMessageKey(message, await messageKey(windowKey, message.salt, message.authorKey));
}
