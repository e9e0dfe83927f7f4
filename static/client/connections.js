/**
 * Connections with other users (protocol.md section 7): asked for, accepted, declined; out of each comes a key for a
 * conversation of two, whose topic belongs to the direct conversation.
 *
 * Kept in IndexedDB: what was said about each connection, and one's own halves of keys until the other half has come.
 * Not here: how a key comes of two halves (connection_keys.js), what is said under it (sealing.js).
 */

import { connectionTopic, CONN_ID_BYTES, declineBody, fits, requestBody } from "../accord/connections.js";
import { b64decode, b64encode } from "../accord/encoding.js";
import { OneTimeKey } from "../accord/primitives.js";
import { Askable } from "./askable.js";
import { halfFor, halvesOf, keyOf } from "./connection_keys.js";
import { isKey } from "./directory.js";
import { ClientError } from "./errors.js";
import { comparePlaces } from "./order.js";
import { readFacts } from "./verify.js";

const STORE = "connections";
const TYPES = new Set(["connection.request", "connection.accept", "connection.decline"]);
/** Of what was said with one other; the oldest go. */
const MAX_SAID = 64;
const PAGE_MESSAGES = 200;
const SECRET_BYTES = 32;
/** Requests that came while nobody was here are answered when what followed them has come too. */
const SETTLE_MS = 300;

/** @typedef {import("./connection_keys.js").Known} Known @typedef {import("./connection_keys.js").Said} Said */

/** All of them, by the other's key. */
export class Connections {
  /** The bytes of an own half are at hand. @type {(secret: {key: string, connId: string, seed: Uint8Array}) => void} */
  onNewSecret = () => {};
  /** @type {Map<string, Known>} */
  #records = new Map();
  /** @type {Map<string, string>} topic -> the other's key */
  #topics = new Map();
  #caughtUp = new Set();
  #settling = new Set();
  #timer = 0;
  #turn = Promise.resolve();
  #parts;

  /**
   * @param {{storage: import("./storage.js").Storage, keystore: import("./keystore.js").Keystore,
   *   link: import("./link.js").Link, me: string, state: import("./state.js").PublishedState,
   *   send: (draft: import("./composer.js").Draft) => Promise<import("./verify.js").Fact>,
   *   boxKeysOf: (key: string) => Promise<object[]>, isTrusted: (key: string) => Promise<boolean>,
   *   isBlocked: (key: string) => boolean, isChanged: (key: string) => boolean,
   *   onChanged: (key: string, isNew: boolean) => void, onAskable: (key: string) => void}} parts
   *   `send`: sign and store at the hub now; `isTrusted`: whose requests are accepted unasked; `onChanged`: of whom
   *   something has changed, and whether there is a new channel; `onAskable`: it is known whether they can be
   *   asked
   */
  constructor(parts) {
    this.#parts = parts;
    this.askable = new Askable(parts.boxKeysOf, (key) => {
      this.#publish(key);
      parts.onAskable(key);
    });
  }

  async load() {
    for (const record of await this.#parts.storage.all(STORE)) {
      this.#hold(record);
    }
  }

  #hold(record) {
    this.#records.set(record.key, record);
    record.links.forEach(({ topic }) => this.#topics.set(topic, record.key));
  }

