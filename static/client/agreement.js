/**
 * Whether the hub shows all that it holds of a channel (protocol.md section 5): the root of the channel's tree is
 * recomputed from the messages that were given, and compared with what this hub and those linked with it have signed.
 *
 * Of a channel that is looked at the newest messages are compared by itself, when it is opened and now and then; the
 * whole when somebody asks for it. A hub that hides a message from one reader cannot state the true root to that reader
 * and to other hubs. What all of the hubs hide together nobody sees. Not here: what messages mean (verify.js).
 */

import { b64decode, b64encode } from "../accord/encoding.js";
import { RemoteError } from "../accord/errors.js";
import { HORIZON_MS, rootOf } from "../accord/merkle.js";
import { readMessage } from "../accord/messages.js";
import { verifyStatement } from "../accord/statements.js";
import { toSay } from "../words/tosay.js";
import { ClientError } from "./errors.js";

const PAGE_MESSAGES = 500;
const BURN_SPARE_MS = 300_000;
const MAX_PAGES = 1_000;
/** By itself no more is read than this; a channel in which that is less than the last hours is not compared. */
const MAX_PAGES_UNASKED = 10;
const TEXTS_UNASKED = 400;
/** What is on its way between hubs arrives meanwhile. */
const TRIES = 3;
const AGAIN_MS = 2_000;
/** Opening a channel comes first. */
const AFTER_OPENING_MS = 3_000;
const EVERY_MS = 10 * 60 * 1000;
const TICK_MS = 60_000;

/** @typedef {{at: number, id: Uint8Array, burnAt: number, cursor: number}} Held */
/**
 * @typedef {{own: "agrees" | "differs", others: {hub: string, agrees: boolean, count: number}[], messages: number,
 *   stated: number, isWhole: boolean, at: number}} Agreed `messages`: how many were compared; `stated`: how many this
 *   hub has signed for; `isWhole`: the channel, else its newest messages; `at`: when, by the hub's clock
 */

/** Comparisons of one account. */
export class Agreement {
  /** @type {Map<string, number>} channel -> when it was compared last, by this machine's clock */
  #compared = new Map();
  #isComparing = false;
  #timers = new Set();
  #ticks = 0;
  #parts;

