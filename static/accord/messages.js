// Messages: the one signed record of which everything replicated is made (protocol.md section 1).
//
// `parseEnvelope` checks form, limits and hashes without any public-key work, `verifyEnvelope` adds the signature and
// gives a Message: only that may be shown or stored. `readMessage` is both at once, with hashes and signature checked
// in parallel: the way to read a channel. Not here: rights, quotas, time (a hub's services), bodies of single types
// (message_types.js), decryption.

import {
  b64decode, b64encode, canonical, canonicalText, compareBytes, concat, equal, isObject, text, utf8,
} from "./encoding.js";
import { RemoteError } from "./errors.js";
import { SIGNATURE_BYTES, verifyRaw } from "./keys.js";
import { domain, KEY_BYTES, sha256 } from "./primitives.js";
import { topicOf } from "./topics.js";

export const MAX_HEADER_BYTES = 16 * 1024;
export const MAX_BODY_BYTES = 256 * 1024;
export const MAX_ATTENTION_KEYS = 32;
export const MAX_ATTENTION_MESSAGES = 32;
export const MAX_REFS = 16;
export const MAX_PREV = 16;
export const MAX_CRIT = 8;
export const MAX_TZ_MINUTES = 840;
export const MAX_BURN_MS = 365 * 24 * 3600 * 1000;
export const TIME_LIMIT_MS = 2 ** 44;
export const SALT_BYTES = 16;
export const ID_BYTES = 32;
export const RELATIONS = new Set(["edit", "delete", "react", "pin"]);
export const CHAIN_KINDS = new Set(["round", "space"]);

const TYPE = /^[a-z][a-z0-9._-]{0,63}$/;
const FIELD = /^[a-z][a-z0-9_]{0,31}$/;
const ENVELOPE_FIELDS = new Set(["header", "sig", "salt", "body"]);
const MAX_BODY_CHARS = Math.floor((MAX_BODY_BYTES * 4 + 2) / 3);
const D_BODY = domain("body");
const D_ID = domain("event-id");
const D_SIGN = domain("event");
const SIGN_PREFIX = text(D_SIGN);
const NO_ID = new Uint8Array(0);

/**
 * A well-formed message whose signature has not been looked at.
 *
 * Times are ms since 1970 UTC. Ids and keys are 32 raw bytes where the name says so (`id`, `authorKey`) and base64url
 * text everywhere else: their text is canonical, so equal texts are equal bytes. `salt` and `body` are null together,
 * when the envelope came without its body. `header` is the value as parsed, `headerBytes` its canonical bytes.
 * `isVerified` is true for what verifyEnvelope and readMessage give.
 * @typedef {object} Envelope
 * @property {Uint8Array} id
 * @property {string} idText
 * @property {string} type
 * @property {string} author the user key in base64url
 * @property {Uint8Array} authorKey
 * @property {import("./topics.js").Topic} topic `topic.name` is its text, `feed:<author>` for a header's `feed`
 * @property {number} createdAt
 * @property {number | null} burnAt
 * @property {string[]} attentionKeys
 * @property {string[]} attentionMessages
 * @property {{rel: string, id: string}[]} refs
 * @property {boolean} encrypted
 * @property {string[]} crit
 * @property {Record<string, any>} header
 * @property {Uint8Array} headerBytes
 * @property {Uint8Array} sig
 * @property {Uint8Array | null} salt
 * @property {Uint8Array | null} body
 * @property {number} size bytes of header, signature, salt and body
 * @property {boolean} isVerified
 */

/** @typedef {Envelope} Message an envelope whose author's signature has been verified */

/**
 * @param {string} detail
 * @returns {RemoteError}
 */
function bad(detail) {
  return new RemoteError("bad_request", detail);
}

/**
 * @param {unknown} value
 * @param {number} most
 * @param {string} what
 * @returns {Uint8Array[]}
 */
function idList(value, most, what) {
  if (!Array.isArray(value) || value.length < 1 || value.length > most) {
    throw bad(`${what}: list of 1..${most} expected`);
  }
  return value.map((item) => b64decode(item, 32));
}

