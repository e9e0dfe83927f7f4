/**
 * The lasting connection: logs in, notices its end, comes back (protocol.md sections 2, 3 and 8).
 *
 *   offline -> connecting -> online -> offline -> connecting ...     any of them -> stopped
 *
 * Stopped is for good: another key answers (the pin is never moved), the account or this device is gone, the hub is
 * newer than this page. A frozen account is being removed, which may still be undone: it goes on asking until it knows.
 * Not here: what a session carries (feed.js).
 */

import { AccordError, CloseCode } from "../accord/errors.js";
import { fingerprint } from "../accord/keys.js";
import { Connection, LoginRefused } from "./connection.js";
import { ClientError } from "./errors.js";
import { NewerHub, readHub, WrongKey } from "./hub.js";

const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 30_000;
const FLOOD_DELAY_MS = 5_000;
const STEADY_MS = 10_000;
const MAX_OWN_FAULTS = 3;
const OWN_FAULTS = [CloseCode.UNPARSABLE, CloseCode.FRAME_TOO_BIG];
const QUIET_MS = 45_000;
const PROBE_TIMEOUT_MS = 10_000;
const TICK_MS = 5_000;
const SLEPT_MS = 30_000;
const RENEW_BEFORE_MS = 10 * 60 * 1000;
/** How often a frozen account asks whether it is one still, and how soon after the time is over. */
const FROZEN_DELAY_MS = 5_000;
const FROZEN_SPARE_MS = 1_500;
/** Later than any topic there is: a question with a short answer. */
const LAST_TOPIC = `user:${"_".repeat(42)}8`;

/** Why the client stops for good. */
export class Stop extends Error {
  /** @param {string} code @param {string} detail @param {object} facts */
  constructor(code, detail, facts = {}) {
    super(detail);
    this.stop = { code, detail, facts };
  }
}

/** The account is being removed. */
class Frozen extends Error {
  /** @param {number} until by the hub's clock; 0: not said */
  constructor(until) {
    super("frozen");
    this.until = until;
  }
}

const STOPS = {
  removed: "Your account on this hub is gone, so it no longer lets you in; ask whoever invited you, or the operator.",
  replaced: "Your account has another key now, so this browser is no longer let in; if that was not you, ask at once.",
  revoked:
    "This browser's access was ended from another device; what you wrote stays on the hub. Ask for a new invite.",
  wrong_key:
    "The hub at this address has another key than the one you know, so nothing is sent to it; ask its operator by "
    + "other means whether the key was changed.",
  unsupported: "The hub speaks a newer version than this page, so nothing is sent; reload the page.",
};

/** @param {keyof STOPS} code @param {object} [facts] */
export function stopFor(code, facts) {
  return new Stop(code, STOPS[code], facts);
}

/** One link for one account. */
export class Link {
  /** @type {Connection | null} */
  connection = null;
  #account;
  #clock;
  #handlers;
  #delay = FIRST_DELAY_MS;
  #faults = 0;
  #isStopped = false;
  #wake = () => {};
  #tickedAt = Date.now();
  #ticker = 0;
  #isProbing = false;

  /**
   * @param {import("./account.js").Account} account
   * @param {import("./clock.js").Clock} clock
   * @param {{status: (status: object) => void, hub: (hub: object) => void, open: (connection: Connection) =>
   *   Promise<void>,
   *   lost: () => void, stop: (stop: object) => void, frozen: (until: number) => void, isVisible: () => boolean}}
   *   handlers `open` makes the session useful before it is told as online; `frozen` may be told again and again
   */
  constructor(account, clock, handlers) {
    this.#account = account;
    this.#clock = clock;
    this.#handlers = handlers;
  }

  /** Connect, and stay so. */
  start() {
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#run();
  }

  /** End for good. */
  stop() {
    this.#isStopped = true;
    clearInterval(this.#ticker);
    this.connection?.close();
    this.#wake();
  }

  /** Try now instead of later; where there is a session, see whether it lives. */
  retry() {
    this.#delay = FIRST_DELAY_MS;
    this.#wake();
    if (this.connection) {
      this.#probe(this.connection);
    }
  }

  /**
   * Ask the hub. ConnectionLost without a session, AccordError where it refuses.
   * @param {string} type
   * @param {object} [fields]
   * @returns {Promise<any>}
   */
  request(type, fields) {
    return this.connection ? this.connection.request(type, fields) : Promise.reject(new ClientError("offline"));
  }

  async #run() {
    while (!this.#isStopped) {
      this.#handlers.status({ status: "connecting", retryAt: null, code: null });
      const startedAt = Date.now();
      const end = await this.#session().catch((error) => this.#failed(error));
      if (this.#isStopped) {
        return;
      }
      const lasted = Date.now() - startedAt;
      if (lasted > STEADY_MS) {
        this.#delay = FIRST_DELAY_MS;
      }
      if (end !== "again" || lasted < FIRST_DELAY_MS) {
        await this.#pause();
      }
    }
  }

