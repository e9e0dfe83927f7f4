/**
 * Letters of somebody without an account to one member, and the member's answers (protocol.md sections 4 and 10).
 *
 * The keys are made in this browser at the first letter and stay there; letters are kept here, since the hub shows a
 * stranger only what was written to them. Not here: what a person sees of it (to.js).
 */

import { makeCertificate } from "../accord/certs.js";
import { b64decode, b64encode, utf8 } from "../accord/encoding.js";
import { AccordError } from "../accord/errors.js";
import { generateSigningKey, signingKeyFromStored } from "../accord/keys.js";
import { createMessage, envelopeId } from "../accord/messages.js";
import { readTicket } from "../accord/vouchers.js";
import { Clock } from "../client/clock.js";
import { Connection } from "../client/connection.js";
import { asClientError, ClientError } from "../client/errors.js";
import { readHub } from "../client/hub.js";
import { Storage } from "../client/storage.js";
import { toSay } from "../words/tosay.js";
import { Inbox } from "./inbox.js";
import { Solver } from "./solver.js";
import { HeldVoucher } from "./voucher.js";

export const MAX_UNANSWERED = 3;
/** What a stranger's message may take, less what JSON adds to the text. */
export const MAX_TEXT_BYTES = 3_500;
const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 60_000;
const KEYS = "keys";

/**
 * `state`: working (a proof of work is under way), waiting (for its ticket's time), failed, sent. `readyAt`: when it goes
 * out, by this computer's clock.
 * @typedef {{id: string, text: string, at: number, state: "working" | "waiting" | "failed" | "sent", envelope: any,
 *   ticket: any, readyAt: number, why: string}} Letter
 */

/** One conversation. Events: "change". */
export class Letters extends EventTarget {
  /** opening, ready, member (this browser has an account here), shut (no strangers), changed (another key), stopped */
  phase = "opening";
  why = "";
  hubName = "";
  isOnline = false;
  /** The hub takes mail of anybody, without work. */
  isOpenToAll = false;
  key = "";
  /** @type {Letter[]} */
  letters = [];
  /** How far the work for a letter is, 0 to 1; null where none is done. @type {number | null} */
  progress = null;
  #name;
  #hubKey;
  #clock = new Clock();
  /** @type {Storage} */
  #storage;
  #keys;
  /** @type {HeldVoucher} */
  #voucher;
  /** @type {Connection | null} */
  #connection = null;
  /** @type {Solver | null} */
  #solver = null;
  /** @type {Inbox | null} */
  #inbox = null;
  #delay = FIRST_DELAY_MS;
  #timers = new Map();

  /** @param {string} name @param {string} hubKey as the page came with */
  constructor(name, hubKey) {
    super();
    this.#name = name;
    this.#hubKey = b64decode(hubKey, 32);
  }

  get answers() {
    return this.#inbox?.answers ?? [];
  }

  /** How many letters nobody has answered yet. */
  get unanswered() {
    const last = this.answers.at(-1)?.at ?? 0;
    return this.letters.filter((letter) => letter.at > last && letter.state !== "failed").length;
  }

  get isAnswered() {
    return this.answers.length > 0;
  }

  /** The key of whoever writes here; "" before there is one. */
  get ownKey() {
    return this.#keys ? this.#me : "";
  }

  /** Until when (ms) a member's voucher lets letters in at once; 0 without one. */
  get vouchedUntil() {
    return this.#isVouched ? this.#voucher.value?.expires : 0;
  }

  /** The hub has refused the voucher that was held. */
  get isVoucherRefused() {
    return this.#voucher?.isRefused === true;
  }

  /** Begin, and stay connected. */
  async start() {
    try {
      this.#storage = await Storage.open(() => this.#stop("stopped", toSay("A newer version of this page is open; reload it.")));
      if ((await this.#storage.get("account", "me"))?.joinedAt) {
        this.#stop("member", "");
        return;
      }
      await this.#loadKeys();
      this.#voucher = new HeldVoucher(this.#storage);
      await this.#voucher.load();
      await this.#load();
    } catch (error) {
      this.#stop("stopped", asClientError(error).detail);
      return;
    }
    this.#run();
  }

  /**
   * Send a letter.
   * @param {string} text
   */
  async send(text) {
    await this.keepKeys();
    const envelope = await createMessage(this.#user, {
      type: "mail.text",
      to: `user:${this.key}`,
      body: utf8(JSON.stringify({ text })),
      createdAt: this.#clock.now(),
    });
    const id = b64encode(await envelopeId(envelope));
    const at = envelope.header.created_at;
    this.letters.push({ id, text, at, state: "working", envelope, ticket: null, readyAt: 0, why: "" });
    await this.#changed();
    await this.#post(/** @type {Letter} */ (this.letters.at(-1)));
  }

