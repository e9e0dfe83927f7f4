/**
 * The engine of the web client: one for all tabs, in the worker. Its phases:
 *
 *   starting -> outside -> inside        any of them -> stopped
 *
 * Not here: what an account does (member.js), what pages see of it (client.js).
 */

import { toSay } from "../words/tosay.js";
import { Account } from "./account.js";
import { Clock } from "./clock.js";
import { asClientError, ClientError } from "./errors.js";
import { NewerHub, WrongKey } from "./hub.js";
import { check, claim } from "./join.js";
import { stopFor } from "./link.js";
import { Member } from "./member.js";
import { Pages } from "./ports.js";
import { ask, asked, look, useCode } from "./recover.js";
import { PublishedState } from "./state.js";
import { Storage } from "./storage.js";
import { talkCalls } from "./talk.js";
import { isLockedTo, lockAway, logIn } from "./login.js";

const OLD_BROWSER = "This browser cannot make the keys that the client needs; update it, or use another one.";

/** Whether the browser has the signatures and the key agreement of the protocol. */
async function canSign() {
  try {
    await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
    await crypto.subtle.generateKey("X25519", false, ["deriveBits"]);
    return true;
  } catch {
    return false;
  }
}

/** One engine, for the pages that connect to it. */
export class Engine {
  #storage = null;
  #clock = new Clock();
  #state = new PublishedState((patch) => this.pages.broadcast({ push: "state", patch }));
  /** An account whose joining was not finished. */
  #unfinished = null;
  /** @type {Member | null} */
  #member = null;
  #memberCalls = {};
  #started;

  constructor() {
    this.pages = new Pages({
      snapshot: () => this.#state.value,
      settle: () => this.#state.flush(),
      changed: () => this.#pagesChanged(),
      online: () => this.#member?.link.retry(),
      left: (page) => this.#member?.timelines.left(page),
    });
    this.pages.register({
      "join.check": async (params) => this.#joining(() => check(params, this.#clock, this.#unfinished)),
      "join.claim": (params) => this.#joining(() => this.#claim(params)),
      "recover.use": (params) => this.#joining(() => this.#recover(params)),
      "recover.ask": (params) => this.#joining(() => this.#askForKey(params)),
      "recover.asked": () => this.#joining(() => asked(this.#unfinished)),
      "recover.look": () => this.#joining(() => this.#lookForKey()),
      "vault.open": (params) => this.#joining(() => this.#logIn(params)),
      "account.lock": (params) => this.#lock(params),
      "account.forget": () => this.#forget(),
    });
    this.pages.otherwise((name, params, page) => this.#ask(name, params, page));
    this.#started = this.#start().catch((error) => this.#failed(error));
  }

  async #start() {
    if (!(await canSign())) {
      this.#stop({ code: "unsupported_browser", detail: OLD_BROWSER, facts: {} });
      return;
    }
    this.#storage = await Storage.open(() => this.#stop({
      code: "outdated",
      detail: "A newer version of this page is open in another tab; close this one, or reload it.",
      facts: {},
    }), () => this.#stop({ code: "erased", detail: "", facts: { unsent: this.#member?.unsent() ?? [] } }));
    const account = await Account.load(this.#storage);
    if (account?.isJoined) {
      await this.#enter(account, false);
    } else {
      this.#unfinished = account;
      this.#state.set("locked", await isLockedTo(this.#storage));
      this.#state.set("phase", "outside");
    }
  }

  #failed(error) {
    const { code, detail } = asClientError(error);
    this.#stop({ code, detail, facts: {} });
  }

  #stop(stop) {
    this.#member?.stop();
    this.#state.set("stop", stop);
    this.#state.set("phase", "stopped");
  }

  async #enter(account, isNew) {
    const { pages } = this;
    this.#unfinished = null;
    this.#member = new Member({
      storage: this.#storage, clock: this.#clock, state: this.#state, pages, account, isNew,
      stop: (stop) => this.#stop(stop),
    });
    this.#memberCalls = talkCalls(this.#member);
    await this.#member.start();
  }

  /** A call that needs an account. */
  async #ask(name, params, page) {
    await this.#started;
    const work = this.#memberCalls[name];
    if (work === undefined) {
      throw new ClientError(this.#member ? "unsupported" : "not_member");
    }
    return work(params, page);
  }

  async #joining(work) {
    await this.#started;
    if (this.#state.value.phase !== "outside") {
      throw new ClientError("conflict", toSay("This browser has an account here already; forget it first, then join."));
    }
    try {
      return await work();
    } catch (error) {
      if (error instanceof WrongKey) {
        this.#stop(stopFor("wrong_key", error.facts).stop);
      } else if (error instanceof NewerHub) {
        this.#stop(stopFor("unsupported").stop);
      } else if (error.code === "storage") {
        this.#failed(error);
      }
      throw error;
    }
  }

  async #claim(params) {
    const { account, vaultCode } = await claim(params, {
      storage: this.#storage, clock: this.#clock, account: this.#unfinished ?? (await Account.load(this.#storage)),
    });
    await this.#enterNew(account, vaultCode);
    const typed = String(params.name).trim();
    if (typed !== account.name) {
      await this.#memberCalls["profile.set"]({ displayName: typed, about: "", status: "" });
    }
    return {};
  }

  async #enterNew(account, vaultCode) {
    await this.#enter(account, true);
    if (vaultCode) {
      this.#member?.vault.locks.hold(vaultCode);
    }
  }

  async #logIn(params) {
    await this.#enter(await logIn(params, { storage: this.#storage, clock: this.#clock }), false);
    return {};
  }

  async #recover(params) {
    const account = this.#unfinished;
    const come = await useCode(params, { storage: this.#storage, clock: this.#clock, account });
    await this.#enterNew(come.account, come.vaultCode);
    return {};
  }

  async #askForKey(params) {
    const parts = { storage: this.#storage, clock: this.#clock, account: this.#unfinished };
    const { account, request } = await ask(params, parts);
    this.#unfinished = account;
    return request;
  }

  async #lookForKey() {
    const isThere = await look(this.#unfinished, this.#clock);
    if (isThere) {
      await this.#enter(this.#unfinished, true);
    }
    return { isThere };
  }

  async #forget() {
    await this.#started;
    this.#leave();
    await this.#storage?.clear();
    this.#state.empty();
    this.#state.set("phase", "outside");
  }

  /** Forget all keys and what they open; the password brings them back. */
  async #lock({ evenSo = false }) {
    await this.#started;
    const member = this.#member;
    if (!member?.vault.hasPassword) {
      throw new ClientError("not_found", toSay("This account has no password, so this browser cannot be locked."));
    }
    if (!evenSo) {
      await this.#checkAllIsSent(member);
    }
    this.#leave();
    await lockAway(this.#storage, member.account);
    this.#state.empty();
    this.#state.set("locked", await isLockedTo(this.#storage));
    this.#state.set("phase", "outside");
  }

  async #checkAllIsSent(member) {
    if (this.#state.value.outboxCount > 0) {
      throw new ClientError("conflict", toSay("Messages still wait to be sent; they would be lost."));
    }
    await member.vault.flush();
  }

  #leave() {
    this.#member?.stop();
    this.#member = null;
    this.#memberCalls = {};
  }

  #pagesChanged() {
    if (this.#member && !this.#member.isOver) {
      this.#member.presence.pagesChanged();
      if (this.pages.isVisible && this.#state.value.link.status === "offline") {
        this.#member.link.retry();
      }
    }
  }
}
