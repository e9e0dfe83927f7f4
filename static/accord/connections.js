// Connections: a channel of two users with keys of its own (protocol.md section 7).
//
// Both publish a fresh X25519 key, in `connection.request` and `connection.accept`; the secret is bound to both headers,
// so it is another one if anything of them is. Not here: whether somebody may ask, storing keys, the messages themselves
// (bodies.js).

import { b64encode, concat, equal } from "./encoding.js";
import { DAY_MS, epochKid, windowAt, winner } from "./epochs.js";
import { domain, expand, extract, labelledHash, lp, sha256 } from "./primitives.js";

export const CONN_ID_BYTES = 16;
export const WINDOW_MS = DAY_MS;
export const EPOCH = 1;

/**
 * The body of `connection.request`, and of `connection.accept` with the request's `connId`.
 * @param {Uint8Array} connPub
 * @param {Uint8Array} connId CONN_ID_BYTES
 */
export function requestBody(connPub, connId) {
  return { conn_pub: b64encode(connPub), conn_id: b64encode(connId) };
}

/**
 * The body of `connection.decline`.
 * @param {Uint8Array} connId
 */
export function declineBody(connId) {
  return { conn_id: b64encode(connId) };
}

/**
 * A checked `connection.*` message: id, author and the key in `topic` in base64url, `body` as readBody gives it.
 * @typedef {{id: string, at: number, type: string, author: string, topic: string,
 *   body: Record<string, any> | null}} ConnectionMessage
 */

/**
 * Whether an accept or a decline answers this request: from its addressee, to its author, with its conn_id.
 * @param {ConnectionMessage} request
 * @param {ConnectionMessage} answer
 */
export function fits(request, answer) {
  return request.type === "connection.request"
    && (answer.type === "connection.accept" || answer.type === "connection.decline")
    && request.topic === `user:${answer.author}` && answer.topic === `user:${request.author}`
    && request.author !== answer.author && request.body !== null && answer.body !== null
    && equal(request.body.conn_id, answer.body.conn_id);
}

/**
 * The accept that counts: of those that fit the smallest by (created_at, id); null where there is none.
 * @template {ConnectionMessage} T
 * @param {ConnectionMessage} request
 * @param {Iterable<T>} answers
 * @returns {T | null}
 */
export function firstAccept(request, answers) {
  return winner([...answers].filter((answer) => answer.type === "connection.accept" && fits(request, answer)));
}

/**
 * The topic of the channel of two.
 * @param {Uint8Array} requestId
 * @param {Uint8Array} acceptId
 * @returns {Promise<string>}
 */
export async function connectionTopic(requestId, acceptId) {
  return `chan:${b64encode(await labelledHash("connection", requestId, acceptId))}`;
}

/**
 * The 32-byte secret of a connection, the same for both; RemoteError("bad_request") where a key gives none.
 * @param {import("./primitives.js").OneTimeKey} own
 * @param {Uint8Array} otherPub
 * @param {{headerBytes: Uint8Array}} request
 * @param {{headerBytes: Uint8Array}} accept
 * @returns {Promise<Uint8Array>}
 */
export async function connectionKey(own, otherPub, request, accept) {
  const salt = await sha256(concat(domain("conn"), lp(request.headerBytes), lp(accept.headerBytes)));
  return extract(salt, await own.agree(otherPub));
}

/**
 * The only epoch of a connection: its secret, what names it, its first window.
 * @param {Uint8Array} key
 * @param {number} acceptedAt the accept's created_at, ms
 * @returns {Promise<{secret: Uint8Array, kid: Uint8Array, w0: number}>}
 */
export async function connectionEpoch(key, acceptedAt) {
  const secret = await expand(key, "conn-epoch");
  return { secret, kid: await epochKid(secret), w0: windowAt(acceptedAt, WINDOW_MS) };
}