/**
 * @param {any} value
 * @param {number} most
 * @param {string} what
 * @returns {string[]} the list itself
 */
function risingList(value, most, what) {
  const items = idList(value, most, what);
  for (let i = 1; i < items.length; i += 1) {
    if (compareBytes(items[i - 1], items[i]) >= 0) throw bad(`${what}: not in rising order`);
  }
  return value;
}

/**
 * @param {any} value
 * @param {number} low
 * @param {number} high
 * @param {string} what
 * @returns {number}
 */
function integer(value, low, high, what) {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw bad(`${what}: integer of ${low}..${high} expected`);
  }
  return value;
}

/**
 * @param {any} value
 * @returns {{rel: string, id: string}[]}
 */
function readRefs(value) {
  if (!Array.isArray(value) || value.length < 1 || value.length > MAX_REFS) {
    throw bad(`refs: list of 1..${MAX_REFS} expected`);
  }
  return value.map((item) => {
    const rel = isObject(item) ? item.rel : undefined;
    if (!RELATIONS.has(rel)) throw bad("refs: {rel, id} with a known rel expected");
    b64decode(item.id, ID_BYTES);
    return { rel, id: item.id };
  });
}

/**
 * @param {any} value
 * @returns {boolean}
 */
function readEnc(value) {
  if (!isObject(value)) throw bad("enc: object expected");
  integer(value.epoch, 1, Number.MAX_SAFE_INTEGER, "enc.epoch");
  integer(value.win, 0, Number.MAX_SAFE_INTEGER, "enc.win");
  b64decode(value.kid, 32);
  return true;
}

/**
 * @param {any} value
 * @returns {string[]}
 */
function readCrit(value) {
  if (!Array.isArray(value) || value.length < 1 || value.length > MAX_CRIT) {
    throw bad(`crit: list of 1..${MAX_CRIT} expected`);
  }
  if (value.some((item) => typeof item !== "string" || !FIELD.test(item))) throw bad("crit: field names expected");
  if (value.some((item, i) => i > 0 && value[i - 1] >= item)) throw bad("crit: not in rising order");
  return value;
}

/**
 * The optional fields of a header, checked; most headers have none or one of them.
 * @param {Record<string, any>} header
 * @param {import("./topics.js").Topic} topic
 * @param {number} createdAt
 */
function readRareFields(header, topic, createdAt) {
  const found = {
    burnAt: /** @type {number | null} */ (null),
    attentionKeys: /** @type {string[]} */ ([]),
    attentionMessages: /** @type {string[]} */ ([]),
    refs: /** @type {{rel: string, id: string}[]} */ ([]),
    encrypted: false,
    crit: /** @type {string[]} */ ([]),
  };
  if (header.tz !== undefined) integer(header.tz, -MAX_TZ_MINUTES, MAX_TZ_MINUTES, "tz");
  if (header.attention_keys !== undefined) {
    found.attentionKeys = risingList(header.attention_keys, MAX_ATTENTION_KEYS, "attention_keys");
  }
  if (header.attention_messages !== undefined) {
    idList(header.attention_messages, MAX_ATTENTION_MESSAGES, "attention_messages");
    found.attentionMessages = header.attention_messages;
    if (new Set(found.attentionMessages).size !== found.attentionMessages.length) {
      throw bad("attention_messages: a message comes twice");
    }
  }
  if (header.refs !== undefined) found.refs = readRefs(header.refs);
  if (header.prev !== undefined) {
    if (!CHAIN_KINDS.has(topic.kind)) throw bad("prev: only in chains");
    risingList(header.prev, MAX_PREV, "prev");
  }
  if (header.burn_at !== undefined) {
    if (CHAIN_KINDS.has(topic.kind)) throw bad("burn_at: not in chains");
    found.burnAt = integer(header.burn_at, createdAt + 1, createdAt + MAX_BURN_MS, "burn_at");
  }
  if (header.enc !== undefined) found.encrypted = readEnc(header.enc);
  if (header.crit !== undefined) found.crit = readCrit(header.crit);
  return found;
}

