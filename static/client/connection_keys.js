/**
 * What is known of a connection with one other user, and the key that comes of it (protocol.md section 7).
 *
 * Not here: keeping it, asking and answering (connections.js).
 */

import { connectionEpoch, connectionKey, EPOCH, firstAccept, WINDOW_MS } from "../accord/connections.js";
import { b64encode, canonical } from "../accord/encoding.js";
import { firstWindowKey } from "../accord/epochs.js";
import { RemoteError } from "../accord/errors.js";
import { OneTimeKey } from "../accord/primitives.js";

/**
 * `said`: connection messages between us; `halves`: own private keys, for a request or an accept of mine; `links`: the
 * channels that came of it.
 * @typedef {{type: string, id: string, at: number, author: string, topic: string, header: any,
 *   body: Record<string, any>}} Said
 * @typedef {{key: string, said: Said[], halves: {connId: string, publicText: string, half: CryptoKey}[],
 *   links: {topic: string, at: number, id: string}[], burnMs: number | null}} Known
 */

/**
 * The own half that belongs to a message of mine; undefined: it was made elsewhere.
 * @param {Known | undefined} record
 * @param {Said} said
 */
export function halfFor(record, { body }) {
  const publicText = b64encode(body.conn_pub);
  return record?.halves.find((half) => half.publicText === publicText);
}

/** The requests that were accepted and of which one half is here. @param {Known} record */
export function halvesOf(record) {
  const requests = record.said.filter(({ type }) => type === "connection.request");
  return requests.flatMap((request) => {
    const accept = firstAccept(request, record.said);
    const half = accept && halfFor(record, request.author === record.key ? accept : request);
    return accept && half ? [{ request, accept, half }] : [];
  });
}

/**
 * The key of a channel of two, as keystore.js takes it; null where the other half gives none.
 * @param {Known} record
 * @param {{topic: string, request: Said, accept: Said, half: {half: CryptoKey}}} parts
 */
export async function keyOf(record, { topic, request, accept, half }) {
  const other = request.author === record.key ? request : accept;
  const own = new OneTimeKey(half.half, new Uint8Array());
  try {
    const secret = await connectionKey(own, other.body.conn_pub, signed(request), signed(accept));
    const epoch = await connectionEpoch(secret, accept.at);
    return {
      topic, epoch: EPOCH, id: accept.id, prev: "", author: accept.author, createdAt: accept.at, windowMs: WINDOW_MS,
      win: epoch.w0, burnMs: null, count: 0, key: await firstWindowKey(epoch.secret, epoch.w0),
    };
  } catch (error) {
    if (error instanceof RemoteError) {
      console.warn("a connection gives no key:", error.code);
      return null;
    }
    throw error;
  }
}

function signed({ header }) {
  return { headerBytes: canonical(header) };
}
