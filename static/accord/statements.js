// Statements: what a hub says under its peer key (protocol.md section 3, "Statements").

import { b64decode, b64encode, canonical, equal, isObject } from "./encoding.js";
import { RemoteError } from "./errors.js";
import * as fields from "./fields.js";
import { verify } from "./keys.js";

export const STORE_ID_BYTES = 16;

const checkVersion = fields.exactly(1);

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
