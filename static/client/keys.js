/**
 * Keys and whose they are (protocol.md section 8): the recovery code, replacements that one may stop or vouch for, and
 * which keys of others have been looked at or compared.
 *
 * What was compared is kept in this browser, and in the vault where there is one. Not here: coming back without keys (recover.js).
 */

import { plainLetters } from "../accord/codes.js";
import { b64decode, b64encode } from "../accord/encoding.js";
import { RemoteError } from "../accord/errors.js";
import {
  makeRecoveryProof, parseVouchLink, RECOVERY_CODE, recoveryKey, verifyReplacementProof,
} from "../accord/replacing.js";
import { keyWords } from "../accord/words.js";
import { toSay } from "../words/tosay.js";
import { ClientError } from "./errors.js";
import { ORIGIN } from "./hub.js";

const RECORD = "known-keys";
const ASKED_GROUPS = 2;

/** @typedef {{seenAt: number, isVerified: boolean}} Known */

/** What the page's dialogs of keys need. */
export class Keys {
  /** A key was looked at or compared here; for the vault. */
  onKept = (/** @type {string} */ _key, /** @type {Known} */ _known) => {};
  /** @type {Record<string, Known>} */
  #known = {};
  #hasRecord = false;
  /** @type {{code: Uint8Array, groups: string[], asked: number[]} | null} shown, not yet saved; never stored */
  #shown = null;
  #parts;

  /**
   * @param {{storage: import("./storage.js").Storage, rest: import("./rest.js").Rest,
   *   account: import("./account.js").Account, clock: import("./clock.js").Clock,
   *   directory: import("./directory.js").Directory, onKnown: (key: string) => void,
   *   isContact: (key: string) => boolean,
   *   known: Promise<void>,
   *   publish: (draft: import("./composer.js").Draft) => Promise<void>}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  async load() {
    const kept = await this.#parts.storage.get("facts", RECORD);
    this.#hasRecord = kept !== undefined;
    this.#known = kept ?? {};
  }

  /** In a browser that has kept no record yet: with whom one has talked. @param {string[]} keys */
  async begin(keys) {
    if (!this.#hasRecord) {
      for (const key of keys) {
        await this.#put(key, { seenAt: this.#parts.clock.hubNow(), isVerified: false });
      }
    }
  }

  // ------------------------------------------------------------------------------------------------- keys of others

  /** Whether the key was compared with the person. @param {string} key */
  isVerified(key) {
    return this.#known[key]?.isVerified === true;
  }

  /** Whether the key was looked at here, or talked to. @param {string} key */
  isKnown(key) {
    return this.#known[key] !== undefined;
  }

  /**
   * The former key that was known here or is a contact's, where the change has not been looked at; "" for none.
   * @param {string} key
   */
  changedFrom(key) {
    const isMet = (each) => this.isKnown(each.key) || this.#parts.isContact(each.key);
    return this.isKnown(key) ? "" : this.#parts.directory.formerOf(key).find(isMet)?.key ?? "";
  }

  /**
   * The changes that have led from the key that was known here to this one, the newest first: what is proved of each, and
   * by whom (keys).
   * @param {string} key
   * @returns {import("../accord/former.js").FormerKey[]}
   */
  changes(key) {
    const [former, from] = [this.#parts.directory.formerOf(key), this.changedFrom(key)];
    return former.slice(0, former.findIndex((each) => each.key === from) + 1);
  }

  /** Somebody is talked to under this key. @param {string} key */
  async meet(key) {
    const isNew = this.#known[key] === undefined && this.changedFrom(key) === "";
    if (isNew && key !== this.#parts.account.key) {
      await this.#put(key, { seenAt: this.#parts.clock.hubNow(), isVerified: false });
    }
  }

  /** The key was looked at, or compared. @param {{key: string, isVerified: boolean}} params */
  async mark({ key, isVerified }) {
    await this.#put(String(key), { seenAt: this.#parts.clock.hubNow(), isVerified: isVerified === true });
    this.#parts.onKnown(key);
  }

  async #put(key, known) {
    this.#known = await this.#parts.storage.update("facts", RECORD, (kept) => ({ ...kept, [key]: known }));
    this.onKept(key, known);
  }

