/**
 * What takes the password of a logged-in browser's vault: changing it, the recovery code, a secret key beside it, a vault
 * that the hub has lost or shown as it was before (protocol.md section 9).
 *
 * Each reads the hub's version first and is done when the hub has the new one. Not here: the vault itself (vault.js).
 */

import { b64encode } from "../accord/encoding.js";
import { bodyKey, makeSlot, sealKeys, VAULT_CODE } from "../accord/vault.js";
import { toSay } from "../words/tosay.js";
import { ClientError } from "./errors.js";
import { checkNewPassword, makeLocks, openWith, passwordWay, readCode, recoveryWay } from "./vault_open.js";

const NOT_YOURS = toSay("That is not your password, so nothing was changed.");
const NOT_THE_CODE = toSay("That is not the code of your vault, so nothing was changed.");

/** The locks of one vault. */
export class VaultLocks {
  /** The recovery code of the beginning, until the person has saved it; never stored. @type {Uint8Array | null} */
  #code = null;
  /** A secret key that was shown and is not in use yet; never stored. */
  #secret = null;
  #desk;
  #hubKey;

  /**
   * @param {Uint8Array} hubKey
   * @param {import("./vault.js").Desk} desk what the vault lets its locks do
   */
  constructor(hubKey, desk) {
    this.#hubKey = hubKey;
    this.#desk = desk;
  }

  /** Keep the code of a vault that has just begun, as long as this worker runs. @param {Uint8Array} code */
  hold(code) {
    this.#code = code;
    this.#desk.tell();
  }

  /** Whether the code of the beginning can still be shown. */
  get isCodeHere() {
    return this.#code !== null;
  }

