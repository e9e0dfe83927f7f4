// What each message type may say and where (protocol.md section 14), for the types whose sections are built.
//
// `checkType` looks at one envelope by itself. Whether its author may say so, and what follows, is for whoever holds
// other messages too. A type that is not in the table is carried unseen.

import { isObject, parseCanonical, parseJson } from "./encoding.js";
import { RemoteError } from "./errors.js";
import * as fields from "./fields.js";
import { MAX_BODY_BYTES, MAX_BURN_MS } from "./messages.js";
import { NAME_PATTERN } from "./names.js";
import { NONCE_BYTES } from "./topics.js";

export const MAX_CHANNEL_NAME_CHARS = 80;
export const MAX_ABOUT_CHARS = 1_000;
export const MAX_EMOJI_CHARS = 32;
export const MAX_CLAIM_CODE_CHARS = 64;
export const MAX_LED_CHANNELS = 16;
export const TEMPORARY_LIFE_MS = 72 * 3600 * 1000;
export const MAX_REPORT_CHARS = 1_000;
export const MAX_REPORTED_MESSAGES = 16;
export const REPORT_REASONS = Object.freeze(["spam", "abuse", "imitation", "illegal", "other"]);
export const MAX_BOXKEY_LIFE_MS = 14 * 24 * 3600 * 1000;
export const MAX_EPOCH_MEMBERS = 900; // devices a message; more are in parts
export const MAX_EPOCH_PARTS = 16;
export const MIN_WINDOW_MS = 60 * 1000;
export const MAX_WINDOW_MS = 24 * 3600 * 1000;
export const MIN_CHANNEL_BURN_MS = 60 * 1000;
export const MAX_INVITE_USES = 1_000;
export const MAX_FILES = 16;
export const MAX_FILE_NAME_CHARS = 255;
export const MAX_MEDIA_CHARS = 127;
export const MAX_PICTURE_SIDE = 100_000; // pixels
export const MAX_THUMB_BYTES = 8 * 1024;
export const EPOCH_REASONS = Object.freeze([
  "create", "join", "leave", "removed", "device", "age", "count", "conflict",
]);
const COUNT_LIMIT = Number.MAX_SAFE_INTEGER;
const BOX_BYTES = 80; // 32 bytes sealed by HPKE
const MESSAGE_KEY_BYTES = 44;

const { optional } = fields;
const TALK = ["feed", "user", "chan"];
const anyText = fields.text(MAX_BODY_BYTES);
const accountName = fields.pattern(NAME_PATTERN);
const count = fields.integer(0, COUNT_LIMIT);
const placeName = fields.text(MAX_CHANNEL_NAME_CHARS, 1);
const about = optional(fields.text(MAX_ABOUT_CHARS));
const connId = fields.octets(16);
const pixels = fields.integer(1, MAX_PICTURE_SIDE);
const epochNumber = fields.integer(1, COUNT_LIMIT);

const file = fields.known(fields.table({
  blob: fields.octets(32),
  key: fields.octets(32),
  name: fields.text(MAX_FILE_NAME_CHARS, 1),
  size: count,
  media: fields.text(MAX_MEDIA_CHARS, 1),
  width: optional(pixels),
  height: optional(pixels),
  thumb: optional(fields.someOctets(MAX_THUMB_BYTES)),
}), "file");
const opened = fields.record({ id: fields.octets(32), key: fields.octets(MESSAGE_KEY_BYTES) }, "opened");
const members = fields.listOf(
  fields.record({ user: fields.key, boxkey: fields.key, box: fields.octets(BOX_BYTES) }, "member"),
  MAX_EPOCH_MEMBERS,
  { uniqueBy: "boxkey" },
);

/**
 * Where a type may go (`kinds`), the fields of its body, and the references it needs.
 *
 * `control`: the body is canonical JSON without unknown fields, and the message cannot burn. `relation`: what its
 * 1..`maxRefs` refs must say. `seals`: whether the body may be encrypted, in a channel.
 * @typedef {{kinds: Set<string>, body: fields.Table, control: boolean, relation: string, maxRefs: number,
 *   burns: boolean, seals: boolean}} TypeRule
 */