  async #change(key, change) {
    const empty = { key, said: [], halves: [], links: [], burnMs: null };
    const record = await this.#parts.storage.update(STORE, key, (kept) => ({ ...empty, ...kept, ...change(kept ?? empty) }));
    this.#hold(record);
    return record;
  }

  /** Tell pages of all. */
  publishAll() {
    this.#records.forEach((_, key) => this.#publish(key));
  }

  #publish(key) {
    const { state, at } = this.standing(key);
    this.#parts.state.put("connections", key, { state, at, canAsk: this.askable.canAsk(key) === true });
  }

  /** Somebody is looked at: can they be asked? @param {string} key */
  async look(key) {
    if (isKey(key) && key !== this.#parts.me) {
      this.#publish(key);
      await this.askable.look(key);
    }
  }

  /** With whom the channel of a topic is; "" for others. @param {string} topic */
  withOf(topic) {
    return this.#topics.get(topic) ?? "";
  }

  /** The topics shared with somebody. @param {string} key @returns {string[]} */
  topicsOf(key) {
    return (this.#records.get(key)?.links ?? []).map(({ topic }) => topic);
  }

  /** All topics of connections. */
  topics() {
    return [...this.#topics.keys()];
  }

  /** By which topic is written to somebody now; "" for none. @param {string} key */
  topicOf(key) {
    const links = (this.#records.get(key)?.links ?? []).filter(({ topic }) => this.#parts.keystore.has(topic));
    return links.sort(comparePlaces).at(-1)?.topic ?? "";
  }

  /** After how long what one writes to somebody burns; null: never. @param {string} key */
  burnMsOf(key) {
    return this.#records.get(key)?.burnMs ?? null;
  }

  /** @param {string} key @param {number | null} burnMs */
  async setBurnMs(key, burnMs) {
    await this.#change(key, () => ({ burnMs }));
    this.#parts.onChanged(key, false);
  }

  // -------------------------------------------------------------------------------------------------------- standing

  /**
   * How it stands with somebody: `asked` by me, `asking` me, and so on; `request`: the newest one that is open.
   * @param {string} key
   * @returns {{state: "none" | "asked" | "asking" | "connected" | "declined", at: number, request: Said | null}}
   */
  standing(key) {
    const said = this.#records.get(key)?.said ?? [];
    const requests = said.filter(({ type }) => type === "connection.request").sort(comparePlaces).reverse();
    const isOpen = (request) => !said.some((answer) => fits(request, answer));
    const theirs = requests.find((request) => request.author === key && isOpen(request));
    if (theirs) {
      return { state: "asking", at: theirs.at, request: theirs };
    }
    const topic = this.topicOf(key);
    if (topic) {
      return { state: "connected", at: this.#linkOf(key, topic).at, request: null };
    }
    const [newest] = requests.filter((request) => request.author !== key && halfFor(this.#records.get(key), request));
    if (!newest) {
      return { state: "none", at: 0, request: null };
    }
    return { state: isOpen(newest) ? "asked" : "declined", at: newest.at, request: newest };
  }

  #linkOf(key, topic) {
    return this.#records.get(key).links.find((link) => link.topic === topic);
  }

  // -------------------------------------------------------------------------------------------------------- arrivals

  /** A message has come, of others or of mine. @param {import("./verify.js").Fact} fact */
  take(fact) {
    const { me } = this.#parts;
    const key = fact.author === me ? fact.topic.slice("user:".length) : fact.author;
    const isOurs = fact.topic === `user:${fact.author === me ? key : me}`;
    if (!TYPES.has(fact.type) || fact.body === null || key === me || !isOurs) {
      return Promise.resolve();
    }
    return this.#inTurn(() => this.#take(key, fact));
  }

  #inTurn(work) {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch((error) => console.warn("a connection:", error.code ?? error));
    return turn;
  }

  async #take(key, { type, id, at, author, topic, header, body }) {
    if (this.#records.get(key)?.said.some((each) => each.id === id)) {
      return;
    }
    await this.#change(key, ({ said }) => ({
      said: [...said, { type, id, at, author, topic, header, body }].sort(comparePlaces).slice(-MAX_SAID),
    }));
    const isNew = await this.#join(key);
    this.#publish(key);
    this.#parts.onChanged(key, isNew);
    if (type === "connection.request" && author === key) {
      this.#settling.add(key);
      this.#timer ||= setTimeout(() => this.#settle(), SETTLE_MS);
    }
  }

  /** Make keys of all requests that were accepted and of which one half is here; gives whether there is a new one. */
  async #join(key) {
    const { keystore, me } = this.#parts;
    const record = /** @type {Known} */ (this.#records.get(key));
    let isNew = false;
    for (const { request, accept, half } of halvesOf(record)) {
      const topic = await connectionTopic(b64decode(request.id), b64decode(accept.id));
      const isHeld = this.#topics.has(topic) && keystore.has(topic);
      const made = isHeld ? null : await keyOf(record, { topic, request, accept, half });
      if (made) {
        await keystore.putKey({ ...made, users: [key, me] });
        await this.#change(key, ({ links, halves }) => ({
          links: [...links.filter((link) => link.topic !== topic), { topic, at: accept.at, id: accept.id }],
          halves: halves.filter((each) => each.publicText !== half.publicText), // it has done what it was for
        }));
        isNew = true;
      }
    }
    return isNew;
  }

  /** A channel whose key was kept elsewhere. @param {string} key @param {{topic: string, at: number, id: string}} link */
  async restore(key, link) {
    await this.#change(key, ({ links }) => ({ links: [...links.filter(({ topic }) => topic !== link.topic), link] }));
    this.#publish(key);
    this.#parts.onChanged(key, true);
  }

  /** What the vault keeps of each. @returns {{key: string, topic: string, at: number, id: string}[]} */
  links() {
    return [...this.#records.values()].flatMap(({ key, links }) => links.map((link) => ({ key, ...link })));
  }

  // ---------------------------------------------------------------------------------------------------------- asking

  /** Requests that are accepted unasked: of those whom one knows already, or who were asked at the same moment. */
  async #settle() {
    this.#timer = 0;
    const keys = [...this.#settling];
    this.#settling.clear();
    for (const key of keys) {
      try {
        if (await this.#isWelcome(key)) {
          await this.accept(key);
        }
      } catch (error) {
        console.warn("a request was not accepted:", error.code ?? error);
      }
    }
  }

  async #isWelcome(key) {
    await this.#catchUp(key);
    const { request } = this.standing(key);
    if (request?.author !== key || this.#parts.isBlocked(key) || this.#parts.isChanged(key)) {
      return false;
    }
    const record = /** @type {Known} */ (this.#records.get(key));
    const { said, links } = record;
    const mine = said.filter(({ type, author }) => type === "connection.request" && author !== key);
    const open = mine.filter((each) => !said.some((answer) => fits(each, answer)) && halfFor(record, each));
    if (open.length) { // both have asked: the earlier request is the one that is accepted
      return open.every((each) => comparePlaces(request, each) < 0);
    }
    return links.length > 0 || this.#parts.isTrusted(key);
  }

  /** What was said to somebody from other devices of mine, or before this browser kept anything. */
  async #catchUp(key) {
    if (this.#caughtUp.has(key)) {
      return;
    }
    const topic = `user:${key}`;
    const answer = await this.#parts.link.request("fetch", { topic, limit: PAGE_MESSAGES });
    const facts = await readFacts(answer.messages, (header) => TYPES.has(header.type));
    for (const fact of facts.filter((each) => each.author === this.#parts.me).reverse()) {
      await this.take(fact);
    }
    this.#caughtUp.add(key);
  }

  /** What came to one's own inbox before this browser kept anything. */
  async catchUpInbox() {
    const topic = `user:${this.#parts.me}`;
    const answer = await this.#parts.link.request("fetch", { topic, limit: PAGE_MESSAGES });
    for (const fact of (await readFacts(answer.messages, (header) => TYPES.has(header.type))).reverse()) {
      await this.take(fact);
    }
  }

  /** A new session: others may have written meanwhile from devices of mine. */
  opened() {
    this.#caughtUp.clear();
    for (const key of this.#records.keys()) {
      if (this.standing(key).state === "asking") {
        this.#settling.add(key);
      }
    }
    this.#timer ||= setTimeout(() => this.#settle(), SETTLE_MS);
    this.askable.opened();
  }

  async #half(key, connId) {
    const seed = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
    const { key: half, publicKey } = await OneTimeKey.fromSeed(seed);
    const publicText = b64encode(publicKey);
    await this.#change(key, ({ halves }) => ({ halves: [...halves, { connId: b64encode(connId), publicText, half }] }));
    this.onNewSecret({ key, connId: b64encode(connId), seed });
    return publicKey;
  }

  async #say(key, type, body) {
    await this.take(await this.#parts.send({ type, topic: `user:${key}`, body, isControl: true }));
  }

  #check(key) {
    if (!isKey(key) || key === this.#parts.me) {
      throw new ClientError("not_found");
    }
  }

  /** Ask somebody, unless that is done. @param {string} key */
  async ask(key) {
    this.#check(key);
    await this.#catchUp(key);
    const { state } = this.standing(key);
    if (state === "asking") {
      await this.accept(key);
    } else if (state !== "connected" && state !== "asked") {
      const connId = crypto.getRandomValues(new Uint8Array(CONN_ID_BYTES));
      await this.#say(key, "connection.request", requestBody(await this.#half(key, connId), connId));
    }
  }

  /** Accept what somebody asks. @param {string} key */
  async accept(key) {
    this.#check(key);
    const { request } = this.standing(key);
    if (request?.author !== key) {
      throw new ClientError("not_found");
    }
    const { conn_id: connId } = request.body;
    await this.#say(key, "connection.accept", requestBody(await this.#half(key, connId), connId));
  }

  /** Decline what somebody asks. @param {string} key */
  async decline(key) {
    this.#check(key);
    const { said } = this.#records.get(key) ?? { said: [] };
    const isOpen = (request) => !said.some((answer) => fits(request, answer));
    const open = said.filter((each) => each.type === "connection.request" && each.author === key && isOpen(each));
    if (!open.length) {
      throw new ClientError("not_found");
    }
    for (const { body } of open) {
      await this.#say(key, "connection.decline", declineBody(body.conn_id));
    }
  }

  /**
   * By which topic a message to somebody goes now: asks for a connection where there can be one; null: in clear.
   * @param {string} key
   * @returns {Promise<{topic: string} | {waits: "waiting" | "declined" | "changed"} | null>}
   */
  async route(key) {
    if (this.#parts.isChanged(key)) {
      return { waits: "changed" };
    }
    const topic = this.topicOf(key);
    if (topic) {
      return { topic };
    }
    const { state } = this.standing(key);
    if (state === "declined") {
      return { waits: "declined" };
    }
    try {
      if (state === "none" && (await this.#parts.boxKeysOf(key)).length === 0) {
        return null;
      }
      if (state !== "asked") {
        await this.ask(key);
      }
    } catch (error) {
      if (!error.code) {
        throw error;
      }
      console.warn("a connection was not asked for:", error.code); // with the next session
    }
    const found = this.topicOf(key);
    return found ? { topic: found } : { waits: "waiting" };
  }
}