  /** What was looked at on other devices. @param {{key: string, verified: boolean, at: number}[]} items */
  async take(items) {
    for (const { key, verified, at } of items) {
      const isNewer = (kept) => !kept?.[key] || kept[key].seenAt < at;
      this.#known = await this.#parts.storage.update("facts", RECORD, (kept) =>
        (isNewer(kept) ? { ...kept, [key]: { seenAt: at, isVerified: verified === true } } : undefined)) ?? {};
      this.#hasRecord = true;
      this.#parts.onKnown(key);
    }
  }

  /** What two people read to each other: the words of both keys. @param {{key: string}} params */
  async words({ key }) {
    const { account } = this.#parts;
    return { words: await keyWords(account.user.publicKey, b64decode(key, 32)), mine: account.key };
  }

  // ------------------------------------------------------------------------------------------------ my recovery code

  async state() {
    const found = await this.#parts.rest.ask("GET", "users/me/replacement");
    return { recovery: found.recovery, coming: found.coming, replacement: await this.#pending(found.replacement) };
  }

  /** A fresh code; it counts for nothing until part of it is typed back. */
  async makeCode() {
    const code = RECOVERY_CODE.make();
    const groups = await RECOVERY_CODE.groups(code);
    const places = groups.map((_, i) => i);
    const asked = [];
    while (asked.length < ASKED_GROUPS) {
      const [random] = crypto.getRandomValues(new Uint32Array(1));
      asked.push(places.splice(random % places.length, 1)[0]);
    }
    asked.sort((a, b) => a - b);
    this.#shown = { code, groups, asked };
    return { groups, asked };
  }

  /** @param {{typed: string[]}} params the groups that were asked for */
  async useCode({ typed }) {
    const shown = this.#shown;
    if (!shown) {
      throw new ClientError("gone", toSay("That code is no longer here; make another one."));
    }
    const isRight = shown.asked.every((place, i) => plainLetters(String(typed?.[i] ?? "")) === shown.groups[place]);
    if (!isRight) {
      throw new ClientError("bad_request", toSay("That is not what the code says: compare it with what you saved."));
    }
    const { account, publish } = this.#parts;
    const key = await recoveryKey(shown.code, account.hubKey);
    const proof = await makeRecoveryProof(key, { hub: account.hubKey, user: account.user.publicKey });
    const body = { recovery: key.publicText, proof: b64encode(proof) };
    await publish({ type: "set_recovery", topic: this.#hubTopic(), body, isControl: true });
    this.#shown = null;
    return this.state();
  }

  /** The dialog was closed. */
  forgetCode() {
    this.#shown = null;
  }

  // --------------------------------------------------------------------------------------------------- replacements

  #hubTopic() {
    return `hub:${this.#parts.account.hubText}`;
  }

  async #pending(item) {
    if (!item) {
      return null;
    }
    const words = await keyWords(b64decode(item.key, 32), b64decode(item.new_key, 32));
    return { ...item, isMine: item.key === this.#parts.account.key, words };
  }

  async list() {
    const { items } = await this.#parts.rest.ask("GET", "replacements");
    return { items: await Promise.all(items.map((item) => this.#pending(item))) };
  }

  /** What a link asks for; bad_link. @param {{link: string}} params */
  async readLink({ link }) {
    const { old, newKey } = await this.#read(link);
    await this.#parts.known;
    const key = b64encode(old);
    const { directory } = this.#parts;
    const isMine = key === this.#parts.account.key;
    return { key, isMine, isKnown: directory.knows(key), newKey: b64encode(newKey), words: await keyWords(old, newKey) };
  }

  async #read(link) {
    try {
      const parts = parseVouchLink(String(link));
      if (parts.origin !== ORIGIN) {
        throw new ClientError("bad_link", toSay("That link is for another hub; open it there."));
      }
      await verifyReplacementProof(parts.proof, {
        hub: this.#parts.account.hubKey, old: parts.old, newKey: parts.newKey,
      });
      return parts;
    } catch (error) {
      throw error instanceof RemoteError
        ? new ClientError("bad_link", toSay("That link is not whole, or not genuine; ask for it again.")) : error;
    }
  }

  /** @param {{link: string}} params */
  async vouch({ link }) {
    const { old, newKey, proof } = await this.#read(link);
    const agreed = { new_pubkey: b64encode(newKey), proof: b64encode(proof) };
    const isMine = b64encode(old) === this.#parts.account.key; // then it is the old key itself that signs
    const type = isMine ? "replace_account" : "vouch_replace";
    const body = isMine ? agreed : { pubkey: b64encode(old), ...agreed };
    await this.#parts.publish({ type, topic: this.#hubTopic(), body, isControl: true });
    return this.list();
  }

  /** @param {{key: string}} params */
  async cancel({ key }) {
    const body = { pubkey: String(key) };
    await this.#parts.publish({ type: "cancel_replace", topic: this.#hubTopic(), body, isControl: true });
    return this.list();
  }
}
