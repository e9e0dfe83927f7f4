/**
 * The vault of a logged-in browser (protocol.md section 9): what follows from device to device is put in and taken out,
 * sealed, kept here and sent to the hub; the password and the recovery code are changed.
 *
 * Kept are the enclave as it goes on the wire and a key that opens its body and cannot be taken out; the user key in it
 * stays sealed until the password is typed. What was put in is kept before it is sent. A version older than one that
 * was seen here is not taken: it is told (`status: "older"`), and the person decides. Not here: what the lists mean to
 * those who fill them, beginning and opening (vault_open.js), what two devices' lists become (vault_content.js).
 */

import { b64decode, b64encode } from "../accord/encoding.js";
import { RemoteError } from "../accord/errors.js";
import {
  bodyKey, codeGroups, makeSlot, newCode, openBody, sealEnclave, sealKeys, verifyEnclave,
} from "../accord/vault.js";
import { ClientError } from "./errors.js";
import { LIST_NAMES, mergeContent, mergeList } from "./vault_content.js";
import { checkNewPassword, makeLocks, openWith, passwordWay, readCode, recoveryWay } from "./vault_open.js";

const RECORD = "mine";
const SEEN = "seen";
/** Keys are sent at once, what is seldom missed a little later and together. */
const SOON_MS = 500;
const LATER_MS = 10_000;
const LATER = new Set(["reads"]);
const LOOK_MS = 5 * 60 * 1000;
const MAX_TRIES = 5;
const NOT_YOURS = "That is not your password, so nothing was changed.";

/**
 * @typedef {{name: string, body: CryptoKey, enclave: any, version: number, saved: string, isDirty: boolean,
 *   auth: string, recovery: string, savedAt: number, isFresh?: boolean}} Kept
 *   `enclave` is the newest, sent or not; `version` and `saved` (its signature) of what the hub has; `auth` and
 *   `recovery` are what it is still to be told
 */

/** The vault of one account, if it has one. */
export class Vault {
  /** @type {Kept | null} */
  #kept = null;
  #status = "saved";
  #found = 0;
  /** The recovery code, until it was shown once; never stored. */
  #toShow = null;
  /** A secret key that was shown and is not in use yet; never stored. */
  #secret = null;
  /** List -> what is done with records that came from another device. */
  #takers = new Map();
  #pending = new Map();
  #pendingTimer = 0;
  #sendTimer = 0;
  #lookTimer = 0;
  #queue = Promise.resolve();
  #parts;

  /**
   * @param {{storage: import("./storage.js").Storage, rest: import("./rest.js").Rest, link: import("./link.js").Link,
   *   account: import("./account.js").Account, clock: import("./clock.js").Clock,
   *   state: import("./state.js").PublishedState}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  async load() {
    this.#kept = (await this.#parts.storage.get("vault", RECORD)) ?? null;
    this.#tell();
  }

  /** Whether this account has a vault, as far as this browser knows. */
  get isThere() {
    return this.#kept !== null;
  }

  /**
   * Who takes the records of a list that came from another device, or were there when it began.
   * @param {string} list
   * @param {(items: any[]) => any} taker
   */
  follow(list, taker) {
    this.#takers.set(list, taker);
  }

  /** Hand out all that the vault holds, where a browser has just come to it. */
  async handOut() {
    if (this.#kept?.isFresh) {
      await this.#give(await this.#open(this.#kept), {});
      await this.#keep({ ...this.#kept, isFresh: false });
    }
  }

