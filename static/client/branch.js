/**
 * The branch below one's own account (protocol.md section 8): who is in it, limits, removals and their undoing. What
 * changes something is signed here.
 */

import { toSay } from "../words/tosay.js";
import { isKey } from "./directory.js";
import { ClientError } from "./errors.js";

const NO_LIMIT = Number.MAX_SAFE_INTEGER;
const MODES = ["reparent", "subtree"];
/** How soon after its time the end of a removal is asked for. */
const SPARE_MS = 6_000;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What the page of the branch needs. */
export class Branch {
  #parts;
  #timer = 0;

  /**
   * @param {{rest: import("./rest.js").Rest, account: import("./account.js").Account,
   *   clock: import("./clock.js").Clock, composer: import("./composer.js").Composer,
   *   state: import("./state.js").PublishedState}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  stop() {
    clearTimeout(this.#timer);
  }

  /** Of one's own account, or of one below it. @param {{key?: string}} of */
  list({ key }) {
    return this.#parts.rest.ask("GET", key ? `branch/${keyOf(key)}` : "branch");
  }

  /**
   * Set what somebody below me may do. Left out: as it is. `messages`, `bytes`: null for no limit.
   * @param {{key: string, invites?: number, messages?: number | null, bytes?: number | null}} wanted
   */
  async limit({ key, invites, messages, bytes }) {
    const unlimited = (limit) => (limit === null ? NO_LIMIT : limit);
    const limits = Object.entries({ invites, messages: unlimited(messages), bytes: unlimited(bytes) });
    const wanted = limits.filter(([, value]) => value !== undefined);
    if (wanted.some(([, value]) => !Number.isSafeInteger(value) || value < 0)) {
      throw new ClientError("bad_request", toSay("A limit is a whole number, not below zero."));
    }
    const body = { pubkey: keyOf(key), ...Object.fromEntries(wanted) };
    return this.#send("set_quota", "quota", body);
  }

  /** What a removal would touch. @param {{key: string, mode: string}} wanted */
  rehearse({ key, mode }) {
    return this.#parts.rest.ask("POST", `users/${keyOf(key)}/rehearse`, { mode: modeOf(mode) });
  }

  /** Begin a removal. @param {{key: string, mode: string}} wanted */
  async remove({ key, mode }) {
    const at = this.#parts.clock.now();
    const begun = await this.#send("remove_user", "remove", { pubkey: keyOf(key), mode: modeOf(mode), at });
    await this.look();
    return this.#shown(begun);
  }

  /** Undo one. @param {{key: string}} of */
  async restore({ key }) {
    const undone = await this.#send("restore_user", "restore", { pubkey: keyOf(key) });
    await this.look();
    return this.#shown(undone);
  }

  /** Tell pages which removals of this branch can still be undone. */
  async look() {
    const { rest, state } = this.#parts;
    const { items } = await rest.ask("GET", "removals");
    const waiting = items.filter((row) => row.state === "waiting" && row.can_restore).map((row) => this.#shown(row));
    if (waiting.length > 0 || state.value.removals.length > 0) {
      state.set("removals", waiting);
    }
    clearTimeout(this.#timer);
    if (waiting.length > 0) {
      const next = Math.min(...waiting.map((row) => row.finalAt)) - this.#parts.clock.local() + SPARE_MS;
      this.#timer = setTimeout(() => this.lookSoon(), Math.min(Math.max(next, SPARE_MS), MAX_TIMER_MS));
    }
  }

  /** The same, where nobody waits for it. */
  lookSoon() {
    this.look().catch((error) => error.code ?? console.error(error));
  }

  async #send(type, action, body) {
    const { composer, account, rest } = this.#parts;
    const message = await composer.make({ type, topic: `hub:${account.hubText}`, body, isControl: true });
    return rest.ask("POST", `users/${body.pubkey}/${action}`, { message });
  }

  /** `finalAt` by this computer's clock. */
  #shown({ key, name, mode, state, final_at: finalAt, accounts, waiting_invites: invites, by }) {
    const { clock } = this.#parts;
    const at = finalAt - (clock.hubNow() - clock.local());
    return { key, name, mode, state, finalAt: at, accounts, invites, by: by.key };
  }
}

function keyOf(key) {
  if (!isKey(key)) {
    throw new ClientError("not_found");
  }
  return key;
}

function modeOf(mode) {
  if (!MODES.includes(mode)) {
    throw new ClientError("bad_request");
  }
  return mode;
}
