/**
 * Whether this hub may carry for its user: certificates by which other hubs hand it what is addressed to the user, and
 * take what the user writes to people there (protocol.md section 4, `serve`).
 *
 * On unless the user says otherwise; that choice is the account's, kept by the hub, not this browser's. A hub that knows
 * no other one is given nothing.
 */

import { makeCertificate } from "../accord/certs.js";
import { b64decode } from "../accord/encoding.js";
import { AccordError } from "../accord/errors.js";
import { isKey } from "./directory.js";

const LIFE_MS = 30 * 24 * 3600 * 1000;
const RENEW_BEFORE_MS = 10 * 24 * 3600 * 1000;
const LOOK_EVERY_MS = 12 * 3600 * 1000;
const MAX_SERVERS = 64;

/** The blessing of one account's hub. */
export class Carrying {
  #parts;
  #timer = 0;
  #running = Promise.resolve();

  /**
   * @param {{link: import("./link.js").Link, account: import("./account.js").Account,
   *   clock: import("./clock.js").Clock, publish: (draft: import("./composer.js").Draft) => Promise<void>,
   *   introduce: () => Promise<void>}} parts `introduce`: say who one is, for those who know no account of one's
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /** A session has begun, or the hub is linked with others than before. */
  look() {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#look();
  }

  stop() {
    clearInterval(this.#timer);
  }

  #look() {
    this.#running = this.#running.then(() => this.#bless()).catch((error) => {
      if (!error.code) {
        console.error(error);
      } // else: the next session, or the next look
    });
  }

  /** Sign for the hubs that have no certificate, or one that ends soon. */
  async #bless() {
    const served = await this.#ask({ certs: [] });
    const now = this.#parts.clock.hubNow();
    const until = new Map();
    for (const { servers, until: end } of served.blessings) {
      servers.forEach((server) => until.set(server, Math.max(end, until.get(server) ?? 0)));
    }
    const wanted = served.hubs.filter((hub) => (until.get(hub) ?? 0) < now + RENEW_BEFORE_MS);
    if (!served.carry || !wanted.length) {
      return;
    }
    const certs = [];
    for (let start = 0; start < wanted.length; start += MAX_SERVERS) {
      certs.push(await this.#sign(wanted.slice(start, start + MAX_SERVERS), now));
    }
    await this.#ask({ certs });
    await this.#parts.introduce();
  }

  #sign(hubs, now) {
    const { account } = this.#parts;
    return makeCertificate(account.user, {
      clientKey: account.hubKey,
      servers: hubs.map((hub) => b64decode(hub, 32)),
      issuedAt: now,
      expiration: now + LIFE_MS,
      scope: ["relay"],
    });
  }

  async #ask(fields) {
    const served = await this.#parts.link.request("serve", fields);
    return {
      carry: served.carry !== false,
      hubs: listOf(served.hubs).filter((hub) => isKey(hub) && hub !== this.#parts.account.hubText),
      blessings: listOf(served.blessings).filter((each) => Number.isSafeInteger(each?.until)).map((each) => ({
        serial: String(each.serial), servers: listOf(each.servers), until: each.until,
      })),
    };
  }

  /** For the page: whether it is wanted, and with how many hubs this one is linked; `isKnown`: the hub can do it. */
  async state() {
    try {
      const { carry, hubs } = await this.#ask({ certs: [] });
      return { isKnown: true, carry, hubs: hubs.length };
    } catch (error) {
      if (error instanceof AccordError && error.code === "unsupported") {
        return { isKnown: false, carry: false, hubs: 0 };
      }
      throw error;
    }
  }

  /**
   * Want it, or not. What other hubs hold already is revoked.
   * @param {boolean} carry
   */
  async want(carry) {
    const { blessings } = await this.#ask({ certs: [] });
    await this.#ask({ certs: [], carry });
    if (carry) {
      await this.#bless();
      return;
    }
    for (const { serial } of blessings) {
      await this.#parts.publish({ type: "cert.revoke", topic: "feed", body: { serial }, isControl: true });
    }
  }
}

function listOf(value) {
  return Array.isArray(value) ? value : [];
}