  /** There is a session: see what other devices have put in, send what waits; and again as time goes on. */
  opened() {
    clearInterval(this.#lookTimer);
    if (this.#kept) {
      this.#lookTimer = setInterval(() => this.#sync(), LOOK_MS);
      this.#sync();
    }
  }

  /** Another device of this person says that it has put something in. @param {unknown} version */
  signalled(version) {
    if (this.#kept && Number(version) > this.#kept.version) {
      this.#sync();
    }
  }

  stop() {
    clearInterval(this.#lookTimer);
    clearTimeout(this.#sendTimer);
    clearTimeout(this.#pendingTimer);
  }

  // --------------------------------------------------------------------------------------------------------- contents

  /**
   * Put records in; without a vault nothing happens. Done when they are kept here, but for those that may wait.
   * @param {string} list
   * @param {any[]} items
   */
  async put(list, items) {
    if (!this.#kept || items.length === 0) {
      return;
    }
    this.#pending.set(list, [...(this.#pending.get(list) ?? []), ...items]);
    if (!LATER.has(list)) {
      await this.#keepPending(SOON_MS);
    } else {
      this.#pendingTimer ||= setTimeout(() => this.#keepPending(LATER_MS), SOON_MS);
    }
  }

  /** Change one list by hand, as where keys are burned. @param {string} list @param {(items: any[]) => any[]} change */
  async change(list, change) {
    if (this.#kept) {
      await this.#inTurn(() => this.#rewrite((content) => ({ ...content, [list]: change(content[list] ?? []) })));
      this.#sendIn(SOON_MS);
    }
  }

  async #keepPending(sendMs) {
    clearTimeout(this.#pendingTimer);
    this.#pendingTimer = 0;
    await this.#inTurn(async () => {
      const pending = [...this.#pending];
      this.#pending.clear();
      await this.#rewrite((content) => pending.reduce((sum, [list, items]) => {
        const held = sum[list] ?? [];
        const merged = mergeList(/** @type {any} */ (list), held, items);
        return merged === held ? sum : { ...sum, [list]: merged };
      }, content));
    }).catch((error) => console.warn("the vault was not kept:", error.code ?? error));
    this.#sendIn(sendMs);
  }

