/**
 * Vouchers that this person gives to strangers (protocol.md section 10): signed here, told to nobody.
 *
 * Which keys they are for stays in this browser, until they end. Not here: what a hub makes of one.
 */

import { b64decode } from "../accord/encoding.js";
import { makeVoucher, MAX_VOUCHER_LIFE_MS, showVoucher, voucherLink } from "../accord/vouchers.js";
import { toSay } from "../words/tosay.js";
import { isKey } from "./directory.js";
import { ClientError } from "./errors.js";
import { ORIGIN } from "./hub.js";

const RECORD = "vouched";

/** @typedef {{key: string, expires: number}} Given */

/** The vouchers of one account. */
export class Vouching {
  #parts;

  /**
   * @param {{storage: import("./storage.js").Storage, account: import("./account.js").Account,
   *   clock: import("./clock.js").Clock, directory: import("./directory.js").Directory}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /** For whom vouchers of this browser still hold, the newest first. @returns {Promise<Given[]>} */
  async list() {
    return this.#good((await this.#parts.storage.get("facts", RECORD)) ?? []);
  }

  /**
   * Vouch for a stranger's key; spaces in it do not matter. Gives the text and the link to pass on.
   * @param {{key: string, lifeMs: number}} params
   * @returns {Promise<{text: string, link: string, expires: number}>}
   */
  async make({ key, lifeMs }) {
    const { account, clock, directory } = this.#parts;
    const stranger = String(key).replace(/\s+/g, "");
    this.#check(stranger, lifeMs);
    const voucher = await makeVoucher(account.user, {
      hub: account.hubKey, stranger: b64decode(stranger, 32), issuedAt: clock.hubNow(), lifeMs,
    });
    const { expires } = voucher;
    await this.#parts.storage.update("facts", RECORD, (before) =>
      this.#good([{ key: stranger, expires }, ...(before ?? []).filter((each) => each.key !== stranger)]));
    const name = directory.knows(account.key) ? directory.nameOf(account.key) : account.name;
    return { text: showVoucher(voucher), link: voucherLink(ORIGIN, name, voucher), expires };
  }

  #check(stranger, lifeMs) {
    const { account, directory } = this.#parts;
    if (!isKey(stranger)) {
      throw new ClientError("bad_request", toSay("That is no key: one has 43 letters, digits, dashes and underscores. "
        + "Copy it whole, with the button beside it."));
    }
    if (stranger === account.hubText) {
      throw new ClientError("bad_request", toSay("That is the key of this hub, not theirs."));
    }
    if (stranger === account.key || directory.knows(stranger)) {
      throw new ClientError("bad_request", toSay("Whoever has that key has an account already and needs no voucher."));
    }
    if (!Number.isSafeInteger(lifeMs) || lifeMs <= 0 || lifeMs > MAX_VOUCHER_LIFE_MS) {
      throw new ClientError("bad_request");
    }
  }

  #good(given) {
    const now = this.#parts.clock.hubNow();
    return given.filter((each) => each.expires > now);
  }
}
