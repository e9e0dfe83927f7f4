// Box keys of a user's devices: `device.keys` in the feed, and which of them live (protocol.md section 7).
//
// A device publishes a box key each week; whoever seals to a user seals to all that live. Not here: making and keeping
// them, sealing (hpke.js), certificates (certs.js).

import { b64decode, b64encode, compareBytes } from "./encoding.js";

export const RENEW_MS = 7 * 24 * 3600 * 1000;
export const MAX_DEVICES = 16; // the newest count, so that nobody makes the epochs of others long

/**
 * A living box key: whose peer key it is with ("" where it is not said), until when (ms), from when, in which message.
 * @typedef {{boxkey: string, client: string, notAfter: number, at: number, id: string}} Device
 */

/** @param {Device} a @param {Device} b @returns {number} below 0 where `a` is the older one */
function compareAge(a, b) {
  return a.at - b.at || compareBytes(b64decode(a.id), b64decode(b.id));
}

/**
 * The box keys that live at `now` (ms), the newest first, of one user's messages in any order.
 *
 * Only `device.keys` and `cert.revoke` are looked at. The newest by (created_at, id) of a clientkey counts, without one
 * the newest of a box key; a revoked clientkey has none, whatever it publishes later.
 * @param {{type: string, id: string, at: number, body: Record<string, any> | null}[]} feed checked
 * @param {number} now
 * @returns {Device[]}
 */
export function livingDevices(feed, now) {
  const revoked = new Set();
  /** @type {Map<string, Device>} */
  const newest = new Map();
  for (const { type, id, at, body } of feed) {
    if (body === null) continue;
    if (type === "cert.revoke" && body.clientkey) revoked.add(b64encode(body.clientkey));
    if (type !== "device.keys") continue;
    const device = {
      boxkey: b64encode(body.boxkey),
      client: body.clientkey ? b64encode(body.clientkey) : "",
      notAfter: body.not_after,
      at,
      id,
    };
    const place = device.client ? `client ${device.client}` : `boxkey ${device.boxkey}`;
    const before = newest.get(place);
    if (!before || compareAge(before, device) < 0) newest.set(place, device);
  }
  const alive = [...newest.values()].filter((device) => device.notAfter >= now && !revoked.has(device.client));
  return alive.sort((a, b) => compareAge(b, a)).slice(0, MAX_DEVICES);
}
