/**
 * Bodies of messages, opened and sealed (protocol.md section 7).
 *
 * What cannot be opened yet waits here for its key; what does not fit is never shown as if somebody had said it. A
 * message is opened by the keys of its own topic alone, so one that was moved or swapped opens nowhere. Not here: where
 * keys come from.
 */

import { openBody } from "../accord/bodies.js";
import { DAY_MS, windowAt } from "../accord/epochs.js";
import { RemoteError } from "../accord/errors.js";
import { RULES } from "../accord/message_types.js";
import { toSay } from "../words/tosay.js";
import { ClientError } from "./errors.js";
import { readOpened } from "./verify.js";

const MAX_WAITING = 5_000;
const BURN_TICK_MS = 15_000;
/** A window's key is made from the one before it: nothing that claims to be from a far future is tried. */
const MAX_AHEAD_MS = DAY_MS;

/** Why something is not sent yet; the outbox shows it with the message. */
const WAITS = {
  key: toSay("Waits for the channel's key, which an admin's device hands out."),
  waiting: toSay("Waits until the other side has accepted the encrypted conversation."),
  declined: toSay("The other side has declined an encrypted conversation."),
  changed: toSay("Their key has changed: look at it before anything is sent."),
};

/** @typedef {{body: Uint8Array} | {lock: import("./verify.js").Lock} | null} Opened null: it was never sealed */

/** Opens and seals for one account. */
export class Sealing {
  /** @type {Map<string, Map<string, {message: import("../accord/messages.js").Message, cursor: number}>>} */
  #waiting = new Map();
  #waitingCount = 0;
  #timer = 0;
  #parts;

  /**
   * @param {{keystore: import("./keystore.js").Keystore, clock: import("./clock.js").Clock,
   *   composer: import("./composer.js").Composer, isPrivate: (topic: string) => boolean,
   *   route: (key: string) => Promise<{topic: string} | {waits: string} | null>,
   *   writable: (topic: string) => import("./keystore.js").EpochRecord | null, burnMsOf: (topic: string) => number | null,
   *   opened: (facts: import("./verify.js").Fact[]) => void}} parts
   *   `route`: by which topic a direct conversation goes now; null: in clear; `writable`: the epoch to write under
   */
  constructor(parts) {
    this.#parts = parts;
    this.open = this.open.bind(this);
  }

  start() {
    this.#timer = setInterval(() => this.#burn(), BURN_TICK_MS);
  }

  stop() {
    clearInterval(this.#timer);
  }

  // --------------------------------------------------------------------------------------------------------- opening

  /**
   * The clear body of a message to a channel.
   * @param {import("../accord/messages.js").Message} message
   * @param {number} [cursor]
   * @returns {Promise<Opened>}
   */
  async open(message, cursor = 0) {
    const topic = message.topic.name;
    if (!message.encrypted) {
      return this.#parts.isPrivate(topic) ? { lock: "untrusted" } : null;
    }
    const { epoch, win } = message.header.enc;
    const { keystore, clock } = this.#parts;
    if (keystore.isLate(topic, epoch, message.createdAt) || message.createdAt > clock.now() + MAX_AHEAD_MS) {
      return { lock: "untrusted" };
    }
    const records = keystore.of(topic, epoch);
    let isGone = false;
    for (const record of records.filter(({ windowMs }) => isOfItsTime(message, windowMs))) {
      const key = await keystore.windowKey(record, win);
      isGone ||= key === null;
      const body = key && (await openedBy(message, key, record));
      if (body) {
        return { body };
      }
    }
    this.#wait(message, cursor); // two may make an epoch at once, and the other one's may still come
    if (isGone || records.length) {
      return { lock: isGone ? "gone" : "untrusted" };
    }
    const held = keystore.of(topic);
    return { lock: held.length && held.every((record) => record.epoch > epoch) ? "before" : "waiting" };
  }

  #wait(message, cursor) {
    const topic = message.topic.name;
    const waiting = this.#waiting.get(topic) ?? new Map();
    if (!waiting.has(message.idText) && this.#waitingCount < MAX_WAITING) {
      this.#waitingCount += 1;
      waiting.set(message.idText, { message, cursor });
      this.#waiting.set(topic, waiting);
    }
  }

