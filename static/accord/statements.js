// Statements: what a hub says under its peer key (protocol.md section 3, "Statements").

import { b64decode, b64encode, canonical, equal, isObject } from "./encoding.js";
import { RemoteError } from "./errors.js";
import * as fields from "./fields.js";
import { verify } from "./keys.js";

export const STORE_ID_BYTES = 16;

const MAX_ALSO = 64; // keys that stand for a hub's admin beside the one that has the account

const checkVersion = fields.exactly(1);
const readAlso = fields.listOf(
  fields.record({ user: fields.key, until: fields.optional(fields.timeMs) }, "also"), MAX_ALSO, { uniqueBy: "user" });

/**
 * A signed statement of the hub at time `at` (ms).
 * @param {import("./keys.js").SigningKey} server
 * @param {{type: string, at: number} & Record<string, any>} said
 * @returns {Promise<Record<string, any>>}
 */
export async function makeStatement(server, { type, at, ...rest }) {
  const value = { v: 1, type, hub: server.publicText, at, ...rest };
  return { ...value, sig: b64encode(await server.sign("statement", canonical(value))) };
}

/**
 * The statement, if the hub that it names signed it; `hub` and `type` are what the caller expects. RemoteError.
 * @param {any} value
 * @param {{type?: string, hub?: Uint8Array}} [expected]
 * @returns {Promise<Record<string, any>>}
 */
export async function verifyStatement(value, { type, hub } = {}) {
  if (!isObject(value) || typeof value.type !== "string") throw new RemoteError("bad_request", "statement expected");
  checkVersion(value.v);
  if (type !== undefined && value.type !== type) {
    throw new RemoteError("bad_request", `a statement of type ${type} expected`);
  }
  fields.timeMs(value.at);
  const key = b64decode(value.hub, 32);
  if (hub !== undefined && !equal(key, hub)) throw new RemoteError("wrong_server", "statement of another hub");
  const { sig, ...signed } = value;
  await verify(key, "statement", canonical(signed), b64decode(sig, 64));
  return value;
}

/**
 * @typedef {{user: string, also: {user: string, until: number}[]}} HubAdmin who administers a hub, by its `set_admin`: the
 *   key that has the admin's account, and the keys that stand for it too. These are earlier ones, for what they signed
 *   until a time (ms), and for good (Infinity) the one with which the hub's own commands sign
 */

/**
 * The admin by a `set_admin`, if the hub that it names signed it; RemoteError.
 * @param {any} value
 * @param {Uint8Array} [hub]
 * @returns {Promise<HubAdmin>}
 */
export async function readAdmin(value, hub) {
  const { user, also } = await verifyStatement(value, { type: "set_admin", hub });
  b64decode(user, 32);
  if (also === undefined) return { user, also: [] };
  const read = readAlso(also);
  if (read.some((item) => b64encode(item.user) === user)) {
    throw new RemoteError("bad_request", "also: other keys than that of the account");
  }
  return { user, also: read.map((item) => ({ user: b64encode(item.user), until: item.until ?? Infinity })) };
}

/**
 * Whether what a key signed at a time (ms; left out: what it signs now) counts as the admin's.
 * @param {HubAdmin | null} admin
 * @param {string} key
 * @param {number} [at]
 */
export function isAdminKey(admin, key, at = Infinity) {
  return admin !== null && (key === admin.user || admin.also.some(({ user, until }) => key === user && at <= until));
}
