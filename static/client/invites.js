/**
 * Invites (protocol.md section 8): made here, since the secret of a link is nobody else's, paid on the hub.
 *
 * Links stay in this browser (IndexedDB); another one lists the same invites without them.
 */

import { b64encode } from "../accord/encoding.js";
import { newLink, temporaryKey } from "../accord/invites.js";
import { TEMPORARY_LIFE_MS } from "../accord/message_types.js";
import { ORIGIN } from "./hub.js";

const PLACEHOLDER_BYTES = 9;
const SPARE_MS = 60_000;

function placeholder() {
  const random = crypto.getRandomValues(new Uint8Array(PLACEHOLDER_BYTES));
  return `invite-${Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** What the page's dialog of invites needs. */
export class Invites {
  #parts;

  /**
   * @param {{storage: import("./storage.js").Storage, rest: import("./rest.js").Rest,
   *   account: import("./account.js").Account, clock: import("./clock.js").Clock,
   *   publish: (draft: import("./composer.js").Draft) => Promise<void>}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  #hubTopic() {
    return `hub:${this.#parts.account.hubText}`;
  }

  /** @param {{label?: string, invites?: number}} wanted `invites`: how many the newcomer may give away */
  async create({ label = "", invites = 0 }) {
    const { account, clock, publish, storage } = this.#parts;
    const link = newLink(ORIGIN, account.hubKey);
    const key = b64encode((await temporaryKey(link.secret)).publicKey);
    const now = clock.hubNow();
    const expires = now + TEMPORARY_LIFE_MS - SPARE_MS;
    // Kept first: an invite that is paid for must not be lost with its link.
    await storage.put("invites", { key, label: String(label), link: String(link), createdAt: now, expires });
    const given = invites > 0 ? { invites } : {};
    const body = { pubkey: key, account_name: placeholder(), kind: "temp", expires, ...given };
    try {
      await publish({ type: "add_user", topic: this.#hubTopic(), body, isControl: true });
    } catch (error) {
      if (error.code !== "offline") { // without an answer it may have been taken
        await storage.remove("invites", key);
      }
      throw error;
    }
    return { link: String(link), key, expires };
  }

  async list() {
    const { rest, storage } = this.#parts;
    const [made, page] = await Promise.all([storage.all("invites"), this.#all(rest)]);
    const here = new Map(made.map((invite) => [invite.key, invite]));
    const invites = page.items.map((item) => ({
      key: item.key,
      label: here.get(item.key)?.label ?? "",
      link: item.state === "waiting" ? here.get(item.key)?.link ?? null : null,
      createdAt: item.created_at,
      expires: item.expires,
      status: item.state,
      claimedBy: item.claimed_by?.key ?? null,
    }));
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

  /** @param {{key: string}} invite */
  async withdraw({ key }) {
    const { clock, publish } = this.#parts;
    const body = { pubkey: key, mode: "subtree", at: clock.hubNow() };
    await publish({ type: "remove_user", topic: this.#hubTopic(), body, isControl: true });
  }
}
