/**
 * From what the hub delivers to facts that may be shown (protocol.md section 1): form, type, hash and signature are
 * checked here, before anyone else sees a message.
 *
 * A fact is what the rest of the client knows of a message; it holds no bytes. Not here: rights, which depend on other
 * messages (fold.js).
 */

import { RemoteError } from "../accord/errors.js";
import { checkType, readBody, RULES } from "../accord/message_types.js";
import { readMessage } from "../accord/messages.js";

const CHUNK_MESSAGES = 100;
const KNOWN_FIELDS = new Set([
  "v", "type", "from", "to", "created_at", "tz", "attention_keys", "attention_messages", "refs", "prev", "burn_at",
  "enc", "body_hash", "body_size", "crit",
]);

/**
 * @typedef {{id: string, at: number, author: string, topic: string, type: string, burnAt: number, mentions: string[],
 *   answers: string[], refs: {rel: string, id: string}[], prev: string[],
 *   body: Record<string, any> | null, isClear: boolean,
 *   cursor: number}} Fact
 *   `body` is null where it is gone or not to be understood; `isClear` is false for what is encrypted or needs to be
 *   understood and is not; `burnAt` is 0 for most
 */

const warned = new Set();

function drop(error, envelope) {
  if (!(error instanceof RemoteError)) {
    throw error;
  }
  const topic = String(envelope?.header?.to).slice(0, 64);
  if (!warned.has(topic)) {
    warned.add(topic);
    console.warn(`a message to ${topic} was left out: ${error.code}`);
  }
  return null;
}

/**
 * One envelope, checked. RemoteError.
 * @param {any} envelope
 * @param {number} [cursor]
 * @returns {Promise<Fact>}
 */
export async function readFact(envelope, cursor = 0) {
  const message = await readMessage(envelope);
  checkType(message);
  const isClear = !message.encrypted && message.crit.every((field) => KNOWN_FIELDS.has(field));
  const isReadable = isClear && message.body !== null && RULES.has(message.type);
  return {
    id: message.idText,
    at: message.createdAt,
    author: message.author,
    topic: message.topic.name,
    type: message.type,
    burnAt: message.burnAt ?? 0,
    mentions: message.attentionKeys,
    answers: message.attentionMessages,
    refs: message.refs,
    prev: message.header.prev ?? [],
    body: isReadable ? readBody(message) : null,
    isClear,
    cursor,
  };
}

/**
 * The facts in what the hub delivered, in its order; what does not hold is dropped.
 * @param {unknown} items `[{cursor, message: envelope}]`
 * @param {(header: any) => boolean} [wanted] by the unverified header: what is not wanted is not checked either
 * @returns {Promise<Fact[]>}
 */
export async function readFacts(items, wanted = () => true) {
  const facts = [];
  const list = Array.isArray(items) ? items.filter((item) => wanted(item?.message?.header ?? {})) : [];
  for (let start = 0; start < list.length; start += CHUNK_MESSAGES) {
    const chunk = list.slice(start, start + CHUNK_MESSAGES);
    const read = chunk.map((item) => {
      const cursor = Number.isSafeInteger(item?.cursor) ? item.cursor : 0;
      return readFact(item?.message, cursor).catch((error) => drop(error, item?.message));
    });
    facts.push(...(await Promise.all(read)).filter((fact) => fact !== null));
  }
  return facts;
}
