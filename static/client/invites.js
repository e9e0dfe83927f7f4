/**
 * Invites (protocol.md section 8): made here, since the secret of a link is nobody else's, paid on the hub.
 *
 * Links, codes and notes stay in this browser (IndexedDB); another one lists the same invites without them, those of a
 * circle one by one.
 */

import { b64encode } from "../accord/encoding.js";
import { hashCode, MAX_CIRCLE_PEOPLE, newCode, newLink, placeholderName, temporaryKey } from "../accord/invites.js";
import { MAX_LED_CHANNELS, TEMPORARY_LIFE_MS } from "../accord/message_types.js";
import { normalizeName } from "../accord/names.js";
import { toSay } from "../words/tosay.js";
import { ClientError } from "./errors.js";
import { ORIGIN } from "./hub.js";

const SPARE_MS = 60_000;
/** What a circle is called of which nobody can join any more: the first of these that one of its places is. */
const ENDS = ["locked", "withdrawn", "expired", "claimed"];

/**
 * What is wanted of a new invite. `label`: the note of this browser; `name`: suggested; `invites`, `messages`, `bytes`
 * go along with each account, null for no limit; `lifeMs`: how long it waits; `channels`: topics.
 * @typedef {{label?: string, name?: string, invites?: number, messages?: number | null, bytes?: number | null,
 *   lifeMs?: number, hasCode?: boolean, channels?: string[], people?: number}} Wanted
 */

function readName(name) {
  try {
    return name.trim() ? normalizeName(name.trim()) : "";
  } catch {
    throw new ClientError("bad_request", toSay("A name has 3 to 32 letters a to z, digits, dots, dashes and underscores."));
  }
}

/** What the page's dialog of invites needs. */
export class Invites {
  #parts;

  /**
   * @param {{storage: import("./storage.js").Storage, rest: import("./rest.js").Rest,
   *   account: import("./account.js").Account, clock: import("./clock.js").Clock,
   *   publishAll: (drafts: import("./composer.js").Draft[]) => Promise<(Error | null)[]>}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /** @param {Wanted} wanted */
  async create(wanted) {
    const { account, clock, publishAll, storage } = this.#parts;
    const people = Math.min(Math.max(Math.trunc(wanted.people ?? 1), 1), MAX_CIRCLE_PEOPLE);
    const link = newLink(ORIGIN, account.hubKey, people);
    const name = people === 1 ? readName(wanted.name ?? "") : "";
    const code = wanted.hasCode ? newCode() : "";
    const now = clock.hubNow();
    const expires = now + Math.min(wanted.lifeMs ?? TEMPORARY_LIFE_MS, TEMPORARY_LIFE_MS - SPARE_MS);
    const given = givenOf(wanted, expires);
    const bodies = await Promise.all(link.places.map(async (place) => {
      const { publicKey } = await temporaryKey(link.secret, place);
      const hash = code ? { code_hash: b64encode(await hashCode(code, publicKey)) } : {};
      return { pubkey: b64encode(publicKey), account_name: name || placeholderName(), kind: "temp", ...given, ...hash };
    }));
    const keys = bodies.map((body) => body.pubkey);
    const record = {
      key: keys[0], keys, label: String(wanted.label ?? ""), name, code, link: String(link), createdAt: now, expires,
    };
    // Kept first: an invite that is paid for must not be lost with its link.
    await storage.put("invites", record);
    let refusals;
    try {
      refusals = await publishAll(bodies.map((body) => this.#control("add_user", body)));
    } catch (error) {
      if (error.code !== "offline") { // without an answer it may have been taken
        await storage.remove("invites", record.key);
      }
      throw error;
    }
    const refusal = refusals.find((error) => error !== null);
    if (refusal) {
      await this.#withdraw(keys.filter((_, i) => refusals[i] === null));
      await storage.remove("invites", record.key);
      throw refusal;
    }
    return { link: record.link, key: record.key, expires, code, people };
  }

  #control(type, body) {
    return { type, topic: `hub:${this.#parts.account.hubText}`, body, isControl: true };
  }

  async list() {
    const { rest, storage } = this.#parts;
    const [made, page] = await Promise.all([storage.all("invites"), this.#all(rest)]);
    const here = new Map(made.flatMap((record) => (record.keys ?? [record.key]).map((key) => [key, record])));
    const groups = new Map();
    for (const item of page.items) {
      const id = here.get(item.key)?.key ?? item.key;
      groups.set(id, [...(groups.get(id) ?? []), item]);
    }
    const invites = [...groups].map(([key, items]) => shownInvite(key, items, here.get(key)));
    return { left: page.left, invites };
  }

  async #all(rest) {
    const items = [];
    let page = await rest.ask("GET", "invites?limit=200");
    const left = page.left;
    items.push(...page.items);
    while (page.next) {
      page = await rest.ask("GET", `invites?limit=200&cursor=${encodeURIComponent(page.next)}`);
      items.push(...page.items);
    }
    return { left, items };
  }

  /** Withdraw an invite; of a circle, the places that nobody has taken. @param {{key: string}} invite */
  async withdraw({ key }) {
    const { invites } = await this.list();
    const refusals = await this.#withdraw(invites.find((each) => each.key === key)?.waiting ?? [key]);
    const refusal = refusals.find((error) => error !== null);
    if (refusal) {
      throw refusal;
    }
  }

  async #withdraw(keys) {
    const { clock, publishAll } = this.#parts;
    const at = clock.hubNow();
    const drafts = keys.map((pubkey) => this.#control("remove_user", { pubkey, mode: "subtree", at }));
    return drafts.length > 0 ? publishAll(drafts) : [];
  }
}

/** The fields of `add_user` that are the same for all places of a link. @param {Wanted} wanted @param {number} expires */
function givenOf({ invites = 0, messages = null, bytes = null, channels = [] }, expires) {
  const led = channels.slice(0, MAX_LED_CHANNELS).map((topic) => topic.slice("chan:".length));
  return {
    expires,
    ...(invites > 0 ? { invites } : {}),
    ...(messages === null ? {} : { messages }),
    ...(bytes === null ? {} : { bytes }),
    ...(led.length > 0 ? { channels: led } : {}),
  };
}

/** What the page shows of the places of a link; `joined` and `waiting` are keys. */
function shownInvite(key, items, record) {
  const [first] = items;
  const waiting = items.filter((item) => item.state === "waiting").map((item) => item.key);
  const status = waiting.length > 0 ? "waiting" : ENDS.find((end) => items.some((item) => item.state === end));
  const tries = items.filter((item) => item.state === "waiting" && item.tries !== null).map((item) => item.tries);
  return {
    key,
    label: record?.label ?? "",
    name: record?.name ?? "",
    link: waiting.length > 0 ? record?.link ?? null : null,
    code: waiting.length > 0 ? record?.code ?? "" : "",
    isHere: record !== undefined,
    people: items.length,
    waiting,
    joined: items.filter((item) => item.claimed_by !== null).map((item) => item.claimed_by.key),
    tries: tries.length > 0 ? Math.min(...tries) : null,
    channels: first.channels.map((ident) => `chan:${ident}`),
    invites: first.invites,
    messages: first.messages_limit,
    bytes: first.bytes_limit,
    createdAt: first.created_at,
    expires: first.expires,
    status,
  };
}