/**
 * @param {string[]} kinds
 * @param {Record<string, fields.Field | fields.Check>} body
 * @param {Partial<TypeRule>} [rest]
 * @returns {TypeRule}
 */
function rule(kinds, body, rest) {
  return {
    kinds: new Set(kinds), body: fields.table(body), control: false, relation: "", maxRefs: 1, burns: true,
    seals: false, ...rest,
  };
}

const CONTROL = { control: true };

/** @type {ReadonlyMap<string, TypeRule>} */
export const RULES = new Map(Object.entries({
  "chat.text": rule(TALK, {
    text: anyText,
    format: optional(fields.oneOf("plain", "markdown")),
    blobs: optional(fields.listOf(fields.octets(32), 32)),
    files: optional(fields.listOf(file, MAX_FILES)),
  }, { seals: true }),
  "chat.edit": rule(TALK, { text: anyText }, { relation: "edit", seals: true }),
  "chat.delete": rule(TALK, { reason: optional(anyText) }, { relation: "delete", maxRefs: 16, burns: false }),
  "chat.react": rule(
    TALK, { emoji: fields.text(MAX_EMOJI_CHARS, 1), off: optional(fields.boolean) }, { relation: "react", seals: true },
  ),
  "chat.pin": rule(TALK, { off: optional(fields.boolean) }, { relation: "pin", seals: true }),
  "mail.text": rule(["user"], { subject: optional(anyText), text: anyText }),
  profile: rule(["feed"], {
    display_name: fields.text(MAX_CHANNEL_NAME_CHARS, 1),
    about: optional(fields.text(MAX_ABOUT_CHARS)),
    status: optional(fields.text(MAX_ABOUT_CHARS)),
    avatar: optional(fields.octets(32)),
  }),
  "identity.note": rule(["feed"], {
    other_user: fields.key,
    notes: anyText,
    addresses: optional(fields.listOf(fields.text(300, 1), 16)), // no empty list: left out when none is known
    last_update: fields.timeMs,
  }),
  "cert.revoke": rule(["feed"], { serial: optional(fields.octets(16)), clientkey: optional(fields.key) }, CONTROL),
  "device.keys": rule(["feed"], {
    boxkey: fields.key, not_after: fields.timeMs, clientkey: optional(fields.key),
  }, CONTROL),
  "connection.request": rule(["user"], { conn_pub: fields.key, conn_id: connId }, CONTROL),
  "connection.accept": rule(["user"], { conn_pub: fields.key, conn_id: connId }, CONTROL),
  "connection.decline": rule(["user"], { conn_id: connId }, CONTROL),
  "space.create": rule(["space"], { nonce: fields.octets(NONCE_BYTES), name: placeName, about }, CONTROL),
  "space.profile": rule(["space"], { name: placeName, about }, CONTROL),
  "space.member": rule(["space"], { user: fields.key, role: fields.oneOf("admin", "member", "none") }, CONTROL),
  "space.channel": rule(["space"], {
    channel: fields.octets(32),
    nonce: optional(fields.octets(NONCE_BYTES)),
    name: placeName,
    about,
    voice: optional(fields.boolean),
    burn_ms: optional(fields.integer(MIN_CHANNEL_BURN_MS, MAX_BURN_MS)),
    private: optional(fields.boolean),
    closed: optional(fields.boolean),
  }, CONTROL),
  "space.invite": rule(["space"], {
    pubkey: fields.key,
    expires: fields.timeMs,
    uses: fields.integer(0, MAX_INVITE_USES),
    role: fields.exactly("member"),
  }, CONTROL),
  "space.join": rule(["space"], { pubkey: fields.key, proof: fields.octets(64) }, CONTROL),
  "space.leave": rule(["space"], {}, CONTROL),
  "space.epoch": rule(["chan"], {
    epoch: epochNumber,
    prev_epoch_hash: optional(fields.octets(32)),
    window_ms: fields.integer(MIN_WINDOW_MS, MAX_WINDOW_MS),
    kid: fields.octets(32),
    members,
    part: optional(fields.integer(1, MAX_EPOCH_PARTS)),
    parts: optional(fields.integer(2, MAX_EPOCH_PARTS)),
    reason: fields.oneOf(...EPOCH_REASONS),
  }, CONTROL),
  "space.history": rule(["chan"], { epoch: epochNumber, win: count, members }, CONTROL),
  add_user: rule(["hub"], {
    pubkey: fields.key,
    account_name: accountName,
    kind: fields.oneOf("temp", "real"),
    invites: optional(count),
    messages: optional(count),
    bytes: optional(count),
    expires: optional(fields.timeMs),
    channels: optional(fields.listOf(fields.octets(32), MAX_LED_CHANNELS, { unique: true })),
    code_hash: optional(fields.octets(32)),
  }, CONTROL),
  replace_account: rule(["hub"], {
    new_pubkey: fields.key,
    account_name: optional(accountName),
    proof: fields.octets(64),
    code: optional(fields.text(MAX_CLAIM_CODE_CHARS)),
    pubkey: optional(fields.key),
  }, CONTROL),
  set_recovery: rule(["hub"], { recovery: fields.key, proof: fields.octets(64) }, CONTROL),
  vouch_replace: rule(["hub"], {
    pubkey: fields.key, new_pubkey: fields.key, proof: fields.octets(64),
  }, CONTROL),
  cancel_replace: rule(["hub"], { pubkey: fields.key }, CONTROL),
  remove_user: rule(["hub"], {
    pubkey: fields.key, mode: fields.oneOf("subtree", "reparent"), at: fields.timeMs,
  }, CONTROL),
  restore_user: rule(["hub"], { pubkey: fields.key }, CONTROL),
  set_quota: rule(["hub"], {
    pubkey: fields.key, invites: optional(count), messages: optional(count), bytes: optional(count),
  }, CONTROL),
  "chan.open": rule(["hub"], {
    nonce: fields.octets(NONCE_BYTES),
    name: fields.text(MAX_CHANNEL_NAME_CHARS, 1),
    about: optional(fields.text(MAX_ABOUT_CHARS)),
  }, CONTROL),
  "contact.mark": rule(["hub"], { pubkey: fields.key, state: fields.oneOf("blocked", "muted", "none") }, CONTROL),
  report: rule(["hub"], {
    pubkey: fields.key,
    reason: fields.oneOf(...REPORT_REASONS),
    text: optional(fields.text(MAX_REPORT_CHARS, 1)),
    messages: optional(fields.listOf(fields.octets(32), MAX_REPORTED_MESSAGES)),
    opened: optional(fields.listOf(opened, MAX_REPORTED_MESSAGES, { uniqueBy: "id" })),
  }, CONTROL),
  "report.close": rule(["hub"], {
    report: fields.octets(32),
    verdict: fields.oneOf("dismissed", "warned", "removed"),
    text: optional(fields.text(MAX_REPORT_CHARS, 1)),
  }, CONTROL),
  "import.text": rule(["chan"], { text: anyText, author: fields.text(200, 1), source: fields.text(300, 1) }),
}));

