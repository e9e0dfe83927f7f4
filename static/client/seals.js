/**
 * What an account needs to talk in private (protocol.md section 7), put together: keys, connections, epochs, sealing; and
 * what each of them tells the others.
 *
 * Not here: any of it by itself.
 */

import { AccordError } from "../accord/errors.js";
import { Connections } from "./connections.js";
import { Epochs } from "./epochs.js";
import { ClientError } from "./errors.js";
import { Keystore } from "./keystore.js";
import { Sealing } from "./sealing.js";
import { readFact } from "./verify.js";

const CAUGHT_UP = "connections-caught-up";
const MIN_BURN_MS = 60 * 1000;
const MAX_BURN_MS = 365 * 24 * 3600 * 1000;

/** The private side of one account. */
export class Seals {
  /** A connection has come or changed; for the vault. */
  onLinks = () => {};
  #member;

  /**
   * @param {import("./member.js").Member} member
   * @param {(fact: import("./verify.js").Fact) => void} take what could be opened later than it came
   */
  constructor(member, take) {
    const { storage, clock, link, me, state, directory, composer } = member;
    this.#member = member;
    const send = (draft) => this.#send(draft);
    this.keystore = new Keystore(storage);
    const { keystore } = this;
    this.connections = new Connections({
      storage, keystore, link, me, state, send,
      boxKeysOf: (key) => member.boxkeys.of(key),
      isTrusted: (key) => this.#isTrusted(key),
      isBlocked: (key) => member.marks.of(key) === "blocked",
      isChanged: (key) => member.keys.changedFrom(key) !== "",
      onChanged: (key, isNew) => this.#connectionChanged(key, isNew),
      onAskable: (key) => this.#tell(`direct:${directory.currentOf(key)}`),
    });
    const { connections } = this;
    this.sealing = new Sealing({
      keystore, clock, composer,
      isPrivate: (topic) => this.#isPrivate(topic),
      route: (key) => connections.route(directory.currentOf(key)),
      writable: (topic) => (connections.withOf(topic) ? keystore.newest(topic) : this.epochs.writable(topic)),
      burnMsOf: (topic) => this.#burnMsOf(topic),
      opened: (facts) => facts.forEach(take),
    });
    member.boxkeys.onChanged = (user) => {
      this.epochs.devicesChanged(user);
      connections.askable.devicesChanged(user);
    };
    member.spaces.onChanged = (space) => this.epochs.spaceChanged(space);
    this.epochs = new Epochs({
      keystore, directory, clock, link, me, send,
      boxkeys: member.boxkeys,
      spaces: member.spaces,
      onKey: (topic) => this.#keyCame(topic),
      onChanged: (topic) => this.#tell(topic),
    });
  }

  async load() {
    await Promise.all([this.keystore.load(), this.connections.load()]);
    this.connections.publishAll();
    this.sealing.start();
  }

  stop() {
    this.sealing.stop();
    this.epochs.stop();
  }

  /** There is a session. */
  async opened() {
    const { storage, outbox } = this.#member;
    this.connections.opened();
    this.epochs.opened();
    outbox.waiting().forEach((conversation) => this.#wake(conversation));
    if (!(await storage.get("facts", CAUGHT_UP))) {
      await this.connections.catchUpInbox();
      await storage.put("facts", true, CAUGHT_UP);
    }
  }

  /** A message has come. @param {import("./verify.js").Fact} fact */
  take(fact) {
    if (fact.type.startsWith("connection.")) {
      this.connections.take(fact);
    } else if (fact.type === "space.epoch" || fact.type === "space.history") {
      this.epochs.take(fact);
    }
  }

  /** There is a topic more. @param {any} row */
  added(row) {
    if (row.kind === "chan" && row.space) {
      this.epochs.look(row.topic);
    }
  }

  /** Whether a row of `topics` is of something whose messages are not to be missed. @param {any} row */
  isPersonal(row) {
    return row.kind === "user" || row.kind === "space" || (row.kind === "chan" && (row.with.length > 0 || row.space));
  }

  #isPrivate(topic) {
    const row = this.#member.directory.rows.get(topic);
    return topic.startsWith("chan:")
      && (this.connections.withOf(topic) !== "" || this.keystore.has(topic) || row?.isEncrypted === true);
  }