  /** One after the other: each step reads what the one before has kept. */
  #inTurn(work) {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => {});
    return done;
  }

  #open({ enclave, body, name }) {
    return openBody(enclave, body, { name });
  }

  /** Change the content that is kept; what does not change it changes nothing. */
  async #rewrite(change) {
    const kept = /** @type {Kept} */ (this.#kept);
    const before = await this.#open(kept);
    const after = change(before);
    if (after !== before) {
      await this.#keep({ ...kept, ...(await this.#sealed(kept, withoutEmpty(after))), isDirty: true });
    }
  }

  async #sealed({ name, body, enclave, version }, content, locks = {}) {
    const { slots = enclave.slots, params = readKdf(enclave) } = /** @type {any} */ (locks);
    const what = { name, version: version + 1, params, slots, body, content };
    return { enclave: await sealEnclave(this.#parts.account.user, what) };
  }

  async #keep(kept) {
    await this.#parts.storage.put("vault", kept, RECORD);
    this.#kept = kept;
    this.#tell();
  }

  async #give(content, before) {
    for (const list of LIST_NAMES) {
      const known = new Set((before[list] ?? []).map((item) => JSON.stringify(item)));
      const items = (content[list] ?? []).filter((item) => !known.has(JSON.stringify(item)));
      if (items.length) {
        await this.#takers.get(list)?.(items);
      }
    }
  }

  // ---------------------------------------------------------------------------------------------------------- the hub

  #sendIn(ms) {
    if (this.#kept?.isDirty && this.#status === "saved") {
      clearTimeout(this.#sendTimer);
      this.#sendTimer = setTimeout(() => this.#sync(), ms);
    }
  }

  /** Send what waits now. ClientError, AccordError. */
  async flush() {
    if (this.#kept) {
      await this.#keepPending(LATER_MS);
      await this.#inTurn(() => this.#exchange());
    }
  }

  #sync() {
    clearTimeout(this.#sendTimer);
    this.#inTurn(() => this.#exchange()).catch((error) => {
      console.warn("the vault was not brought up to date:", error.code ?? error);
      this.#tell();
    });
  }

  /** Take what the hub has, then send what it lacks; again where another device was faster. */
  async #exchange() {
    if (this.#kept?.version === 0) {
      const { joinedAt, inviter } = this.#parts.account;
      const facts = { joined_at: joinedAt, ...(inviter ? { inviter } : {}) };
      await this.#rewrite((content) => (content.joined_at === joinedAt ? content : { ...content, ...facts }));
    }
    for (let tries = 1; ; tries += 1) {
      await this.#look();
      if (!this.#kept?.isDirty || this.#status !== "saved") {
        return;
      }
      try {
        await this.#send(/** @type {Kept} */ (this.#kept));
        return;
      } catch (error) {
        if (error.code !== "conflict" || tries === MAX_TRIES) {
          throw error;
        }
      }
    }
  }

  async #fetch() {
    try {
      return (await this.#parts.rest.ask("GET", "vault")).enclave;
    } catch (error) {
      if (error.code === "not_found") {
        return null;
      }
      throw error;
    }
  }

  async #look() {
    const kept = /** @type {Kept} */ (this.#kept);
    if (kept.version === 0) { // the hub has never had it
      return;
    }
    const theirs = await this.#fetch();
    const isGood = theirs !== null && (await this.#isMine(theirs));
    const isOld = isGood && (theirs.version < kept.version
      || (theirs.version === kept.version && theirs.signature !== kept.saved));
    this.#found = isGood ? theirs.version : 0;
    if (!isGood || isOld) {
      this.#set(theirs === null ? "gone" : "older");
    } else if (theirs.version > kept.version) {
      await this.#takeIn(kept, theirs);
    } else {
      this.#set("saved");
    }
  }

  async #isMine(enclave) {
    try {
      const { name } = await verifyEnclave(enclave, this.#parts.account.user.publicKey);
      return name === this.#kept?.name;
    } catch (error) {
      if (error instanceof RemoteError) {
        return false;
      }
      throw error;
    }
  }

  /** A later version: its locks count, the lists become one. */
  async #takeIn(kept, theirs) {
    const mine = await this.#open(kept);
    let content;
    try {
      content = await openBody(theirs, kept.body, { name: kept.name });
    } catch (error) {
      if (error instanceof RemoteError) {
        this.#set("stale"); // the password was changed on another device
        return;
      }
      throw error;
    }
    await this.#become({ ...kept, enclave: theirs, version: theirs.version, saved: theirs.signature }, content, mine);
  }

  /** Go on with a later version, with what this browser has beside it. */
  async #become(next, content, mine) {
    const merged = mergeContent(content, mine);
    const isMore = merged !== content;
    await this.#keep({
      ...next, ...(isMore ? await this.#sealed(next, merged) : {}), isDirty: isMore, savedAt: this.#parts.clock.local(),
    });
    this.#set("saved");
    await this.#give(merged, mine);
  }

  async #send(kept) {
    const { name, enclave, auth, recovery } = kept;
    await this.#parts.rest.ask("PUT", "vault", {
      name, enclave, ...(auth ? { auth } : {}), ...(recovery ? { recovery } : {}),
    });
    await this.#sent(kept);
  }

  async #sent({ enclave, auth, recovery, ...rest }) {
    await this.#keep({
      ...rest, enclave, version: enclave.version, saved: enclave.signature, isDirty: false, auth: "", recovery: "",
      savedAt: this.#parts.clock.local(),
    });
    await this.#parts.storage.put("vault", { name: rest.name, version: enclave.version }, SEEN);
    this.#set("saved");
    const to = `user:${this.#parts.account.key}`;
    this.#parts.link.connection?.send({ type: "signal", to, body: { vault: enclave.version } });
  }

  #set(status) {
    this.#status = status;
    this.#tell();
  }

  #tell() {
    const kept = this.#kept;
    this.#parts.state.set("vault", kept && {
      name: kept.name,
      version: kept.version,
      found: this.#found,
      status: this.#status === "saved" && kept.isDirty ? "waiting" : this.#status,
      savedAt: kept.savedAt,
      hasRecovery: kept.enclave.slots.length > 1,
    });
  }

  // ------------------------------------------------------------------------------------------- password, code, secret

  /** The recovery code that was made at the beginning, once; null later. */
  takeCode() {
    const shown = this.#toShow;
    this.#toShow = null;
    return { groups: shown };
  }

  /** @param {string[]} groups */
  showOnce(groups) {
    this.#toShow = groups;
  }

  /** A fresh secret key, to be written down before it is used. */
  async makeSecret() {
    this.#secret = newCode();
    return { groups: await codeGroups(this.#secret) };
  }

  /** Whether the secret key stands beside the password. */
  async details() {
    const content = await this.#open(this.#mine());
    return { isSecret: content.secret === true };
  }

  #mine() {
    if (!this.#kept) {
      throw new ClientError("not_found", "This account has no password.");
    }
    return this.#kept;
  }

  /** Everything in the kept vault, by the password as typed. ClientError("denied"). */
  async #unlock({ password, secret = "" }, enclave) {
    const { name } = this.#mine();
    const secretKey = secret ? await readCode(secret) : null;
    const way = await passwordWay({ hub: this.#parts.account.hubKey, name, password, secretKey });
    try {
      return { way, ...(await openWith(enclave, { name, kind: "password", wrap: way.wrap })) };
    } catch (error) {
      throw error.code === "bad_sig" ? new ClientError("denied", NOT_YOURS) : error;
    }
  }

  /**
   * The way of a password, if it is the right one. ClientError("denied").
   * @param {{password: string, secret?: string}} typed
   */
  async prove(typed) {
    const { name, enclave } = this.#mine();
    const { way } = await this.#unlock(typed, enclave);
    return { name, way };
  }

  /**
   * Another password; with `useSecret` the secret key that was made last stands beside it from now on.
   * @param {{current: string, secret?: string, password: string, useSecret?: boolean}} params
   */
  changePassword({ current, secret, password, useSecret = false }) {
    return this.#inTurn(async () => {
      await this.#ready();
      const kept = this.#mine();
      checkNewPassword(password, kept.name);
      if (useSecret && !this.#secret) {
        throw new ClientError("gone", "That secret key is no longer here; make another one.");
      }
      const { seed, recovery, content } = await this.#unlock({ password: current, secret }, kept.enclave);
      const secretKey = useSecret ? this.#secret : null;
      const way = await passwordWay({ hub: this.#parts.account.hubKey, name: kept.name, password, secretKey });
      const locks = await makeLocks({ name: kept.name, seed, way, recovery });
      const { secret: _, ...rest } = content;
      const next = { ...kept, body: locks.body, auth: b64encode(way.auth) };
      const changed = { ...rest, keys: locks.keys, ...(useSecret ? { secret: true } : {}) };
      await this.#send({ ...next, ...(await this.#sealed(next, changed, locks)) });
      this.#secret = null;
      return {};
    });
  }

  /** Another recovery code, shown by the answer and stored nowhere. @param {{password: string, secret?: string}} params */
  makeCode({ password, secret }) {
    return this.#inTurn(async () => {
      await this.#ready();
      const kept = this.#mine();
      const { key, seed, content } = await this.#unlock({ password, secret }, kept.enclave);
      const code = newCode();
      const { auth, wrap } = await recoveryWay(code);
      const slots = [kept.enclave.slots[0], await makeSlot("recovery", { name: kept.name, wrap, key })];
      const keys = await sealKeys(key, { name: kept.name, seed, recovery: wrap });
      const next = { ...kept, recovery: b64encode(auth) };
      await this.#send({ ...next, ...(await this.#sealed(kept, { ...content, keys }, { slots })) });
      return { groups: await codeGroups(code) };
    });
  }

  /** The hub's version first: what is changed then is changed in the newest. */
  async #ready() {
    this.#mine();
    await this.#exchange();
    if (this.#status !== "saved") {
      throw new ClientError("conflict", "First decide about the vault that the hub has shown; nothing was changed.");
    }
  }

  /**
   * The password was changed on another device: go on with the new one.
   * @param {{password: string, secret?: string}} params
   */
  unlock({ password, secret }) {
    return this.#inTurn(async () => {
      const kept = this.#mine();
      const theirs = await this.#fetch();
      if (theirs === null || !(await this.#isMine(theirs)) || theirs.version < kept.version) {
        throw new ClientError("not_found");
      }
      const { key, content } = await this.#unlock({ password, secret }, theirs);
      const mine = await this.#open(kept);
      const next = { ...kept, body: await bodyKey(key), enclave: theirs, version: theirs.version };
      await this.#become({ ...next, saved: theirs.signature, auth: "", recovery: "" }, content, mine);
      this.#sendIn(SOON_MS);
      return {};
    });
  }

  /**
   * The hub showed an older vault, or none: put this browser's in its place.
   * @param {{password: string, secret?: string}} params
   */
  putBack({ password, secret }) {
    return this.#inTurn(async () => {
      const kept = this.#mine();
      const { way, key, seed, content } = await this.#unlock({ password, secret }, kept.enclave);
      const next = { ...kept, version: Math.max(kept.version, this.#found), auth: b64encode(way.auth) };
      const locks = { slots: kept.enclave.slots };
      if (this.#status === "gone") { // what proves the recovery code to the hub is known to nobody but its owner
        locks.slots = [kept.enclave.slots[0]];
        content.keys = await sealKeys(key, { name: kept.name, seed });
      }
      await this.#send({ ...next, ...(await this.#sealed(next, content, locks)) });
      return {};
    });
  }
}