/**
 * @param {import("./messages.js").Envelope} envelope
 * @param {TypeRule} typeRule
 */
function checkRefs({ type, refs }, { relation, maxRefs }) {
  if (!relation) return;
  if (refs.length < 1 || refs.length > maxRefs || refs.some(({ rel }) => rel !== relation)) {
    throw new RemoteError("bad_request", `${type} names what it is about in refs, rel ${relation}`);
  }
}

/**
 * The checked body of a clear message of a known type: bytes for base64url, absent fields left out; RemoteError.
 * @param {import("./messages.js").Envelope} envelope
 * @returns {Record<string, any>}
 */
export function readBody({ type, body }) {
  if (!RULES.has(type)) throw new RemoteError("unsupported", `nothing is known of the bodies of ${type}`);
  if (body === null) throw new RemoteError("gone", "the body is not here");
  return readPlaintext(type, body);
}

/**
 * The same of a body by itself: of an encrypted message, opened. RemoteError.
 * @param {string} type a key of RULES
 * @param {Uint8Array} body
 * @returns {Record<string, any>}
 */
export function readPlaintext(type, body) {
  const typeRule = /** @type {TypeRule} */ (RULES.get(type));
  if (typeRule.control) return fields.read(parseCanonical(body, MAX_BODY_BYTES), typeRule.body, type);
  let value;
  try {
    value = parseJson(body, MAX_BODY_BYTES);
  } catch (error) {
    throw new RemoteError("bad_request", "body is not JSON in UTF-8", { cause: error });
  }
  if (!isObject(value)) throw new RemoteError("bad_request", "body: object expected");
  // What people say may carry fields of a later version: they are stored and not looked at.
  /** @type {Record<string, any>} */
  const known = {};
  for (const name of typeRule.body.keys()) {
    if (Object.hasOwn(value, name)) known[name] = value[name];
  }
  return fields.read(known, typeRule.body, type);
}