  #failed(error) {
    if (error instanceof Frozen) {
      this.#handlers.frozen(error.until);
      const left = error.until - this.#clock.hubNow() + FROZEN_SPARE_MS;
      this.#delay = left > 0 ? Math.min(FROZEN_DELAY_MS, left) : FIRST_DELAY_MS;
      return "offline";
    }
    if (error instanceof ClientError && error.code === "offline") {
      return "offline";
    }
    const isStorage = error instanceof ClientError && error.code === "storage";
    if (error instanceof Stop || isStorage) {
      this.stop();
      this.#handlers.status({ status: "offline", retryAt: null, code: null });
      this.#handlers.stop(isStorage ? { code: "storage", detail: error.detail, facts: {} } : error.stop);
      return "stopped";
    }
    console.error(error);
    return "offline";
  }

  /** One session from beginning to end; gives "again" where the next is to come at once. */
  async #session() {
    const connection = await this.#logIn();
    this.connection = connection;
    try {
      await this.#handlers.open(connection);
      this.#handlers.status({ status: "online", retryAt: null, code: null });
    } catch (error) {
      connection.close();
      console.warn("the session could not begin:", error.code ?? error);
    }
    const code = await connection.closed;
    this.connection = null;
    this.#handlers.lost();
    return this.#after(code);
  }

  #after(code) {
    this.#faults = OWN_FAULTS.includes(code) ? this.#faults + 1 : 0;
    if (this.#faults === MAX_OWN_FAULTS) {
      throw stopFor("unsupported");
    }
    if (code === CloseCode.FLOOD) {
      this.#delay = Math.max(this.#delay, FLOOD_DELAY_MS);
    }
    // After 4403 the next login says whether certificate, device or account is at an end; 4408 goes on by cursor.
    return code === CloseCode.REVOKED || code === CloseCode.SLOW_READER ? "again" : "offline";
  }

  async #logIn() {
    try {
      this.#handlers.hub(await readHub(this.#account.hubKey, this.#clock));
    } catch (error) {
      if (error instanceof WrongKey) {
        throw stopFor("wrong_key", error.facts);
      }
      throw error instanceof NewerHub ? stopFor("unsupported") : error;
    }
    for (const renew of [false, true]) {
      const certificate = await this.#account.certificate(this.#clock.hubNow(), { renew });
      try {
        const { device, hubKey } = this.#account;
        const connection = await Connection.open({ device, certificate, hubKey });
        connection.expires = certificate.expiration;
        return connection;
      } catch (error) {
        this.#judge(error);
      }
    }
    throw stopFor("revoked");
  }

  /** Return where another certificate may help; else throw what follows. */
  #judge(error) {
    if (error.code === "wrong_server") {
      throw stopFor("wrong_key", { expected: fingerprint(this.#account.hubKey), found: null });
    }
    if (error instanceof LoginRefused && error.code === "unsupported") {
      throw stopFor("unsupported");
    }
    if (error instanceof LoginRefused && error.authenticated && error.code === "denied") {
      throw error.reason === "frozen"
        ? new Frozen(error.until)
        : stopFor(error.reason === "replaced" ? "replaced" : "removed");
    }
    if (error instanceof LoginRefused && error.authenticated && error.code === "unauthorized") {
      return;
    }
    if (error instanceof LoginRefused || error instanceof AccordError) {
      throw new ClientError("offline"); // busy, or what answers is no hub: perhaps later
    }
    throw error;
  }

  async #pause() {
    const delay = this.#delay * (0.5 + Math.random() / 2);
    this.#delay = Math.min(this.#delay * 2, MAX_DELAY_MS);
    this.#handlers.status({ status: "offline", retryAt: Date.now() + delay, code: "offline" });
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, delay);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
    this.#wake = () => {};
  }

  #tick() {
    const now = Date.now();
    const slept = now - this.#tickedAt > SLEPT_MS;
    this.#tickedAt = now;
    const connection = this.connection;
    if (!connection) {
      if (slept) {
        this.retry();
      }
      return;
    }
    const isQuiet = now - connection.lastHeardAt > QUIET_MS && this.#handlers.isVisible();
    if (slept || isQuiet) {
      this.#probe(connection);
    }
    this.#renew(connection).catch((error) => console.warn("the certificate was not renewed:", error.code ?? error));
  }

  /** The hub's pings are not seen from here, so a short question tells whether anyone is there. */
  async #probe(connection) {
    if (this.#isProbing) {
      return;
    }
    this.#isProbing = true;
    try {
      await connection.request("topics", { after: LAST_TOPIC }, PROBE_TIMEOUT_MS);
    } catch {
      connection.close(); // no answer; the loop comes back
    } finally {
      this.#isProbing = false;
    }
  }

  async #renew(connection) {
    const now = this.#clock.hubNow();
    if (this.#account.isHalfOver(now)) {
      await this.#account.certificate(now);
    }
    if (connection.expires - now < RENEW_BEFORE_MS) {
      connection.close(); // the next login is under the renewed certificate
    }
  }
}
