/**
 * The account in this browser: the user's key, this device's key, the hub's pinned key, the certificate (protocol.md
 * sections 2 and 8).
 *
 * Private keys are made here, cannot be taken out, and live in IndexedDB as keys. Not here: joining (join.js).
 */

import { makeCertificate, verifyCertificate } from "../accord/certs.js";
import { b64decode, b64encode } from "../accord/encoding.js";
import { RemoteError } from "../accord/errors.js";
import {
  fingerprint, generateSigningKey, generateSigningSeed, signingKeyFromSeed, signingKeyFromStored,
} from "../accord/keys.js";

const LIFE_MS = 7 * 24 * 3600 * 1000;
const RECORD = "me";

function storedKey(key) {
  return { publicKey: key.publicKey, key: key.key };
}

/** Keys and standing. `isJoined` is false from the making of the keys until the hub has answered the claim. */
export class Account {
  #storage;
  #record;

  /** @param {import("./storage.js").Storage} storage @param {any} record */
  constructor(storage, record) {
    this.#storage = storage;
    this.#record = record;
    this.user = signingKeyFromStored(record.user);
    this.device = signingKeyFromStored(record.device);
    this.key = this.user.publicText;
    this.hubKey = b64decode(record.hub, 32);
    this.hubText = record.hub;
    this.hubFingerprint = fingerprint(this.hubKey);
  }

  /** @param {import("./storage.js").Storage} storage @returns {Promise<Account | null>} */
  static async load(storage) {
    const record = await storage.get("account", RECORD);
    return record ? new Account(storage, record) : null;
  }

  /**
   * New keys for the hub behind an invite, in place of an unfinished account.
   * @param {import("./storage.js").Storage} storage
   * @param {{hub: Uint8Array, temporary: string, name: string}} claim
   * @param {(seed: Uint8Array) => Promise<void>} [keepSeed] is given the user key's private bytes, the only time that
   *   anything is; nothing is stored where it fails
   * @returns {Promise<Account>}
   */
  static async make(storage, { hub, temporary, name }, keepSeed) {
    const device = await generateSigningKey();
    const seed = keepSeed ? generateSigningSeed() : null;
    const user = seed ? await signingKeyFromSeed(seed) : await generateSigningKey();
    if (seed && keepSeed) {
      await keepSeed(seed);
      seed.fill(0);
    }
    const record = {
      user: storedKey(user),
      device: storedKey(device),
      hub: b64encode(hub),
      name,
      temporary,
      joinedAt: 0,
      certificate: null,
    };
    await storage.put("account", record, RECORD);
    return new Account(storage, record);
  }

  /**
   * An account that comes out of its vault, joined.
   * @param {import("./storage.js").Storage} storage
   * @param {{hub: Uint8Array, name: string, seed: Uint8Array, joinedAt: number, inviter: string,
   *   device: {publicKey: Uint8Array, key: CryptoKey} | null}} what `device`: the key that this browser had before
   * @returns {Promise<Account>}
   */
  static async restore(storage, { hub, name, seed, joinedAt, inviter, device }) {
    const user = await signingKeyFromSeed(seed);
    const record = {
      user: storedKey(user),
      device: device ?? storedKey(await generateSigningKey()),
      hub: b64encode(hub),
      name,
      temporary: "",
      joinedAt,
      inviter,
      certificate: null,
    };
    await storage.put("account", record, RECORD);
    return new Account(storage, record);
  }

  /** The device's key as it is kept, for when the rest of the account is forgotten. */
  get storedDevice() {
    return storedKey(this.device);
  }

  get name() {
    return this.#record.name;
  }

  /** Who invited this person, a user key; "" where it is not known. */
  get inviter() {
    return this.#record.inviter ?? "";
  }

  /** Channels that the inviter chose: topics. */
  get led() {
    return this.#record.led ?? [];
  }

  /** Whether it is still to be led there. */
  get isLed() {
    return this.#record.isLed === true;
  }

  /** The temporary key of the invite that this account comes from. */
  get temporary() {
    return this.#record.temporary;
  }

  /** The key of the account for which others are to vouch; "" or nothing for most. */
  get asked() {
    return this.#record.asked ?? "";
  }

  get isJoined() {
    return this.#record.joinedAt > 0;
  }

  /** When it joined, by the hub's clock: what was said before counts as read. */
  get joinedAt() {
    return this.#record.joinedAt;
  }

  get fingerprint() {
    return fingerprint(this.user.publicKey);
  }

  /** Change the record, here and in storage. @param {object} fields */
  async change(fields) {
    const change = (before) => ({ ...(before ?? this.#record), ...fields });
    this.#record = await this.#storage.update("account", RECORD, change);
  }

  /** When the certificate in use ends; 0 without one. */
  get expires() {
    return this.#record.certificate?.expiration ?? 0;
  }

  /** Whether less than half of the certificate's life is left. @param {number} now the hub's time */
  isHalfOver(now) {
    const certificate = this.#record.certificate;
    return !certificate || now > (certificate.issued_at + certificate.expiration) / 2;
  }

  /**
   * A certificate that is good for another half of its life, made anew if need be.
   * @param {number} now the hub's time
   * @param {{renew?: boolean}} [options]
   * @returns {Promise<object>}
   */
  async certificate(now, { renew = false } = {}) {
    if (renew || this.isHalfOver(now) || !(await this.#isGood(now))) {
      const certificate = await this.#sign(now);
      this.#record = { ...this.#record, certificate }; // also where there is no room to keep it
      await this.change({ certificate }).catch((error) => console.warn("a certificate was not kept:", error.code));
    }
    return this.#record.certificate;
  }

  async #isGood(now) {
    try {
      const checked = await verifyCertificate(this.#record.certificate, now, this.hubKey);
      return checked.issuedAt <= now && b64encode(checked.client) === this.device.publicText;
    } catch (error) {
      if (error instanceof RemoteError) {
        return false;
      }
      throw error;
    }
  }

  #sign(now) {
    return makeCertificate(this.user, {
      clientKey: this.device.publicKey,
      servers: [this.hubKey],
      issuedAt: now,
      expiration: now + LIFE_MS,
      scope: ["login"],
    });
  }
}