  /** The recovery code that was made at the beginning; null once it was saved, or the browser closed. */
  async code() {
    return { groups: this.#code && (await VAULT_CODE.groups(this.#code)) };
  }

  /** The person has saved it: it is forgotten here. */
  codeSaved() {
    return this.#desk.inTurn(async () => {
      this.#code = null;
      await this.#desk.keep({ ...this.#desk.mine(), isCodeSaved: true });
      return {};
    });
  }

  /** A fresh secret key, to be written down before it is used. */
  async makeSecret() {
    this.#secret = VAULT_CODE.make();
    return { groups: await VAULT_CODE.groups(this.#secret) };
  }

  /** Whether the secret key stands beside the password. */
  async details() {
    const content = await this.#desk.open(this.#desk.mine());
    return { isSecret: content.secret === true };
  }

  /** Everything in the kept vault, by the password as typed, or by the recovery code. ClientError("denied"). */
  async #unlock({ password = "", secret = "", code = "" }, enclave) {
    const { name } = this.#desk.mine();
    if (code) {
      return this.#unlockByCode(await readCode(code), enclave);
    }
    const secretKey = secret ? await readCode(secret) : null;
    const way = await passwordWay({ hub: this.#hubKey, name, password, secretKey });
    try {
      return { way, ...(await openWith(enclave, { name, kind: "password", wrap: way.wrap })) };
    } catch (error) {
      throw error.code === "bad_sig" ? new ClientError("denied", NOT_YOURS) : error;
    }
  }

  async #unlockByCode(code, enclave) {
    const { name } = this.#desk.mine();
    const way = await recoveryWay(code);
    try {
      return { way, ...(await openWith(enclave, { name, kind: "recovery", wrap: way.wrap })) };
    } catch (error) {
      throw error.code === "bad_sig" ? new ClientError("denied", NOT_THE_CODE) : error;
    }
  }

  /**
   * The way of a password, if it is the right one. ClientError("denied").
   * @param {{password: string, secret?: string}} typed
   */
  async prove(typed) {
    const { name, enclave } = this.#desk.mine();
    const { way } = await this.#unlock(typed, enclave);
    return { name, way };
  }

  /**
   * Another password; with `useSecret` the secret key that was made last stands beside it from now on.
   * @param {{current: string, secret?: string, password: string, useSecret?: boolean}} params
   */
  changePassword({ current, secret, password, useSecret = false }) {
    return this.#desk.inTurn(async () => {
      await this.#ready();
      const kept = this.#desk.mine();
      checkNewPassword(password, kept.name);
      if (useSecret && !this.#secret) {
        throw new ClientError("gone", toSay("That secret key is no longer here; make another one."));
      }
      await this.#relock(await this.#unlock({ password: current, secret }, kept.enclave), password, useSecret);
      this.#secret = null;
      return {};
    });
  }

  /**
   * The first password of a vault that has none, by its recovery code; without one, by that of the beginning, while it
   * is here.
   * @param {{password: string, code?: string}} params
   */
  setPassword({ password, code = "" }) {
    return this.#desk.inTurn(async () => {
      await this.#ready();
      const kept = this.#desk.mine();
      checkNewPassword(password, kept.name);
      const bytes = this.#code ?? (await readCode(code));
      await this.#relock(await this.#unlockByCode(bytes, kept.enclave), password, false);
      return {};
    });
  }

  /** Seal it all under another password, and tell the hub. */
  async #relock({ seed, recovery, content }, password, useSecret) {
    const kept = this.#desk.mine();
    const secretKey = useSecret ? this.#secret : null;
    const way = await passwordWay({ hub: this.#hubKey, name: kept.name, password, secretKey });
    const locks = await makeLocks({ name: kept.name, seed, way, recovery });
    const { secret: _, unset: __, ...rest } = content;
    const next = { ...kept, body: locks.body, auth: b64encode(way.auth), isUnset: false };
    const changed = { ...rest, keys: locks.keys, ...(useSecret ? { secret: true } : {}) };
    await this.#desk.send({ ...next, ...(await this.#desk.sealed(next, changed, locks)) });
  }

  /** Another recovery code, shown by the answer and stored nowhere. @param {{password: string, secret?: string}} params */
  makeCode({ password, secret }) {
    return this.#desk.inTurn(async () => {
      await this.#ready();
      const kept = this.#desk.mine();
      const { key, seed, content } = await this.#unlock({ password, secret }, kept.enclave);
      const code = VAULT_CODE.make();
      const { auth, wrap } = await recoveryWay(code);
      const slots = [kept.enclave.slots[0], await makeSlot("recovery", { name: kept.name, wrap, key })];
      const keys = await sealKeys(key, { name: kept.name, seed, recovery: wrap });
      const next = { ...kept, recovery: b64encode(auth), isCodeSaved: true };
      this.#code = null; // it ends with this
      await this.#desk.send({ ...next, ...(await this.#desk.sealed(kept, { ...content, keys }, { slots })) });
      return { groups: await VAULT_CODE.groups(code) };
    });
  }

  /** The hub's version first: what is changed then is changed in the newest. */
  async #ready() {
    this.#desk.mine();
    await this.#desk.exchange();
    if (this.#desk.standing().status !== "saved") {
      throw new ClientError("conflict", toSay("First decide about the vault that the hub has shown; nothing was changed."));
    }
  }

  /**
   * The password was changed on another device: go on with the new one.
   * @param {{password: string, secret?: string}} params
   */
  unlock({ password, secret }) {
    return this.#desk.inTurn(async () => {
      const kept = this.#desk.mine();
      const theirs = await this.#desk.fetch();
      if (theirs === null || !(await this.#desk.isMine(theirs)) || theirs.version < kept.version) {
        throw new ClientError("not_found");
      }
      const { key, content } = await this.#unlock({ password, secret }, theirs);
      const mine = await this.#desk.open(kept);
      const next = { ...kept, body: await bodyKey(key), enclave: theirs, version: theirs.version, isUnset: false };
      await this.#desk.become({ ...next, saved: theirs.signature, auth: "", recovery: "" }, content, mine);
      this.#desk.sendSoon();
      return {};
    });
  }

  /**
   * The hub showed an older vault, or none: put this browser's in its place.
   * @param {{password?: string, secret?: string, code?: string}} params `code` where there is no password
   */
  putBack({ password, secret, code }) {
    return this.#desk.inTurn(async () => {
      const kept = this.#desk.mine();
      const { way, key, seed, content } = await this.#unlock({ password, secret, code }, kept.enclave);
      const next = { ...kept, version: Math.max(kept.version, this.#desk.standing().found), ...proofs(way, code) };
      const locks = { slots: kept.enclave.slots };
      if (this.#desk.standing().status === "gone" && !code) { // what proves the recovery code to the hub is known to nobody but its owner
        locks.slots = [kept.enclave.slots[0]];
        content.keys = await sealKeys(key, { name: kept.name, seed });
      }
      await this.#desk.send({ ...next, ...(await this.#desk.sealed(next, content, locks)) });
      return {};
    });
  }
}

/** What proves a way in to the hub that has lost it; where there is no password, bytes that nobody keeps take its place. */
function proofs({ auth }, code) {
  return code
    ? { auth: b64encode(crypto.getRandomValues(new Uint8Array(32))), recovery: b64encode(auth) }
    : { auth: b64encode(auth) };
}
