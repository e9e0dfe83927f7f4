/**
 * The vault of a logged-in browser (protocol.md section 9): what follows from device to device is put in and taken out,
 * sealed, kept here and sent to the hub.
 *
 * Kept are the enclave as it goes on the wire and a key that opens its body and cannot be taken out; the user key in it
 * stays sealed until the password is typed. What was put in is kept before it is sent. A version older than one that
 * was seen here is not taken: it is told (`status: "older"`), and the person decides. Not here: what the lists mean to
 * those who fill them, beginning and opening (vault_open.js), password and codes (vault_locks.js), what two devices' lists
 * become (vault_content.js).
 */

import { b64decode } from "../accord/encoding.js";
import { RemoteError } from "../accord/errors.js";
import { openBody, sealEnclave, verifyEnclave } from "../accord/vault.js";
import { toSay } from "../words/tosay.js";
import { ClientError } from "./errors.js";
import { fitted, isFull, isSame, LIST_NAMES, mergeContent, mergeList, withoutEmpty } from "./vault_content.js";
import { VaultLocks } from "./vault_locks.js";
import { RECORD, SEEN } from "./vault_records.js";

/** Keys are sent at once, what is seldom missed a little later and together. */
const SOON_MS = 500;
const LATER_MS = 10_000;
const LATER = new Set(["reads"]);
const LOOK_MS = 5 * 60 * 1000;
const MAX_TRIES = 5;

/**
 * @typedef {{name: string, body: CryptoKey, enclave: any, version: number, saved: string, isDirty: boolean,
 *   auth: string, recovery: string, savedAt: number, isFresh?: boolean, isUnset?: boolean, isCodeSaved?: boolean,
 *   isFull?: boolean}} Kept
 *   `enclave` is the newest, sent or not; `version` and `saved` (its signature) of what the hub has; `auth` and `recovery`
 *   are what it is still to be told; `isUnset`: there is no password yet; `isCodeSaved`: the person said so of its code
 */

/**
 * What the vault lets its locks do: private methods of Vault, under their names.
 * @typedef {Record<string, (...given: any[]) => any>} Desk
 */

/** The vault of one account, if it has one. */
export class Vault {
  /** @type {Kept | null} */
  #kept = null;
  #status = "saved";
  #found = 0;
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
    this.locks = new VaultLocks(parts.account.hubKey, this.#desk());
  }

  async load() {
    this.#kept = (await this.#parts.storage.get("vault", RECORD)) ?? null;
    this.#tell();
  }

  /** Whether a password opens it. */
  get hasPassword() {
    return this.#kept !== null && !this.#kept.isUnset;
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

  #desk() {
    return {
      inTurn: (work) => this.#inTurn(work),
      mine: () => this.#mine(),
      open: (kept) => this.#open(kept),
      exchange: () => this.#exchange(),
      fetch: () => this.#fetch(),
      isMine: (enclave) => this.#isMine(enclave),
      sealed: (kept, content, locks) => this.#sealed(kept, content, locks),
      send: (kept) => this.#send(kept),
      keep: (kept) => this.#keep(kept),
      tell: () => this.#tell(),
      become: (next, content, mine) => this.#become(next, content, mine),
      sendSoon: () => this.#sendIn(SOON_MS),
      standing: () => ({ status: this.#status, found: this.#found }),
    };
  }

  #mine() {
    if (!this.#kept) {
      throw new ClientError("not_found", toSay("This account has no password."));
    }
    return this.#kept;
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
      const fit = fitted(after);
      await this.#keep({
        ...kept, ...(await this.#sealed(kept, withoutEmpty(fit))), isDirty: true, isFull: fit !== after || isFull(fit),
      });
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
        await this.#passOver();
      }
    }
  }

  /** The account had a vault under another key: the first version of this one comes after it. */
  async #passOver() {
    const kept = /** @type {Kept} */ (this.#kept);
    const theirs = kept.version === 0 ? await this.#fetch() : null;
    if (theirs && Number.isSafeInteger(theirs.version)) {
      const from = { ...kept, version: theirs.version };
      await this.#keep({ ...kept, ...(await this.#sealed(from, await this.#open(kept))) });
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
    const both = mergeContent(content, mine);
    const merged = fitted(both);
    const isMore = !isSame(merged, content);
    await this.#keep({
      ...next, ...(isMore ? await this.#sealed(next, withoutEmpty(merged)) : {}), isDirty: isMore,
      isFull: merged !== both || isFull(merged), savedAt: this.#parts.clock.local(),
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
      isUnset: kept.isUnset === true,
      isFull: kept.isFull === true,
      code: codeState(kept, this.locks.isCodeHere),
    });
  }
}

/** The recovery code of the beginning: "here" until it was shown and saved, "saved", else "unknown". */
function codeState({ isCodeSaved }, isHere) {
  return isHere ? "here" : isCodeSaved ? "saved" : "unknown";
}

/** How the password of an enclave is stretched. */
function readKdf({ kdf }) {
  return { salt: b64decode(kdf.salt), iterations: kdf.iterations };
}
