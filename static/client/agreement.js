/**
 * Whether the hub shows all that it holds of a channel (protocol.md section 5): the root of the channel's tree is
 * recomputed from every message that was given, and compared with what this hub and those linked with it have signed.
 *
 * A hub that hides a message from one reader cannot state the true root to that reader and to other hubs. What all of
 * the hubs hide together nobody sees. Not here: signatures of the messages (verify.js).
 */

import { b64decode, b64encode } from "../accord/encoding.js";
import { RemoteError } from "../accord/errors.js";
import { rootOf } from "../accord/merkle.js";
import { verifyStatement } from "../accord/statements.js";
import { ClientError } from "./errors.js";

const PAGE_MESSAGES = 500;
const BURN_SPARE_MS = 300_000;
const MAX_MESSAGES = 500_000;
/** What is on its way between hubs arrives meanwhile. */
const TRIES = 3;
const AGAIN_MS = 2_000;

/** @typedef {{at: number, id: Uint8Array, burnAt: number, cursor: number}} Held */

/** Comparisons of one account. */
export class Agreement {
  #parts;

  /**
   * @param {{rest: import("./rest.js").Rest, timelines: import("./timelines.js").Timelines,
   *   account: import("./account.js").Account}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  calls() {
    return { "agreement.check": ({ conversation }) => this.#check(String(conversation)) };
  }

  /**
   * What hubs say of a channel, and whether that is what was given: `own` is "agrees" or "differs", `others` the hubs
   * that have answered, by key, `messages` how many were compared.
   */
  async #check(topic) {
    if (!topic.startsWith("chan:")) {
      throw new ClientError("not_found");
    }
    let result = await this.#compare(topic);
    for (let tries = 1; tries < TRIES && !isAgreed(result); tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      result = await this.#compare(topic);
    }
    return result;
  }

  async #compare(topic) {
    const { items = [] } = await this.#parts.rest.ask("GET", `topics/${topic}/roots`);
    const [own, ...others] = await Promise.all(items.map((item, place) => this.#read(item, topic, place)));
    if (!own) {
      throw new ClientError("bad_sig", "The hub has signed nothing that could be compared; try again later.");
    }
    const held = await this.#all(topic, Math.min(...[own, ...others].filter(Boolean).map(({ horizon }) => horizon)));
    const before = held.filter(({ cursor }) => cursor <= own.cursor);
    const found = [];
    for (const statement of others.filter(Boolean)) {
      found.push({ hub: statement.hub, agrees: await isRoot(statement, held), count: statement.count });
    }
    const count = before.filter((item) => isIn(item, own)).length;
    return { own: (await isRoot(own, before)) ? "agrees" : "differs", others: found, messages: count, stated: own.count };
  }

  /** A statement that holds; null for others. The first is this hub's own. */
  async #read(item, topic, place) {
    try {
      const hub = place === 0 ? this.#parts.account.hubKey : b64decode(item?.hub, 32);
      const statement = await verifyStatement(item, { type: "root", hub });
      const { root, count, horizon, as_of: asOf, cursor } = statement;
      b64decode(root, 32);
      const isWhole = [count, horizon, asOf, cursor].every((number) => Number.isSafeInteger(number) && number >= 0);
      const isOther = place > 0 && statement.hub === b64encode(this.#parts.account.hubKey);
      return isWhole && statement.topic === topic && !isOther ? { ...statement, asOf } : null;
    } catch (error) {
      if (error instanceof RemoteError) {
        return null;
      }
      throw error;
    }
  }

  /** Every message of a topic from a horizon on, whatever it says. @returns {Promise<Held[]>} */
  async #all(topic, horizon) {
    const held = new Map();
    let before = null;
    for (let isMore = true; isMore && held.size < MAX_MESSAGES;) {
      const page = await this.#parts.timelines.page(topic, null, before, PAGE_MESSAGES);
      for (const { id, at, burnAt, cursor } of page.facts) {
        held.set(id, { id: b64decode(id), at, burnAt, cursor });
      }
      before = page.before;
      isMore = page.more && before !== null && (page.facts.at(-1)?.at ?? Infinity) >= horizon;
    }
    return [...held.values()];
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