/**
 * @param {Record<string, any>} envelope
 * @param {Record<string, any>} header
 * @returns {{salt: Uint8Array | null, body: Uint8Array | null, bodyHash: Uint8Array}}
 */
function readBodyFields(envelope, header) {
  const size = integer(header.body_size, 0, Number.MAX_SAFE_INTEGER, "body_size");
  if (size > MAX_BODY_BYTES) throw new RemoteError("too_big", `body of more than ${MAX_BODY_BYTES} bytes`);
  const bodyHash = b64decode(header.body_hash, 32);
  if (!Object.hasOwn(envelope, "body") && !Object.hasOwn(envelope, "salt")) return { salt: null, body: null, bodyHash };
  if (typeof envelope.body === "string" && envelope.body.length > MAX_BODY_CHARS) {
    throw new RemoteError("too_big", `body of more than ${MAX_BODY_BYTES} bytes`);
  }
  const salt = b64decode(envelope.salt, SALT_BYTES);
  const body = b64decode(envelope.body);
  if (body.length !== size) throw bad("body_size does not fit the body");
  return { salt, body, bodyHash };
}

/**
 * Everything about an envelope but its hashes and whether its signature fits; `id` and `idText` are still empty.
 * @param {unknown} value
 * @returns {{envelope: Envelope, bodyHash: Uint8Array, signed: Uint8Array}}
 */
function readForm(value) {
  if (!isObject(value) || Object.keys(value).some((name) => !ENVELOPE_FIELDS.has(name))) {
    throw bad("envelope: {header, sig, salt, body} expected");
  }
  const header = value.header;
  if (!isObject(header)) throw bad("header: object expected");
  // One buffer holds what is signed and, behind its label, the header itself.
  const signed = utf8(SIGN_PREFIX + canonicalText(header));
  const headerBytes = signed.subarray(SIGN_PREFIX.length);
  if (headerBytes.length > MAX_HEADER_BYTES) {
    throw new RemoteError("too_big", `header of more than ${MAX_HEADER_BYTES} bytes`);
  }
  if (header.v !== 1) throw new RemoteError("unsupported", "v: only version 1 is known here");
  const { type, from: author } = header;
  if (typeof type !== "string" || !TYPE.test(type)) throw bad("type: [a-z][a-z0-9._-]{0,63} expected");
  const authorKey = b64decode(author, KEY_BYTES);
  const topic = topicOf(header.to, authorKey);
  const createdAt = integer(header.created_at, 0, TIME_LIMIT_MS - 1, "created_at");
  const rare = readRareFields(header, topic, createdAt);
  const { salt, body, bodyHash } = readBodyFields(value, header);
  const sig = b64decode(value.sig, SIGNATURE_BYTES);
  const size = headerBytes.length + SIGNATURE_BYTES + (salt ? salt.length : 0) + (body ? body.length : 0);
  const envelope = {
    id: NO_ID, idText: "", type, author, authorKey, topic, createdAt, ...rare,
    header, headerBytes, sig, salt, body, size, isVerified: false,
  };
  return { envelope, bodyHash, signed };
}

/**
 * Set the id; check the hash of the body.
 * @param {Envelope} envelope
 * @param {Uint8Array} bodyHash
 */
async function checkHashes(envelope, bodyHash) {
  const { salt, body } = envelope;
  const ofHeader = sha256(concat(D_ID, envelope.headerBytes));
  const ofBody = salt && body ? sha256(concat(D_BODY, salt, body)) : null;
  envelope.id = await ofHeader;
  envelope.idText = b64encode(envelope.id);
  if (ofBody && !equal(await ofBody, bodyHash)) throw bad("body_hash does not fit salt and body");
}

/**
 * Check the form and the hashes of an envelope as parsed from JSON.
 *
 * RemoteError: bad_encoding (header not of the restricted JSON form), unsupported (v), too_big, bad_request (a field's
 * rule).
 * @param {unknown} value
 * @returns {Promise<Envelope>}
 */
export async function parseEnvelope(value) {
  const { envelope, bodyHash } = readForm(value);
  await checkHashes(envelope, bodyHash);
  return envelope;
}

