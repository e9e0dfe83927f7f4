/**
 * From what the hub delivers to facts that may be shown (protocol.md section 1): form, type, hash and signature are
 * checked here, before anyone else sees a message.
 *
 * A fact is what the rest of the client knows of a message; it holds no bytes. Not here: rights, which depend on other
 * messages (fold.js).
 */

import { RemoteError } from "../accord/errors.js";
import { checkType, readBody, readPlaintext, RULES } from "../accord/message_types.js";
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
 *   isSealed: boolean, lock: Lock, header: Record<string, any> | null,
 *   cursor: number}} Fact
 *   `body` is null where it is gone or not to be understood; `isClear` is false for what could not be opened or needs to
 *   be understood and is not; `isSealed`: it came encrypted; `header` of control messages only; `burnAt` is 0 for most
 * @typedef {"" | "waiting" | "before" | "untrusted" | "gone"} Lock why it is not to be read: its key has not come, it was
 *   said before one came, it does not fit, its key is forgotten
 * @typedef {(message: import("../accord/messages.js").Message, cursor: number) =>
 *   Promise<import("./sealing.js").Opened>} Opener
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
 * @param {Opener} [open] for what is said in private channels; without it that is not looked into
 * @returns {Promise<Fact>}
 */
export async function readFact(envelope, cursor = 0, open = undefined) {
  const message = await readMessage(envelope);
  checkType(message);
  return readOpened(message, cursor, open);
}

/**
 * The same of a message that was checked before.
 * @param {import("../accord/messages.js").Message} message
 * @param {number} cursor
 * @param {Opener} [open]
 * @returns {Promise<Fact>}
 */
export async function readOpened(message, cursor, open) {
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
    ...(await contentOf(message, cursor, open)),
    isSealed: message.encrypted,
    header: RULES.get(message.type)?.control ? message.header : null,
    cursor,
  };
}

async function contentOf(message, cursor, open) {
  const isUnderstood = message.crit.every((field) => KNOWN_FIELDS.has(field));
  const isReadable = isUnderstood && message.body !== null && RULES.has(message.type);
  if (isReadable && open && message.topic.kind === "chan" && RULES.get(message.type).seals) {
    const opened = await open(message, cursor);
    if (opened !== null) {
      return "lock" in opened ? { body: null, isClear: false, lock: opened.lock } : readSealed(message, opened.body);
    }
  }
  const isClear = isUnderstood && !message.encrypted;
  return { body: isClear && isReadable ? readBody(message) : null, isClear, lock: "" };
}

/** Whoever has the key may seal anything, also what no message of the type may say. */
function readSealed({ type }, body) {
  try {
    return { body: readPlaintext(type, body), isClear: true, lock: "" };
  } catch (error) {
    if (error instanceof RemoteError) {
      return { body: null, isClear: false, lock: "untrusted" };
    }
    throw error;
  }
}

/**
 * The facts in what the hub delivered, in its order; what does not hold is dropped.
 * @param {unknown} items `[{cursor, message: envelope}]`
 * @param {(header: any) => boolean} [wanted] by the unverified header: what is not wanted is not checked either
 * @param {Opener} [open] as of readFact
 * @returns {Promise<Fact[]>}
 */
export async function readFacts(items, wanted = () => true, open = undefined) {
  const facts = [];
  const list = Array.isArray(items) ? items.filter((item) => wanted(item?.message?.header ?? {})) : [];
  for (let start = 0; start < list.length; start += CHUNK_MESSAGES) {
    const chunk = list.slice(start, start + CHUNK_MESSAGES);
    const read = chunk.map((item) => {
      const cursor = Number.isSafeInteger(item?.cursor) ? item.cursor : 0;
      return readFact(item?.message, cursor, open).catch((error) => drop(error, item?.message));
    });
    facts.push(...(await Promise.all(read)).filter((fact) => fact !== null));
  }
  return facts;
}
