// Certificates: how a user blesses a peer (protocol.md section 2).
//
// Not here: revocation, which is a matter of messages held.

import { b64encode, canonical, equal, sortByBytes, utf8 } from "./encoding.js";
import { RemoteError } from "./errors.js";
import * as fields from "./fields.js";
import { verify } from "./keys.js";

export const SERIAL_BYTES = 16;
export const DEFAULT_LIFE_MS = 24 * 3600 * 1000;
export const MAX_LIFE_MS = 30 * 24 * 3600 * 1000;
export const MAX_LIFE_ANYWHERE_MS = 24 * 3600 * 1000;
export const MAX_CLOCK_AHEAD_MS = 5 * 60 * 1000;
export const MAX_SERVERS = 64;
export const ANYWHERE = "*";

const ANYWHERE_BYTES = utf8(ANYWHERE);

const TABLE = fields.table({
  v: fields.exactly(1),
  type: fields.exactly("cert"),
  userkey: fields.key,
  clientkey: fields.key,
  issued_at: fields.timeMs,
  expiration: fields.timeMs,
  scope: fields.listOf(fields.oneOf("login", "mail", "relay"), 3),
  servers: fields.listOf((value) => (value === ANYWHERE ? ANYWHERE_BYTES : fields.key(value)), MAX_SERVERS, {
    rising: true,
  }),
  serial: fields.octets(SERIAL_BYTES),
  signature: fields.octets(64),
});

/**
 * A verified certificate; keys and serial are raw bytes, times ms since 1970 UTC.
 * @typedef {{user: Uint8Array, client: Uint8Array, issuedAt: number, expiration: number, scope: string[],
 *   servers: Uint8Array[], serial: Uint8Array}} Certificate
 */

/**
 * A certificate as it goes on the wire; `servers` are hub keys, or [ANYWHERE].
 * @param {import("./keys.js").SigningKey} user
 * @param {{clientKey: Uint8Array, servers: (Uint8Array | "*")[], issuedAt: number, expiration?: number,
 *   scope?: string[]}} options
 * @returns {Promise<Record<string, any>>}
 */
export async function makeCertificate(
  user, { clientKey, servers, issuedAt, expiration = issuedAt + DEFAULT_LIFE_MS, scope = ["login"] },
) {
  const value = {
    v: 1,
    type: "cert",
    userkey: user.publicText,
    clientkey: b64encode(clientKey),
    issued_at: issuedAt,
    expiration,
    scope: [...scope].sort(),
    servers: servers[0] === ANYWHERE ? [ANYWHERE] : sortByBytes(servers.map((key) => b64encode(
      /** @type {Uint8Array} */ (key)))),
    serial: b64encode(crypto.getRandomValues(new Uint8Array(SERIAL_BYTES))),
  };
  return { ...value, signature: b64encode(await user.sign("cert", canonical(value))) };
}

/**
 * Check form, signature, life and audience at time `now` (ms).
 *
 * RemoteError: bad_request or bad_encoding (form), bad_sig, unauthorized (not for this hub, not yet or no longer good).
 * @param {any} value
 * @param {number} now
 * @param {Uint8Array | null} [server] the hub it is to be shown to; null: any (a hub always asks for itself)
 * @returns {Promise<Certificate>}
 */
export async function verifyCertificate(value, now, server = null) {
  const checked = fields.read(value, TABLE, "cert");
  const { signature, ...signed } = value;
  await verify(checked.userkey, "cert", canonical(signed), checked.signature);
  if (checked.scope.some((/** @type {string} */ name, /** @type {number} */ i) => i > 0 && checked.scope[i - 1] >= name)) {
    throw new RemoteError("bad_request", "cert.scope: not in rising order");
  }
  if (equal(checked.userkey, checked.clientkey)) {
    throw new RemoteError("bad_request", "cert: a user key is not a client key");
  }
  const isAnywhere = checked.servers.includes(ANYWHERE_BYTES);
  if (isAnywhere && checked.servers.length > 1) throw new RemoteError("bad_request", "cert.servers: * stands alone");
  const life = checked.expiration - checked.issued_at;
  if (life <= 0 || life > (isAnywhere ? MAX_LIFE_ANYWHERE_MS : MAX_LIFE_MS)) {
    throw new RemoteError("unauthorized", "certificate lives too long or not at all");
  }
  if (checked.issued_at > now + MAX_CLOCK_AHEAD_MS) {
    throw new RemoteError("unauthorized", "certificate is from the future: is a clock wrong?");
  }
  if (checked.expiration <= now) throw new RemoteError("unauthorized", "certificate has expired");
  const isFor = (/** @type {Uint8Array} */ key) => equal(key, /** @type {Uint8Array} */ (server));
  if (server !== null && !isAnywhere && !checked.servers.some(isFor)) {
    throw new RemoteError("unauthorized", "certificate is for another hub");
  }
  return {
    user: checked.userkey,
    client: checked.clientkey,
    issuedAt: checked.issued_at,
    expiration: checked.expiration,
    scope: checked.scope,
    servers: checked.servers,
    serial: checked.serial,
  };
}