  #burnMsOf(topic) {
    const other = this.connections.withOf(topic);
    return other ? this.connections.burnMsOf(other) : this.#member.spaces.channel(topic)?.burnMs ?? null;
  }

  /** Sign a message, have it stored now; AccordError, ClientError("offline"). */
  async #send(draft) {
    const { composer, link } = this.#member;
    const envelope = await composer.make(draft);
    const { results } = await link.request("publish", { messages: [envelope] });
    const { status, code = "internal", retry_ms: retryMs = null } = results?.[0] ?? {};
    if (status !== "stored" && status !== "duplicate") {
      throw new AccordError(code, "", { retryMs });
    }
    return readFact(envelope);
  }

  /** Whoever invited somebody, or was invited, is known: by what both did on the hub. */
  async #isTrusted(key) {
    const { account, invites } = this.#member;
    if (account.inviter === key) {
      return true;
    }
    const listed = await invites.list();
    return listed.invites.some(({ joined }) => joined.includes(key));
  }

  #connectionChanged(key, isNew) {
    this.onLinks();
    const { conversations, directory, timelines } = this.#member;
    const id = `direct:${directory.currentOf(key)}`;
    if (isNew) {
      conversations.direct(directory.currentOf(key));
      timelines.renew(id);
      this.connections.topicsOf(key).forEach((topic) => this.sealing.retry(topic));
    }
    if (conversations.has(id)) {
      conversations.publish(id);
    }
    this.#wake(id);
  }

  /** What waited is sealed and goes, its files first. */
  async #wake(conversation) {
    await this.#member.outbox.wake(conversation);
    await this.#member.files.pump();
  }

  #keyCame(topic) {
    if (this.keystore.of(topic).length === 1) { // what was said before is known as such only now
      this.#member.timelines.renew(topic);
    }
    this.sealing.retry(topic).catch((error) => console.error(error));
    this.#wake(topic);
  }

  #tell(conversation) {
    if (this.#member.conversations.has(conversation)) {
      this.#member.conversations.publish(conversation);
    }
  }

  /** A key that was kept elsewhere is back. @param {Parameters<Keystore["putKey"]>[0]} record */
  async restoreKey(record) {
    await this.keystore.putKey(record);
    this.#keyCame(record.topic);
    this.#tell(record.topic);
    this.epochs.look(record.topic); // which tells whether one may write under it
  }

  /** A key of somebody was looked at: what waited for that goes. @param {string} key */
  keyKnown(key) {
    this.#wake(`direct:${key}`);
  }

  /** What one writes to somebody burns so long after it is written; null: not. */
  async setBurning({ conversation, burnMs }) {
    const other = this.#member.conversations.get(String(conversation))?.with;
    const isTime = burnMs === null || (Number.isInteger(burnMs) && burnMs >= MIN_BURN_MS && burnMs <= MAX_BURN_MS);
    if (!other || !isTime) {
      throw new ClientError("bad_request");
    }
    await this.connections.setBurnMs(other, burnMs);
  }
}

/**
 * What pages may ask for.
 * @param {import("./member.js").Member} member
 * @returns {Record<string, (params: any) => any>}
 */
export function sealCalls({ seals, connections, epochs, outbox }) {
  return {
    "connection.ask": ({ key }) => connections.ask(key),
    "connection.accept": ({ key }) => connections.accept(key),
    "connection.decline": ({ key }) => connections.decline(key),
    "conversation.burn": (params) => seals.setBurning(params),
    "channel.rotate": ({ conversation }) => epochs.rotate(String(conversation)),
    "channel.giveHistory": ({ conversation, key }) => epochs.giveHistory(String(conversation), String(key)),
    "message.openly": ({ id }) => outbox.sendOpenly(id),
  };
}
