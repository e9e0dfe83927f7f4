// Topics: where a message is addressed (protocol.md section 1, field `to`; ids of section 7).

import { b64decode, b64encode } from "./encoding.js";
import { RemoteError } from "./errors.js";
import { labelledHash } from "./primitives.js";

export const KINDS = new Set(["feed", "user", "chan", "space", "round", "group", "hub"]);
export const NONCE_BYTES = 16;

/**
 * A kind, the 32-byte key or id after the colon, and both as they are written.
 * @typedef {{kind: string, ident: Uint8Array, name: string}} Topic
 */

/**
 * The topic that a name stands for; RemoteError("bad_request"). A header's bare `feed` is not a topic's name.
 * @param {string} name
 * @returns {Topic}
 */
export function parseTopic(name) {
  const colon = name.indexOf(":");
  const kind = name.slice(0, Math.max(colon, 0));
  if (!KINDS.has(kind)) throw new RemoteError("bad_request", "no topic of a known kind");
  return { kind, ident: b64decode(name.slice(colon + 1), 32), name };
}

/**
 * A topic as it is written: `kind:base64url`.
 * @param {string} kind
 * @param {Uint8Array} ident
 * @returns {string}
 */
export function topicName(kind, ident) {
  return `${kind}:${b64encode(ident)}`;
}

/**
 * The topic of what a user says to all.
 * @param {Uint8Array} key
 * @returns {string}
 */
export function feedTopic(key) {
  return topicName("feed", key);
}

/**
 * The topic of a header's `to` and `from`; RemoteError("bad_request").
 * @param {unknown} to
 * @param {Uint8Array} author
 * @returns {Topic}
 */
export function topicOf(to, author) {
  if (to === "feed") return { kind: "feed", ident: author, name: feedTopic(author) };
  if (typeof to !== "string" || to.startsWith("feed:")) {
    throw new RemoteError("bad_request", "to: no topic"); // one spelling only, else one message would have two headers
  }
  return parseTopic(to);
}

/**
 * The id of a channel that a hub keeps in clear.
 * @param {Uint8Array} creator
 * @param {Uint8Array} nonce
 * @param {Uint8Array} hub
 * @returns {Promise<Uint8Array>}
 */
export function openChannelId(creator, nonce, hub) {
  return labelledHash("channel", creator, nonce, hub);
}