/**
 * What is asked beyond the fields, of clear bodies that are here: gives what is wrong, or nothing.
 * @type {Record<string, (body: Record<string, any>, envelope: import("./messages.js").Envelope) => string>}
 */
const WHOLE = {
  "device.keys": (body, { createdAt }) =>
    (body.not_after > createdAt + MAX_BOXKEY_LIFE_MS ? "a box key lives at most 14 days" : ""),
  "space.epoch": (body) => {
    if ((body.epoch === 1) === (body.prev_epoch_hash !== undefined)) {
      return "every epoch but the first names the one before";
    }
    const { part = 0, parts = 0 } = body;
    return (part === 0) !== (parts === 0) || part > parts ? "part: 1..parts expected, or neither" : "";
  },
  "cert.revoke": (body) => (Object.keys(body).length !== 1 ? "cert.revoke names a serial or a clientkey" : ""),
  set_quota: (body) => (Object.keys(body).length < 2 ? "set_quota changes something" : ""),
  report: (body) => {
    const named = new Set((body.messages ?? []).map(String));
    const isForeign = (body.opened ?? []).some((/** @type {any} */ { id }) => !named.has(String(id)));
    return isForeign ? "a report opens only messages that it names" : "";
  },
};

/**
 * Check topic, references and clear body against the type's rule; RemoteError("bad_request" or "bad_encoding").
 * @param {import("./messages.js").Envelope} envelope
 */
export function checkType(envelope) {
  const { type, topic } = envelope;
  const typeRule = RULES.get(type);
  if (typeRule === undefined) return;
  if (!typeRule.kinds.has(topic.kind)) {
    throw new RemoteError("bad_request", `${type} does not go to a ${topic.kind} topic`);
  }
  if (envelope.burnAt !== null && (typeRule.control || !typeRule.burns)) {
    throw new RemoteError("bad_request", `${type} cannot burn`);
  }
  checkRefs(envelope, typeRule);
  if (topic.kind === "space" && (type === "space.create") === (envelope.header.prev !== undefined)) {
    throw new RemoteError("bad_request", "every message of a space but its creation names those before it in prev");
  }
  if (envelope.encrypted) {
    if (!typeRule.seals || topic.kind !== "chan") {
      throw new RemoteError("bad_request", `${type} to a ${topic.kind} topic is never encrypted`);
    }
  } else if (envelope.body !== null) {
    const body = readBody(envelope);
    const wrong = Object.hasOwn(WHOLE, type) ? WHOLE[type](body, envelope) : "";
    if (wrong) throw new RemoteError("bad_request", wrong);
  }
}
