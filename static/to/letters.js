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
import { readFacts } from "../client/verify.js";
import { Solver } from "./solver.js";

export const MAX_UNANSWERED = 3;
/** What a stranger's message may take, less what JSON adds to the text. */
export const MAX_TEXT_BYTES = 3_500;
const PAGE_MESSAGES = 500;
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
  key = "";
  /** @type {Letter[]} */
  letters = [];
  /** @type {{id: string, at: number, text: string}[]} */
  answers = [];
  /** How far the work for a letter is, 0 to 1; null where none is done. @type {number | null} */
  progress = null;
  #name;
  #hubKey;
  #clock = new Clock();
  /** @type {Storage} */
  #storage;
  #keys;
  /** @type {Connection | null} */
  #connection = null;
  /** @type {Solver | null} */
  #solver = null;
  #facts = new Map();
  #delay = FIRST_DELAY_MS;
  #timers = new Map();

  /** @param {string} name @param {string} hubKey as the page came with */
  constructor(name, hubKey) {
    super();
    this.#name = name;
    this.#hubKey = b64decode(hubKey, 32);
  }

  /** How many letters nobody has answered yet. */
  get unanswered() {
    const last = this.answers.at(-1)?.at ?? 0;
    return this.letters.filter((letter) => letter.at > last && letter.state !== "failed").length;
  }

  get isAnswered() {
    return this.answers.length > 0;
  }

  /** Begin, and stay connected. */
  async start() {
    try {
      this.#storage = await Storage.open(() => this.#stop("stopped", "A newer version of this page is open; reload it."));
      if ((await this.#storage.get("account", "me"))?.joinedAt) {
        this.#stop("member", "");
        return;
      }
      await this.#loadKeys();
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
    await this.#storage.put("strangers", this.#keys, KEYS); // from now on they are needed
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
        Object.assign(letter, { state: "failed", why: "The page was closed before it was sent." });
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
    if (hub.strangers !== "stamped" && hub.strangers !== "open") {
      this.#stop("shut", "");
      return;
    }
    const device = signingKeyFromStored(this.#keys.device);
    const certificate = await makeCertificate(this.#user, {
      clientKey: device.publicKey, servers: [this.#hubKey], issuedAt: this.#clock.hubNow(), scope: ["mail"],
    });
    const connection = await Connection.open({ device, certificate, hubKey: this.#hubKey });
    connection.listen((frame) => frame.type === "deliver" && this.#take(frame.messages));
    const { key } = await connection.request("to", { name: this.#name });
    if (this.key && this.key !== key) {
      connection.close();
      this.#stop("changed", "");
      return;
    }
    this.key = key;
    await this.#read(connection);
    this.#connection = connection;
    this.#delay = FIRST_DELAY_MS;
    this.isOnline = true;
    this.phase = "ready";
    this.#tell();
    this.letters.filter((letter) => letter.state === "waiting").forEach((letter) => this.#schedule(letter));
    await connection.closed;
  }

  async #read(connection) {
    const topic = `user:${this.#me}`;
    await connection.request("subscribe", { topics: [topic] });
    for (let before; ;) {
      const answer = await connection.request("fetch", { topic, limit: PAGE_MESSAGES, ...(before ? { before } : {}) });
      await this.#take(answer.messages);
      if (!answer.more) {
        return;
      }
      before = answer.next;
    }
  }

  /** What the member has written, edited and deleted. */
  async #take(items) {
    const facts = await readFacts(items, (header) => header.from === this.key);
    for (const fact of facts.filter((each) => each.topic === `user:${this.#me}`)) {
      this.#facts.set(fact.id, fact);
    }
    const all = [...this.#facts.values()].sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
    const about = (rel, id) => all.filter((fact) => fact.refs.some((ref) => ref.rel === rel && ref.id === id));
    this.answers = all
      .filter(({ type, id, body }) => ["chat.text", "mail.text"].includes(type) && body && !about("delete", id).length)
      .map((fact) => ({ id: fact.id, at: fact.at, text: (about("edit", fact.id).at(-1)?.body ?? fact.body).text }));
    this.#tell();
  }

  // ----------------------------------------------------------------------------------------------------------- sending

  async #post(letter) {
    try {
      let result = await this.#publish(letter, null);
      if (result.code === "pow_needed") {
        result = await this.#work(letter);
      }
      if (result !== null) {
        await this.#judge(letter, result);
      }
    } catch (error) {
      await this.#failed(letter, asClientError(error).detail);
    }
  }

  async #publish(letter, shown) {
    const pow = shown ? { pow: [{ id: letter.id, ...shown }] } : {};
    const { results } = await this.#ask("publish", { messages: [letter.envelope], ...pow });
    return results?.[0] ?? {};
  }

  #ask(type, fields) {
    return this.#connection ? this.#connection.request(type, fields) : Promise.reject(new ClientError("offline"));
  }

  /** Gives the hub's result; null where the letter waits instead. */
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
        await this.#wait(letter);
        return null;
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
    const delay = Math.max(0, letter.readyAt - this.#clock.local());
    this.#timers.set(letter.id, setTimeout(() => this.#waited(letter), delay));
  }

  async #waited(letter) {
    try {
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
