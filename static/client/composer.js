/**
 * Messages of one's own (protocol.md sections 1 and 14), signed and ready to send.
 */

import { createEncrypted, PAD_BYTES } from "../accord/bodies.js";
import { canonical, sortByBytes, utf8 } from "../accord/encoding.js";
import { createMessage, MAX_ATTENTION_KEYS, MAX_BODY_BYTES } from "../accord/messages.js";
import { ClientError } from "./errors.js";

/** What sealing adds to a body: padding, a tag. */
const SEAL_BYTES = PAD_BYTES + 16;
/** What is dated farther ahead than this was dated by a clock that has been set since: nothing comes after it. */
const MAX_AHEAD_MS = 60_000;

/**
 * @typedef {{type: string, topic: string, body: object, mentions?: string[], replyTo?: string,
 *   refs?: {rel: string, id: string}[], prev?: string[], isControl?: boolean,
 *   direct?: string, isOpen?: boolean, burnMs?: number, burnAt?: number,
 *   seal?: (createdAt: number) => Promise<{epoch: number, win: number, windowKey: CryptoKey}>}} Draft what is to be said;
 *   `topic` as in its header's `to`, or one's own `feed:K`; `direct`: to whom, where sealing.js decides by which topic,
 *   unless it is to go in clear (`isOpen`); it burns so long after it is written (`burnMs`), or at `burnAt`
 */

/** Makes one author's messages, each later than the one before, so that they are read in the order of writing. */
export class Composer {
  #user;
  #clock;
  #last = 0;

  /** @param {import("../accord/keys.js").SigningKey} user @param {import("./clock.js").Clock} clock */
  constructor(user, clock) {
    this.#user = user;
    this.#clock = clock;
  }

  /**
   * An envelope; ClientError: too_big, burned.
   * @param {Draft} draft
   */
  async make({
    type, topic, body, mentions = [], replyTo = "", refs = [], prev = [], isControl = false, seal, burnMs = 0, burnAt = 0,
  }) {
    const bytes = isControl ? canonical(body) : utf8(JSON.stringify(body, wellFormed));
    if (bytes.length > MAX_BODY_BYTES - (seal ? SEAL_BYTES : 0)) {
      throw new ClientError("too_big");
    }
    const now = this.#clock.now();
    this.#last = this.#last - now > MAX_AHEAD_MS ? now : Math.max(now, this.#last + 1);
    const createdAt = this.#last;
    if (burnAt && burnAt <= createdAt) {
      throw new ClientError("burned");
    }
    const fields = {
      type,
      to: topic === `feed:${this.#user.publicText}` ? "feed" : topic,
      body: bytes,
      createdAt,
      attentionKeys: sortByBytes(mentions).slice(0, MAX_ATTENTION_KEYS),
      attentionMessages: replyTo ? [replyTo] : [],
      refs,
      extra: prev.length ? { prev } : {},
      burnAt: burnAt || (burnMs ? createdAt + burnMs : 0),
    };
    return seal
      ? createEncrypted(this.#user, { ...fields, ...(await seal(createdAt)) })
      : createMessage(this.#user, fields);
  }
}

/** Half characters, which a field may hold while somebody types, are not JSON in UTF-8. */
function wellFormed(_name, value) {
  return typeof value === "string" ? value.toWellFormed() : value;
}
