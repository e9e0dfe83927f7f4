// What each message type may say and where (protocol.md section 14), for the types whose sections are built.
//
// `checkType` looks at one envelope by itself. Whether its author may say so, and what follows, is for whoever holds
// other messages too. A type that is not in the table is carried unseen.

import { isObject, parseCanonical, parseJson } from "./encoding.js";
import { RemoteError } from "./errors.js";
import * as fields from "./fields.js";
import { MAX_BODY_BYTES } from "./messages.js";
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
const COUNT_LIMIT = Number.MAX_SAFE_INTEGER;

const { optional } = fields;
const TALK = ["feed", "user", "chan"];
const anyText = fields.text(MAX_BODY_BYTES);
const accountName = fields.pattern(NAME_PATTERN);
const count = fields.integer(0, COUNT_LIMIT);

/**
 * Where a type may go (`kinds`), the fields of its body, and the references it needs.
 *
 * `control`: the body is canonical JSON without unknown fields, and the message cannot burn. `relation`: what its
 * 1..`maxRefs` refs must say.
 * @typedef {{kinds: Set<string>, body: fields.Table, control: boolean, relation: string, maxRefs: number,
 *   burns: boolean}} TypeRule
 */

/**
 * @param {string[]} kinds
 * @param {Record<string, fields.Field | fields.Check>} body
 * @param {Partial<TypeRule>} [rest]
 * @returns {TypeRule}
 */
function rule(kinds, body, rest) {
  return {
    kinds: new Set(kinds), body: fields.table(body), control: false, relation: "", maxRefs: 1, burns: true, ...rest,
  };
}

const CONTROL = { control: true };

/** @type {ReadonlyMap<string, TypeRule>} */
export const RULES = new Map(Object.entries({
  "chat.text": rule(TALK, {
    text: anyText,
    format: optional(fields.oneOf("plain", "markdown")),
    blobs: optional(fields.listOf(fields.octets(32), 32)),
  }),
  "chat.edit": rule(TALK, { text: anyText }, { relation: "edit" }),
  "chat.delete": rule(TALK, { reason: optional(anyText) }, { relation: "delete", maxRefs: 16, burns: false }),
  "chat.react": rule(
    TALK, { emoji: fields.text(MAX_EMOJI_CHARS, 1), off: optional(fields.boolean) }, { relation: "react" },
  ),
  "chat.pin": rule(TALK, { off: optional(fields.boolean) }, { relation: "pin" }),
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
  const typeRule = RULES.get(type);
  if (typeRule === undefined) throw new RemoteError("unsupported", `nothing is known of the bodies of ${type}`);
  if (body === null) throw new RemoteError("gone", "the body is not here");
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
 * Check topic, references and clear body against the type's rule; RemoteError("bad_request" or "bad_encoding").
 * @param {import("./messages.js").Envelope} envelope
 */
export function checkType(envelope) {
  const typeRule = RULES.get(envelope.type);
  if (typeRule === undefined) return;
  if (!typeRule.kinds.has(envelope.topic.kind)) {
    throw new RemoteError("bad_request", `${envelope.type} does not go to a ${envelope.topic.kind} topic`);
  }
  if (envelope.burnAt !== null && (typeRule.control || !typeRule.burns)) {
    throw new RemoteError("bad_request", `${envelope.type} cannot burn`);
  }
  checkRefs(envelope, typeRule);
  if (envelope.encrypted) {
    if (typeRule.control) throw new RemoteError("bad_request", `${envelope.type} is never encrypted`);
  } else if (envelope.body !== null) {
    const body = readBody(envelope);
    if (envelope.type === "cert.revoke" && Object.keys(body).length !== 1) {
      throw new RemoteError("bad_request", "cert.revoke names a serial or a clientkey");
    }
    if (envelope.type === "set_quota" && Object.keys(body).length < 2) {
      throw new RemoteError("bad_request", "set_quota changes something");
    }
  }
}
