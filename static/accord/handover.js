// Handing one's vault to a new device from one that is logged in, by a code or its QR picture (protocol.md section 9).
//
// The old device, once its person has typed the password, seals what the password became under a code of 16 bytes and
// leaves it on the hub as a shard that burns within minutes; the new one reads the code, finds and opens it. Not here:
// the shard itself, codes in letters (vault.js).

import { b64encode, canonical, concat, parseCanonical } from "./encoding.js";
import { RemoteError } from "./errors.js";
import * as fields from "./fields.js";
import { NAME_PATTERN } from "./names.js";
import { domain, expand, extract, importAesKey, open, seal } from "./primitives.js";

export const MAX_LIFE_MS = 10 * 60 * 1000;
const MAX_PACKAGE_BYTES = 1024;
const NONCE_BYTES = 12;

const PACKAGE = fields.table({ name: fields.pattern(NAME_PATTERN), auth: fields.key, wrap: fields.key });

/**
 * What opens a vault: its name, and the `auth` and `wrap` that the password became.
 * @typedef {{name: string, auth: Uint8Array, wrap: Uint8Array}} Package
 */

/** @param {Uint8Array} code @param {Uint8Array} hub */
function prkOf(code, hub) {
  return extract(domain("handover"), concat(code, hub));
}

/**
 * Where the shard lies: its `id_attach`, 32 bytes that lead to nothing else.
 * @param {Uint8Array} code
 * @param {Uint8Array} hub
 */
export async function attachId(code, hub) {
  return expand(await prkOf(code, hub), "handover-id");
}

/** @param {{code: Uint8Array, hub: Uint8Array}} how */
async function keyOf({ code, hub }) {
  return importAesKey(await expand(await prkOf(code, hub), "handover-key"));
}

/**
 * The body of the shard, for the hub with that key.
 * @param {Package} what
 * @param {{code: Uint8Array, hub: Uint8Array}} how
 */
export async function sealPackage({ name, auth, wrap }, how) {
  const inside = canonical({ name, auth: b64encode(auth), wrap: b64encode(wrap) });
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  return concat(nonce, await seal(await keyOf(how), nonce, inside, domain("handover-key")));
}

/**
 * What such a body holds; RemoteError("bad_request") for one of another code or hub, or of another form.
 * @param {Uint8Array} body
 * @param {{code: Uint8Array, hub: Uint8Array}} how
 * @returns {Promise<Package>}
 */
export async function openPackage(body, how) {
  const nonce = body.subarray(0, NONCE_BYTES);
  if (nonce.length < NONCE_BYTES) throw new RemoteError("bad_request", "it does not open with that code");
  const inside = await open(await keyOf(how), nonce, body.subarray(NONCE_BYTES), domain("handover-key"));
  return /** @type {Package} */ (fields.read(parseCanonical(inside, MAX_PACKAGE_BYTES), PACKAGE, "package"));
}