  /** Send one that was not sent. @param {string} id */
  async again(id) {
    const letter = this.letters.find((each) => each.id === id);
    if (letter) {
      Object.assign(letter, { state: "working", why: "" });
      await this.#changed();
      await this.#post(letter);
    }
  }

  /** Take one that was not sent away. @param {string} id */
  async remove(id) {
    this.letters = this.letters.filter((letter) => letter.id !== id);
    await this.#changed();
  }

  /** Wait for ten minutes in place of the work that is under way. */
  waitInstead() {
    this.#solver?.giveUp();
  }

  /** From now on the keys are needed: another tab may have kept its own before. */
  async keepKeys() {
    const mine = this.#me;
    this.#keys = await this.#storage.update("strangers", KEYS, (kept) => kept ?? this.#keys);
    if (this.#me !== mine) {
      this.#connection?.close(); // it was of the others
      this.#tell();
    }
  }

  /**
   * Take a member's voucher for the key of this browser; what waits goes out. ClientError says why it is not taken.
   * @param {string} given a text or a link
   */
  async useVoucher(given) {
    await this.keepKeys();
    const context = { hub: this.#hubKey, stranger: this.#user.publicKey, now: this.#clock.hubNow() };
    await this.#voucher.take(given, context);
    this.#solver?.giveUp();
    this.letters.filter((letter) => letter.state === "waiting").forEach((letter) => this.#schedule(letter));
    this.#tell();
  }

  /** The name leads to another key than before: forget the one before. */
  async beginAnew() {
    this.letters = [];
    this.key = "";
    await this.#storage.remove("strangers", this.#record);
    this.phase = "opening";
    this.#run();
  }

  // -------------------------------------------------------------------------------------------------------------- keys

  get #record() {
    return `to:${this.#name}`;
  }

  get #user() {
    return signingKeyFromStored(this.#keys.user);
  }

  get #me() {
    return this.#user.publicText;
  }