/**
 * Check the author's signature: the envelope as a Message, or RemoteError("bad_sig").
 * @param {Envelope} envelope
 * @returns {Promise<Message>}
 */
export async function verifyEnvelope(envelope) {
  await verifyRaw(envelope.authorKey, concat(D_SIGN, envelope.headerBytes), envelope.sig, envelope.author);
  envelope.isVerified = true;
  return envelope;
}

/**
 * parseEnvelope and verifyEnvelope in one, with the same refusals, hashes and signature in parallel.
 * @param {unknown} value
 * @returns {Promise<Message>}
 */
export async function readMessage(value) {
  const { envelope, bodyHash, signed } = readForm(value);
  const verified = verifyRaw(envelope.authorKey, signed, envelope.sig, envelope.author);
  try {
    await checkHashes(envelope, bodyHash);
  } catch (error) {
    verified.catch(() => {}); // the hash of the body is refused first, whatever the signature
    throw error;
  }
  await verified;
  envelope.isVerified = true;
  return envelope;
}

/**
 * The id that even a refused envelope has, as parsed from JSON; null where its header has no canonical form.
 * @param {any} value
 * @returns {Promise<Uint8Array | null>}
 */
export async function envelopeId(value) {
  if (!isObject(value) || !isObject(value.header)) return null;
  try {
    return await sha256(concat(D_ID, canonical(value.header)));
  } catch (error) {
    if (error instanceof RemoteError) return null;
    throw error;
  }
}

/**
 * The API's UUIDv8 of a message id: its first 16 bytes with version and variant set.
 * @param {Uint8Array} id
 * @returns {string}
 */
export function messageUuid(id) {
  const raw = id.slice(0, 16);
  raw[6] = (raw[6] & 0x0f) | 0x80;
  raw[8] = (raw[8] & 0x3f) | 0x80;
  const hex = Array.from(raw, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/**
 * The header fields of createMessage's options, as they go on the wire.
 * @param {Record<string, any>} options
 * @returns {Record<string, any>}
 */
function optionalFields({ tz, attentionKeys, attentionMessages, refs, burnAt, extra }) {
  const fields = { ...extra };
  if (tz !== undefined) fields.tz = tz;
  if (attentionKeys?.length) fields.attention_keys = attentionKeys;
  if (attentionMessages?.length) fields.attention_messages = attentionMessages;
  if (refs?.length) fields.refs = refs;
  if (burnAt) fields.burn_at = burnAt;
  return fields;
}

/**
 * All of a header but what says which body it has.
 * @param {import("./keys.js").SigningKey} author
 * @param {Record<string, any>} options as of createMessage
 * @returns {Record<string, any>}
 */
export function headerFields(author, { type, to, createdAt, ...options }) {
  return { v: 1, type, from: author.publicText, to, created_at: createdAt, ...optionalFields(options) };
}

/**
 * A signed envelope, ready for JSON.
 *
 * Keys and ids in the lists are base64url text; an empty list is left out. A list given in the wrong order or a value
 * out of range throws RemoteError exactly as it would at a hub. `extra` are further header fields (crit, unknown ones).
 * @param {import("./keys.js").SigningKey} author
 * @param {{type: string, to: string, body: Uint8Array, createdAt: number, salt?: Uint8Array, tz?: number,
 *   attentionKeys?: string[], attentionMessages?: string[], refs?: {rel: string, id: string}[], burnAt?: number,
 *   extra?: Record<string, any>}} options
 * @returns {Promise<{header: Record<string, any>, sig: string, salt: string, body: string}>}
 */
export async function createMessage(author, { body, salt, ...fields }) {
  const salted = salt ?? crypto.getRandomValues(new Uint8Array(SALT_BYTES));
  const header = {
    ...headerFields(author, fields),
    body_hash: b64encode(await sha256(concat(D_BODY, salted, body))),
    body_size: body.length,
  };
  const sig = await author.sign("event", canonical(header));
  const envelope = { header, sig: b64encode(sig), salt: b64encode(salted), body: b64encode(body) };
  await parseEnvelope(envelope);
  return envelope;
}