/** How the password of an enclave is stretched. */
function readKdf({ kdf }) {
  return { salt: b64decode(kdf.salt), iterations: kdf.iterations };
}

/** Canonical JSON has no empty lists. */
function withoutEmpty(content) {
  return Object.fromEntries(Object.entries(content).filter(([, value]) => !Array.isArray(value) || value.length > 0));
}

/**
 * The record of a vault that has just begun: its first version, not sent yet.
 * @param {import("./storage.js").Storage} storage
 * @param {import("./account.js").Account} account
 * @param {Awaited<ReturnType<typeof import("./vault_open.js").beginVault>>} begun
 */
export async function keepNew(storage, account, { name, locks, auth, recovery }) {
  const { body, slots, params, keys } = locks;
  const enclave = await sealEnclave(account.user, { name, version: 1, params, slots, body, content: { keys } });
  await storage.put("vault", {
    name, body, enclave, version: 0, saved: "", isDirty: true, auth: b64encode(auth), recovery: b64encode(recovery),
    savedAt: 0,
  }, RECORD);
}

/** Forget a vault that was begun and has come to nothing. @param {import("./storage.js").Storage} storage */
export function forgetNew(storage) {
  return storage.remove("vault", RECORD);
}

/**
 * The record of a vault that was opened by its name; with `renewed` it has other locks from its next version on.
 * @param {import("./storage.js").Storage} storage
 * @param {import("./account.js").Account} account
 * @param {Awaited<ReturnType<typeof import("./vault_open.js").openByName>>} opened
 * @param {{locks: Awaited<ReturnType<typeof makeLocks>>, auth: Uint8Array} | null} renewed
 */
export async function keepOpened(storage, account, { name, key, enclave, version, content }, renewed) {
  const seen = await storage.get("vault", SEEN);
  const known = seen?.name === name ? Math.max(seen.version, version) : version;
  const kept = {
    name, body: await bodyKey(key), enclave, version: known, saved: enclave.signature, isDirty: false, auth: "",
    recovery: "", savedAt: 0, isFresh: true,
  };
  if (renewed) {
    const { body, slots, params, keys } = renewed.locks;
    const { secret: _, ...rest } = content;
    const what = { name, version: known + 1, params, slots, body, content: { ...rest, keys } };
    Object.assign(kept, { body, isDirty: true, auth: b64encode(renewed.auth) });
    kept.enclave = await sealEnclave(account.user, what);
  }
  await storage.put("vault", kept, RECORD);
}
