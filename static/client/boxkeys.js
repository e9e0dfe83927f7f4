/**
 * Box keys of devices (protocol.md section 7): this browser's own, renewed each week and deleted on time, and those of
 * others, as their feeds say.
 *
 * A private key is stored before it is published, and kept for a week beyond its end: what was sealed to it at the last
 * moment can still be fetched and opened. Not here: what is sealed to them (epochs.js), devices themselves (devices.js).
 */

import { livingDevices, RENEW_MS } from "../accord/devices.js";
import { b64encode } from "../accord/encoding.js";
import { MAX_BOXKEY_LIFE_MS } from "../accord/message_types.js";
import { OneTimeKey } from "../accord/primitives.js";
import { readFacts } from "./verify.js";

/** Older ones are forgotten: after their end and a week for what lies unread. */
const KEPT_MS = MAX_BOXKEY_LIFE_MS + RENEW_MS;
const LOOK_MS = 3600 * 1000;
/** How long what was read of a feed is believed without its being read anew. */
const FRESH_MS = 10 * 60 * 1000;
const PAGE_MESSAGES = 200;
const MAX_PAGES = 20;
const TYPES = new Set(["device.keys", "cert.revoke"]);

/** @typedef {{publicKey: Uint8Array, publicText: string, key: OneTimeKey, notAfter: number}} OwnBoxKey */

/** Box keys of this browser and of everybody. */
export class BoxKeys {
  /** Somebody's keys are others than they were; for whoever wants to know. */
  onChanged = (/** @type {string} */ _user) => {};
  #own = [];
  /** @type {Map<string, {messages: Promise<any[]>, readAt: number}>} user -> what their feed says of devices */
  #feeds = new Map();
  #timer = 0;
  #renewing = false;
  #parts;

  /**
   * @param {{storage: import("./storage.js").Storage, link: import("./link.js").Link,
   *   account: import("./account.js").Account, clock: import("./clock.js").Clock,
   *   publish: (draft: import("./composer.js").Draft) => Promise<void>}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  async load() {
    this.#own = (await this.#parts.storage.all("boxkeys")).sort((a, b) => b.madeAt - a.madeAt);
  }

  /** There is a session: renew what is due, now and as time goes on. */
  opened() {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    this.look();
  }

  stop() {
    clearInterval(this.#timer);
  }

  /** This browser's, the newest first; those that are no longer published too, as long as they are kept. */
  mine() {
    return this.#own.map(({ key: publicText, publicKey, secret, notAfter }) => (
      { publicKey, publicText, key: new OneTimeKey(secret, publicKey), notAfter }));
  }

  /** Delete what is over, publish a new one where the newest is a week old. */
  async look() {
    if (this.#renewing) {
      return;
    }
    this.#renewing = true;
    try {
      await this.#deleteOld();
      const now = this.#parts.clock.now();
      const newest = this.#own[0];
      if (!newest?.isPublished || now - newest.madeAt >= RENEW_MS) {
        await this.#renew(now);
      }
    } catch (error) {
      console.warn("a box key was not renewed:", error.code ?? error);
    } finally {
      this.#renewing = false;
    }
  }

  async #deleteOld() {
    const now = this.#parts.clock.now();
    for (const old of this.#own.filter((each) => now - each.madeAt > KEPT_MS)) {
      await this.#parts.storage.remove("boxkeys", old.key);
    }
    this.#own = this.#own.filter((each) => now - each.madeAt <= KEPT_MS);
  }

  async #renew(now) {
    const { storage, publish, account } = this.#parts;
    let record = this.#own[0];
    if (!record || record.isPublished || now - record.madeAt >= RENEW_MS) { // else its answer alone was lost
      const { key, publicKey } = await OneTimeKey.generate();
      const notAfter = now + MAX_BOXKEY_LIFE_MS;
      record = { key: b64encode(publicKey), publicKey, secret: key, madeAt: now, notAfter, isPublished: false };
      await storage.put("boxkeys", record);
      this.#own.unshift(record);
    }
    const body = { boxkey: record.key, clientkey: account.device.publicText, not_after: record.notAfter };
    await publish({ type: "device.keys", topic: "feed", body, isControl: true });
    record.isPublished = true;
    await storage.put("boxkeys", record);
  }

  // ----------------------------------------------------------------------------------------------- those of everybody

  /** A message of somebody's feed. @param {import("./verify.js").Fact} fact */
  take(fact) {
    if (TYPES.has(fact.type) && fact.topic === `feed:${fact.author}`) {
      this.changed(fact.author);
    }
  }

  /** What somebody's feed says may be otherwise than it was read. @param {string} user */
  changed(user) {
    this.#feeds.delete(user);
    this.onChanged(user);
  }

  /**
   * The living ones of somebody, the newest first; ClientError("offline") where they are not known.
   * @param {string} user
   * @returns {Promise<(import("../accord/devices.js").Device & {former: string[]})[]>} `former`: earlier box keys of
   *   the same device
   */
  async of(user) {
    const now = this.#parts.clock.now();
    const held = this.#feeds.get(user);
    if (!held || now - held.readAt > FRESH_MS) {
      const feed = { messages: this.#read(user), readAt: now };
      this.#feeds.set(user, feed);
      feed.messages.catch(() => this.#feeds.get(user) === feed && this.#feeds.delete(user));
    }
    const facts = await /** @type {any} */ (this.#feeds.get(user)).messages;
    return livingDevices(facts, now).map((device) => ({ ...device, former: formerOf(device, facts) }));
  }

  /** What the feed says of devices, as far back as a key may live. */
  async #read(user) {
    const { link, clock } = this.#parts;
    const messages = [];
    const from = clock.now() - MAX_BOXKEY_LIFE_MS;
    let before;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const asked = { topic: `feed:${user}`, limit: PAGE_MESSAGES, ...(before ? { before } : {}) };
      const answer = await link.request("fetch", asked).catch(nothingWritten);
      const items = Array.isArray(answer.messages) ? answer.messages : [];
      const isWanted = (header) => TYPES.has(header.type) && header.from === user;
      const facts = await readFacts(items, isWanted);
      messages.push(...facts.filter((fact) => fact.topic === `feed:${user}`));
      const oldest = Number(items.at(-1)?.message?.header?.created_at) || 0;
      if (!answer.more || oldest < from) {
        break;
      }
      before = answer.next;
    }
    return messages;
  }
}

/** A stranger has no feed here. */
function nothingWritten(error) {
  if (error.code !== "not_found") {
    throw error;
  }
  return { messages: [] };
}

/** What a device has published before. */
function formerOf({ client, boxkey }, facts) {
  const said = facts.filter(({ type, body }) => type === "device.keys" && body?.clientkey);
  const ofDevice = said.filter(({ body }) => b64encode(body.clientkey) === client);
  return ofDevice.map(({ body }) => b64encode(body.boxkey)).filter((each) => each !== boxkey);
}
