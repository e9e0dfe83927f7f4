/**
 * The voucher of a member that this browser holds (protocol.md section 10): read from a text or a link, kept for all
 * letters to this hub. Not here: sending with it (letters.js), the page's part about it (knows.js).
 */

import { b64encode } from "../accord/encoding.js";
import { RemoteError } from "../accord/errors.js";
import { readVoucher, verifyVoucher } from "../accord/vouchers.js";
import { ClientError } from "../client/errors.js";
import { toSay } from "../words/tosay.js";

/** What is before the text in the fragment of a link. */
export const MARK = "#voucher=";
const RECORD = "voucher";

const SENTENCES = {
  form: toSay("That is no voucher, or not a whole one: copy it, or its link, to its last letter and try again."),
  hub: toSay("That voucher is of another hub; it counts for nothing here."),
  key: toSay("That voucher is for another key than this browser's. Open it in the browser from which you sent your key, "
    + "or ask for one for the key above."),
  over: toSay("The time of that voucher is over; ask for a new one."),
  bad: toSay("That voucher does not hold: something in it was changed. Ask for a new one."),
};

function refusal(why) {
  return new ClientError("bad_request", SENTENCES[why]);
}

function read(given) {
  const at = given.indexOf(MARK);
  const text = (at < 0 ? given : given.slice(at + MARK.length)).replace(/\s+/g, "");
  try {
    return readVoucher(text);
  } catch (error) {
    throw error instanceof RemoteError ? refusal("form") : error;
  }
}

/** At most one voucher. */
export class HeldVoucher {
  /** As it goes on the wire. @type {Record<string, any> | null} */
  value = null;
  /** The hub has refused the one that was held. */
  isRefused = false;
  #storage;

  /** @param {import("../client/storage.js").Storage} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  async load() {
    this.value = (await this.#storage.get("strangers", RECORD)) ?? null;
  }

  /**
   * Check a voucher and keep it in place of the one before. ClientError: a sentence why it is not taken.
   * @param {string} given a text or a link
   * @param {{hub: Uint8Array, stranger: Uint8Array, now: number}} context `now`: the hub's time
   */
  async take(given, { hub, stranger, now }) {
    const value = read(given);
    if (value.hub !== b64encode(hub)) {
      throw refusal("hub");
    }
    if (value.stranger !== b64encode(stranger)) {
      throw refusal("key");
    }
    if (value.expires <= now) {
      throw refusal("over");
    }
    try {
      await verifyVoucher(value, { hub, stranger, now });
    } catch (error) {
      throw error instanceof RemoteError ? refusal("bad") : error;
    }
    this.value = value;
    this.isRefused = false;
    await this.#storage.put("strangers", value, RECORD);
  }

  /** Whether it may be shown to the hub. @param {number} now the hub's time @param {string} stranger the own key */
  isGood(now, stranger) {
    return this.value !== null && this.value.stranger === stranger && this.value.expires > now;
  }

  /** The hub does not take it. */
  async refused() {
    this.value = null;
    this.isRefused = true;
    await this.#storage.remove("strangers", RECORD);
  }
}
