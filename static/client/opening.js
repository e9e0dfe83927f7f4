/**
 * Sealed messages in reports (protocol.md section 8): the keys that this person hands over, and what a judge reads.
 *
 * A message's own key opens that message and no other. What a judge is shown is what its author has signed, checked here
 * like any message; a key that does not open it is said to be so. Not here: reports themselves (marks.js).
 */

import { messageKey, openWithMessageKey } from "../accord/bodies.js";
import { b64decode, b64encode } from "../accord/encoding.js";
import { messageKid } from "../accord/epochs.js";
import { AccordError, RemoteError } from "../accord/errors.js";
import { checkType, readBody, readPlaintext, RULES } from "../accord/message_types.js";
import { readMessage } from "../accord/messages.js";

/**
 * The keys of those of these messages that are sealed, and that this browser can open.
 * @param {string[]} ids
 * @param {import("./rest.js").Rest} rest
 * @param {import("./keystore.js").Keystore} keystore
 * @returns {Promise<{id: string, key: string}[]>}
 */
export async function keysOf(ids, rest, keystore) {
  const found = await Promise.all(ids.map((id) => entryOf(id, rest, keystore).catch((error) => {
    if (!(error instanceof AccordError)) {
      throw error;
    }
    return null; // it has been deleted meanwhile: the report goes without it
  })));
  return found.filter((entry) => entry !== null);
}

async function entryOf(id, rest, keystore) {
  const { message: envelope } = await rest.ask("GET", `messages/${id}`);
  const message = await readMessage(envelope);
  const key = message.encrypted && message.salt && message.idText === id ? await keyOf(message, keystore) : null;
  return key && { id, key: b64encode(key) };
}

/**
 * @param {import("../accord/messages.js").Message} message
 * @param {import("./keystore.js").Keystore} keystore
 * @returns {Promise<Uint8Array | null>}
 */
async function keyOf(message, keystore) {
  const { epoch, win, kid } = message.header.enc;
  for (const record of keystore.of(message.topic.name, epoch)) {
    const key = await keystore.windowKey(record, win);
    if (key && b64encode(await messageKid(key)) === kid) {
      return messageKey(key, /** @type {Uint8Array} */ (message.salt), message.authorKey);
    }
  }
  return null;
}

/**
 * What the reported has written, of the messages that come with a report; and how many of them open with no key given.
 * @param {any[]} items `[{message: envelope}]`
 * @param {{id: string, key: string}[]} opened
 * @param {string} author the reported
 * @returns {Promise<{texts: {id: string, at: number, text: string, files: number, isOpened: boolean}[], shut: number}>}
 */
export async function readReported(items, opened, author) {
  const keys = new Map(opened.map(({ id, key }) => [id, key]));
  const texts = [];
  let shut = 0;
  for (const item of items) {
    try {
      const message = await readMessage(item?.message);
      checkType(message);
      if (message.author !== author || message.body === null || !RULES.has(message.type)) continue;
      const key = keys.get(message.idText);
      if (message.encrypted && key === undefined) {
        shut += 1;
        continue;
      }
      const body = message.encrypted
        ? readPlaintext(message.type, await openWithMessageKey(message, b64decode(key)))
        : readBody(message);
      texts.push({
        id: message.idText, at: message.createdAt, text: String(body.text ?? body.emoji ?? ""),
        files: body.files?.length ?? 0, isOpened: message.encrypted,
      });
    } catch (error) {
      if (!(error instanceof RemoteError)) {
        throw error;
      }
      shut += 1;
    }
  }
  return { texts, shut };
}
