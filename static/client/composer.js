/**
 * Messages of one's own (protocol.md sections 1 and 14), signed and ready to send.
 */

import { canonical, sortByBytes, utf8 } from "../accord/encoding.js";
import { createMessage, MAX_ATTENTION_KEYS, MAX_BODY_BYTES } from "../accord/messages.js";
import { ClientError } from "./errors.js";

/**
 * @typedef {{type: string, topic: string, body: object, mentions?: string[], replyTo?: string,
 *   refs?: {rel: string, id: string}[], prev?: string[], isControl?: boolean}} Draft what is to be said; `topic` as in its header's `to`, or one's own
 *   `feed:K`
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
   * An envelope; ClientError("too_big").
   * @param {Draft} draft
   */
  make({ type, topic, body, mentions = [], replyTo = "", refs = [], prev = [], isControl = false }) {
    const bytes = isControl ? canonical(body) : utf8(JSON.stringify(body, wellFormed));
    if (bytes.length > MAX_BODY_BYTES) {
      throw new ClientError("too_big");
    }
    this.#last = Math.max(this.#clock.now(), this.#last + 1);
    return createMessage(this.#user, {
      type,
      to: topic === `feed:${this.#user.publicText}` ? "feed" : topic,
      body: bytes,
      createdAt: this.#last,
      attentionKeys: sortByBytes(mentions).slice(0, MAX_ATTENTION_KEYS),
      attentionMessages: replyTo ? [replyTo] : [],
      refs,
      extra: prev.length ? { prev } : {},
    });
  }
}

/** Half characters, which a field may hold while somebody types, are not JSON in UTF-8. */
function wellFormed(_name, value) {
  return typeof value === "string" ? value.toWellFormed() : value;
}