  async #loadKeys() {
    this.#keys = await this.#storage.get("strangers", KEYS);
    if (!this.#keys) {
      const [user, device] = await Promise.all([generateSigningKey(), generateSigningKey()]);
      const stored = ({ publicKey, key }) => ({ publicKey, key });
      this.#keys = { user: stored(user), device: stored(device), hub: b64encode(this.#hubKey) };
    } else if (this.#keys.hub !== b64encode(this.#hubKey)) {
      throw new ClientError("wrong_key");
    }
  }

  async #load() {
    const record = await this.#storage.get("strangers", this.#record);
    this.key = record?.key ?? "";
    this.letters = record?.letters ?? [];
    for (const letter of this.letters) {
      if (letter.state === "working") {
        Object.assign(letter, { state: "failed", why: toSay("The page was closed before it was sent.") });
      }
    }
  }

  async #changed() {
    const { key, letters } = this;
    await this.#storage.put("strangers", { key, letters }, this.#record);
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }

  #stop(phase, why) {
    this.phase = phase;
    this.why = why;
    this.#tell();
  }

  // -------------------------------------------------------------------------------------------------------- connection

  async #run() {
    while (["opening", "ready"].includes(this.phase)) {
      try {
        await this.#session();
      } catch (error) {
        const { code, detail } = asClientError(error);
        if (["wrong_key", "unsupported", "storage", "denied", "wrong_server", "bad_request"].includes(code)) {
          this.#stop("stopped", detail);
          return;
        }
      }
      this.#connection = null;
      this.isOnline = false;
      this.#tell();
      await new Promise((resolve) => setTimeout(resolve, this.#delay * (0.5 + Math.random() / 2)));
      this.#delay = Math.min(this.#delay * 2, MAX_DELAY_MS);
    }
  }

  async #session() {
    const hub = await readHub(this.#hubKey, this.#clock);
    this.hubName = hub.name;
    this.isOpenToAll = hub.strangers === "open";
    if (hub.strangers !== "stamped" && hub.strangers !== "open") {
      this.#stop("shut", "");
      return;
    }
    const device = signingKeyFromStored(this.#keys.device);
    const certificate = await makeCertificate(this.#user, {
      clientKey: device.publicKey, servers: [this.#hubKey], issuedAt: this.#clock.hubNow(), scope: ["mail"],
    });
    const connection = await Connection.open({ device, certificate, hubKey: this.#hubKey });
    const { key } = await connection.request("to", { name: this.#name });
    if (this.key && this.key !== key) {
      connection.close();
      this.#stop("changed", "");
      return;
    }
    this.key = key;
    const inbox = new Inbox({ stranger: this.#me, author: key });
    connection.listen(async (frame) => {
      if (frame.type === "deliver") {
        await inbox.take(frame.messages);
        this.#tell();
      }
    });
    await inbox.read(connection);
    this.#inbox = inbox;
    this.#connection = connection;
    this.#delay = FIRST_DELAY_MS;
    this.isOnline = true;
    this.phase = "ready";
    this.#tell();
    this.letters.filter((letter) => letter.state === "waiting").forEach((letter) => this.#schedule(letter));
    await connection.closed;
  }

  // ----------------------------------------------------------------------------------------------------------- sending

  async #post(letter) {
    try {
      let result = await this.#publish(letter, null);
      if (result.code === "pow_needed") {
        result = (await this.#vouched(letter)) ?? (await this.#work(letter));
      }
      if (result !== null) {
        await this.#judge(letter, result);
      }
    } catch (error) {
      await this.#failed(letter, asClientError(error).detail);
    }
  }

  get #isVouched() {
    return this.#voucher?.isGood(this.#clock.hubNow(), this.#me) === true;
  }

  /** The hub's result with the voucher; null where there is none that it takes. */
  async #vouched(letter) {
    if (!this.#isVouched) {
      return null;
    }
    const result = await this.#publish(letter, { voucher: this.#voucher.value });
    if (result.code !== "pow_needed") {
      return result;
    }
    await this.#voucher.refused();
    this.#tell();
    return null;
  }

  async #publish(letter, shown) {
    const pow = shown ? { pow: [{ id: letter.id, ...shown }] } : {};
    const { results } = await this.#ask("publish", { messages: [letter.envelope], ...pow });
    return results?.[0] ?? {};
  }

  #ask(type, fields) {
    return this.#connection ? this.#connection.request(type, fields) : Promise.reject(new ClientError("offline"));
  }

  /** Gives the hub's result; null where the letter waits instead. Given up for a voucher, it goes out with that. */
  async #work(letter) {
    const { challenge } = await this.#ask("pow", { purpose: "mail", key: this.#me });
    this.#solver = new Solver(challenge, b64decode(letter.id, 32), (part) => {
      this.progress = part;
      this.#tell();
    });
    this.progress = 0;
    this.#tell();
    try {
      const counter = await this.#solver.result;
      if (counter === null) {
        const result = await this.#vouched(letter);
        if (result === null) {
          await this.#wait(letter);
        }
        return result;
      }
      return await this.#publish(letter, { challenge, counter });
    } finally {
      this.#solver = null;
      this.progress = null;
      this.#tell();
    }
  }

  async #wait(letter) {
    const { ticket } = await this.#ask("wait", { key: this.#me, id: letter.id });
    Object.assign(letter, { state: "waiting", ticket, readyAt: this.#times(letter, ticket).from });
    await this.#changed();
    this.#schedule(letter);
  }

  /** From when until when a ticket is good, by this computer's clock. */
  #times(letter, ticket) {
    const id = b64decode(letter.id, 32);
    const { goodFrom, goodUntil } = readTicket(ticket, { hub: this.#hubKey, key: this.#user.publicKey, id });
    const ahead = this.#clock.hubNow() - this.#clock.local();
    return { from: goodFrom - ahead, until: goodUntil - ahead };
  }

  #schedule(letter) {
    clearTimeout(this.#timers.get(letter.id));
    const delay = this.#isVouched ? 0 : Math.max(0, letter.readyAt - this.#clock.local());
    this.#timers.set(letter.id, setTimeout(() => this.#waited(letter), delay));
  }

  async #waited(letter) {
    try {
      const vouched = await this.#vouched(letter);
      if (vouched !== null) {
        await this.#judge(letter, vouched);
        return;
      }
      if (this.#clock.local() >= this.#times(letter, letter.ticket).until) {
        await this.#wait(letter); // nobody had this page open in the hour in which it was good
        return;
      }
      const result = await this.#publish(letter, { ticket: letter.ticket });
      if (result.code === "pow_needed" && Number.isSafeInteger(result.retry_ms)) {
        letter.readyAt = this.#clock.local() + result.retry_ms;
        this.#schedule(letter);
        return;
      }
      await this.#judge(letter, result);
    } catch (error) {
      if (asClientError(error).code !== "offline") { // else with the next session
        await this.#failed(letter, asClientError(error).detail);
      }
    }
  }

  async #judge(letter, { status, code }) {
    if (status === "stored" || status === "duplicate") {
      Object.assign(letter, { state: "sent", ticket: null, why: "" });
      await this.#changed();
    } else {
      await this.#failed(letter, asClientError(new AccordError(code ?? "internal")).detail);
    }
  }

  async #failed(letter, why) {
    Object.assign(letter, { state: "failed", why });
    await this.#changed();
  }
}