  /** A key of a topic has come: what waited for it is opened. @param {string} topic */
  async retry(topic) {
    const waiting = this.#waiting.get(topic);
    this.#waiting.delete(topic);
    this.#waitingCount -= waiting?.size ?? 0;
    const facts = [];
    for (const { message, cursor } of waiting?.values() ?? []) {
      const fact = await readOpened(message, cursor, this.open);
      if (fact.isClear) {
        facts.push(fact);
      }
    }
    if (facts.length) {
      this.#parts.opened(facts);
    }
  }

  // --------------------------------------------------------------------------------------------------------- sealing

  /**
   * An envelope of a draft, sealed where it goes to a private place; or why it has to wait. ClientError.
   * @param {import("./composer.js").Draft} draft
   * @returns {Promise<{envelope: any} | {waits: {code: string, detail: string}}>}
   */
  async make(draft) {
    const { composer, isPrivate } = this.#parts;
    const to = draft.direct && !draft.isOpen ? await this.#parts.route(draft.direct) : null;
    if (to && "waits" in to) {
      return { waits: { code: to.waits, detail: WAITS[to.waits] } };
    }
    const topic = to?.topic ?? draft.topic;
    if (!isPrivate(topic)) {
      return { envelope: await composer.make(draft) };
    }
    const burnMs = this.#burnMs(draft, topic);
    if (!RULES.get(draft.type)?.seals) {
      return { envelope: await composer.make({ ...draft, topic }) };
    }
    const record = this.#parts.writable(topic);
    if (!record) {
      return { waits: { code: "waiting", detail: WAITS.key } };
    }
    const seal = (createdAt) => this.#sealAt(record, createdAt);
    return { envelope: await composer.make({ ...draft, topic, burnMs, seal }) };
  }

  #burnMs({ burnMs = 0 }, topic) {
    const ofPlace = this.#parts.burnMsOf(topic);
    return ofPlace && burnMs ? Math.min(ofPlace, burnMs) : ofPlace || burnMs;
  }

  async #sealAt(record, createdAt) {
    // Who is ahead of us may have made an epoch whose first window has not begun by our clock.
    const win = Math.max(windowAt(createdAt, record.windowMs), record.win);
    const windowKey = await this.#parts.keystore.windowKey(record, win);
    if (!windowKey || win - windowAt(createdAt, record.windowMs) > 1) {
      throw new ClientError("future");
    }
    return { epoch: record.epoch, win, windowKey };
  }

  /** Whether there is a newer epoch than the one under which an envelope was sealed. */
  isStale({ header }) {
    const record = header.enc ? this.#parts.writable(header.to) : null;
    return record !== null && record.epoch > header.enc.epoch;
  }

  // --------------------------------------------------------------------------------------------------------- burning

  /** What was said in windows that are over has burned: their keys go too. */
  async #burn() {
    const { keystore, clock, burnMsOf } = this.#parts;
    const now = clock.now();
    for (const record of keystore.topics().flatMap((topic) => keystore.of(topic))) {
      const burnMs = burnMsOf(record.topic);
      const isNewest = keystore.newest(record.topic) === record;
      if (record.burnMs !== null && isNewest && (burnMs === null || burnMs > record.burnMs)) {
        await keystore.keepLonger(record, burnMs);
      } else if (record.burnMs !== null) {
        const first = windowAt(now - record.burnMs, record.windowMs); // a window before it has burned whole
        if (first > record.win) {
          await keystore.drop(record, first);
        }
      }
    }
  }
}

function isOfItsTime(message, windowMs) {
  return Math.abs(message.header.enc.win - windowAt(message.createdAt, windowMs)) <= 1;
}

async function openedBy(message, key, { windowMs }) {
  try {
    return await openBody(message, key, { windowMs });
  } catch (error) {
    if (error instanceof RemoteError) {
      return null;
    }
    throw error;
  }
}
