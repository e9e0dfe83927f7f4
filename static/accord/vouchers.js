// What lets a stranger's message in without work (protocol.md section 10): a member's voucher, or a ticket for waiting.
//
// Not here: giving tickets out and judging their tag, which is a hub's business.

import { b64decode, b64encode, canonical, equal, parseCanonical } from "./encoding.js";
import { RemoteError } from "./errors.js";
import * as fields from "./fields.js";
import { verify } from "./keys.js";

export const SERIAL_BYTES = 16;
export const MAX_VOUCHER_LIFE_MS = 30 * 24 * 3600 * 1000;
export const MAX_VOUCHER_BYTES = 1024;
export const MAX_CLOCK_AHEAD_MS = 5 * 60 * 1000;
export const WAIT_MS = 10 * 60 * 1000;
export const TICKET_LIFE_MS = 70 * 60 * 1000;

const VOUCHER = fields.table({
  v: fields.exactly(1),
  type: fields.exactly("voucher"),
  hub: fields.key,
  user: fields.key,
  stranger: fields.key,
  issued_at: fields.timeMs,
  expires: fields.timeMs,
  serial: fields.octets(SERIAL_BYTES),
  sig: fields.octets(64),
});
const TICKET = fields.table({
  server: fields.key,
  key: fields.key,
  id: fields.messageId,
  given: fields.timeMs,
  tag: fields.octets(32),
});

/**
 * A voucher of `user` for mail of the key `stranger` at `hub`, as it goes on the wire.
 * @param {import("./keys.js").SigningKey} user
 * @param {{hub: Uint8Array, stranger: Uint8Array, issuedAt: number, lifeMs?: number, serial?: Uint8Array}} options
 * @returns {Promise<Record<string, any>>}
 */
export async function makeVoucher(user, { hub, stranger, issuedAt, lifeMs = MAX_VOUCHER_LIFE_MS, serial }) {
  const value = {
    v: 1,
    type: "voucher",
    hub: b64encode(hub),
    user: user.publicText,
    stranger: b64encode(stranger),
    issued_at: issuedAt,
    expires: issuedAt + lifeMs,
    serial: b64encode(serial ?? crypto.getRandomValues(new Uint8Array(SERIAL_BYTES))),
  };
  return { ...value, sig: b64encode(await user.sign("voucher", canonical(value))) };
}

/**
 * Check a voucher for messages by `stranger` to the hub of that key at time `now` (ms).
 *
 * RemoteError: bad_request or bad_encoding (form), bad_sig, pow_needed (for another hub or stranger, not yet or no
 * longer good, good for too long).
 * @param {any} value
 * @param {{hub: Uint8Array, stranger: Uint8Array, now: number}} context
 * @returns {Promise<{user: Uint8Array, stranger: Uint8Array, expires: number, serial: Uint8Array}>}
 */
export async function verifyVoucher(value, { hub, stranger, now }) {
  const checked = fields.read(value, VOUCHER, "voucher");
  const { sig, ...signed } = value;
  if (!equal(checked.hub, hub) || !equal(checked.stranger, stranger)) {
    throw new RemoteError("pow_needed", "the voucher is for another hub or somebody else");
  }
  const life = checked.expires - checked.issued_at;
  if (life <= 0 || life > MAX_VOUCHER_LIFE_MS) {
    throw new RemoteError("pow_needed", "the voucher lives too long or not at all");
  }
  if (checked.issued_at > now + MAX_CLOCK_AHEAD_MS || checked.expires <= now) {
    throw new RemoteError("pow_needed", "the voucher is not good yet, or no longer");
  }
  await verify(checked.user, "voucher", canonical(signed), checked.sig);
  return { user: checked.user, stranger: checked.stranger, expires: checked.expires, serial: checked.serial };
}

/**
 * A voucher as the text that people pass on.
 * @param {Record<string, any>} voucher
 * @returns {string}
 */
export function showVoucher(voucher) {
  return b64encode(canonical(voucher));
}

/**
 * The address at which a stranger writes to the member `name` with a voucher; no server sees the fragment.
 * @param {string} origin
 * @param {string} name
 * @param {Record<string, any>} voucher
 * @returns {string}
 */
export function voucherLink(origin, name, voucher) {
  return `${origin}/to/${name}#voucher=${showVoucher(voucher)}`;
}

/**
 * The voucher of a text, as it goes on the wire: in form, but not verified.
 *
 * RemoteError: bad_encoding, bad_request, too_big.
 * @param {any} text
 * @returns {Record<string, any>}
 */
export function readVoucher(text) {
  const value = parseCanonical(b64decode(text), MAX_VOUCHER_BYTES);
  fields.read(value, VOUCHER, "voucher");
  return value;
}

/**
 * When a ticket for a message may be used: from `goodFrom` on, until before `goodUntil` (ms, the hub's time).
 *
 * RemoteError: bad_request (form), pow_needed (for something else).
 * @param {any} value
 * @param {{hub: Uint8Array, key: Uint8Array, id: Uint8Array}} context
 * @returns {{goodFrom: number, goodUntil: number}}
 */
export function readTicket(value, { hub, key, id }) {
  const checked = fields.read(value, TICKET, "ticket");
  if (!equal(checked.server, hub) || !equal(checked.key, key) || !equal(checked.id, id)) {
    throw new RemoteError("pow_needed", "the ticket is for something else");
  }
  return { goodFrom: checked.given + WAIT_MS, goodUntil: checked.given + TICKET_LIFE_MS };
}