  /**
   * @param {{rest: import("./rest.js").Rest, link: import("./link.js").Link, clock: import("./clock.js").Clock,
   *   timelines: import("./timelines.js").Timelines, account: import("./account.js").Account,
   *   state: import("./state.js").PublishedState}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  calls() {
    return { "agreement.check": ({ conversation }) => this.#check(String(conversation)) };
  }

  start() {
    this.#ticks = setInterval(() => this.#compareSeen(), TICK_MS);
  }

  stop() {
    clearInterval(this.#ticks);
    this.#timers.forEach((timer) => clearTimeout(timer));
    this.#timers.clear();
  }

  /** A conversation is looked at from now on. @param {string} id */
  opened(id) {
    if (id.startsWith("chan:")) {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.#compareSeen();
      }, AFTER_OPENING_MS);
      this.#timers.add(timer);
    }
  }

  /** What hubs say of a channel, all of it. @returns {Promise<Agreed>} */
  async #check(topic) {
    if (!topic.startsWith("chan:")) {
      throw new ClientError("not_found");
    }
    return this.#agreedOn(topic, 0, MAX_PAGES);
  }

  /** One after the other, those that are looked at and were not compared for a while. */
  async #compareSeen() {
    if (this.#isComparing || !this.#parts.link.connection) {
      return;
    }
    this.#isComparing = true;
    try {
      for (const topic of this.#parts.timelines.seen().filter((id) => this.#isDue(id))) {
        this.#compared.set(topic, Date.now());
        const horizon = this.#newestOf(topic);
        if (horizon !== null) {
          await this.#agreedOn(topic, horizon, MAX_PAGES_UNASKED);
        }
      }
    } catch (error) {
      console.warn("a channel was not compared:", error.code ?? error); // when it is due again
    } finally {
      this.#isComparing = false;
    }
  }

  #isDue(id) {
    return id.startsWith("chan:") && Math.abs(Date.now() - (this.#compared.get(id) ?? 0)) >= EVERY_MS;
  }

  /** From when on the newest texts are; 0 for the whole channel, null while that is not known. */
  #newestOf(topic) {
    const timeline = this.#parts.timelines.get(topic);
    if (!timeline?.isLoaded) {
      this.#compared.delete(topic);
      return null;
    }
    const first = timeline.posts.at(-TEXTS_UNASKED) ?? (timeline.hasOlder ? timeline.posts[0] : null);
    const present = Math.floor(this.#parts.clock.hubNow() / HORIZON_MS) * HORIZON_MS;
    return first ? Math.min(Math.ceil(first.at / HORIZON_MS) * HORIZON_MS, present) : timeline.hasOlder ? present : 0;
  }

  // ------------------------------------------------------------------------------------------------------- comparing

  async #agreedOn(topic, horizon, maxPages) {
    let result = await this.#compare(topic, horizon, maxPages);
    for (let tries = 1; result && tries < TRIES && !isAgreed(result); tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      result = await this.#compare(topic, horizon, maxPages);
    }
    const { state } = this.#parts;
    const before = state.value.agreements[topic];
    const isUndone = before?.own !== "differs" || !before.isWhole || result?.isWhole || result?.own === "differs";
    if (result && isUndone) { // that the newest agree says nothing of what is missing among the others
      state.put("agreements", topic, result);
    }
    return result;
  }

  /** null: there is more than is to be read. */
  async #compare(topic, from, maxPages) {
    const path = `topics/${topic}/roots${from ? `?horizon=${from}` : ""}`;
    const { items = [] } = await this.#parts.rest.ask("GET", path);
    const [own, ...others] = await Promise.all(items.map((item, place) => this.#read(item, topic, place, from)));
    if (!own) {
      throw new ClientError("bad_sig", toSay("The hub has signed nothing that could be compared; try again later."));
    }
    const stated = others.filter((each) => each !== null);
    const held = await this.#all(topic, Math.min(...[own, ...stated].map(({ horizon }) => horizon)), maxPages);
    if (!held) {
      return null;
    }
    const before = held.filter(({ cursor }) => cursor <= own.cursor);
    const found = [];
    for (const statement of stated) {
      found.push({ hub: statement.hub, agrees: await isRoot(statement, held), count: statement.count });
    }
    return {
      own: (await isRoot(own, before)) ? "agrees" : "differs", others: found, stated: own.count, isWhole: from === 0,
      messages: before.filter((item) => isIn(item, own)).length, at: this.#parts.clock.hubNow(),
    };
  }

  /** A statement that holds; null for others. The first is this hub's own. */
  async #read(item, topic, place, from) {
    try {
      const hub = place === 0 ? this.#parts.account.hubKey : b64decode(item?.hub, 32);
      const statement = await verifyStatement(item, { type: "root", hub });
      const { root, count, horizon, as_of: asOf, cursor } = statement;
      b64decode(root, 32);
      const isWhole = [count, horizon, asOf, cursor].every((number) => Number.isSafeInteger(number) && number >= 0);
      const isOther = place > 0 && statement.hub === b64encode(this.#parts.account.hubKey);
      return isWhole && statement.topic === topic && horizon >= from && !isOther ? { ...statement, asOf } : null;
    } catch (error) {
      if (error instanceof RemoteError) {
        return null;
      }
      throw error;
    }
  }

  /**
   * Every message of a topic from a horizon on, whatever it says; null: there are more than so many pages.
   * @returns {Promise<Held[] | null>}
   */
  async #all(topic, horizon, maxPages) {
    const held = new Map();
    let before;
    for (let page = 0; page < maxPages; page += 1) {
      const asked = { topic, limit: PAGE_MESSAGES, ...(before ? { before } : {}) };
      const answer = await this.#parts.link.request("fetch", asked);
      const items = Array.isArray(answer.messages) ? answer.messages : [];
      for (const item of await Promise.all(items.map(heldOf))) {
        if (item) {
          held.set(item.key, item);
        }
      }
      before = answer.next;
      const oldest = Number(items.at(-1)?.message?.header?.created_at) || 0;
      if (!answer.more || !before || oldest < horizon) {
        return [...held.values()];
      }
    }
    return null;
  }
}

/** What the tree needs of a message; null for one that does not hold, which is as good as hidden. */
async function heldOf({ message: envelope, cursor }) {
  try {
    const message = await readMessage(envelope);
    return { key: message.idText, id: message.id, at: message.createdAt, burnAt: message.burnAt ?? 0, cursor };
  } catch (error) {
    if (error instanceof RemoteError) {
      return null;
    }
    throw error;
  }
}

function isAgreed({ own, others }) {
  return own === "agrees" && others.every(({ agrees }) => agrees);
}

function isIn({ at, burnAt }, { horizon, asOf }) {
  return at >= horizon && (!burnAt || burnAt > asOf + BURN_SPARE_MS);
}

async function isRoot(statement, held) {
  return b64encode(await rootOf(held.filter((item) => isIn(item, statement)))) === statement.root;
}
