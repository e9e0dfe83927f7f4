/**
 * What follows its person from device to device (protocol.md section 9, "Content"): ties the parts of an account to the
 * lists of the vault. Without a vault everything stays in this browser.
 *
 * Not here: the vault itself (vault.js), which of two records counts (vault_content.js).
 */

import { b64decode, b64encode } from "../accord/encoding.js";
import { RemoteError } from "../accord/errors.js";
import { ClientError } from "./errors.js";

const RECORD = "settings";
/** Settings that are the person's, not the browser's, and the values that they may have. */
const SETTINGS = { theme: /^(system|light|dark)$/u, language: /^(system|[a-z]{2})$/u };

function isSetting(/** @type {{name: string, value: string}} */ { name, value }) {
  return Object.hasOwn(SETTINGS, name) && typeof value === "string" && SETTINGS[name].test(value);
}

/** Choices of a person, for all their devices. */
export class Settings {
  /** A choice was made here; for the vault. */
  onKept = (/** @type {{name: string, value: string, at: number}} */ _item) => {};
  /** @type {Record<string, {value: string, at: number}>} */
  #held = {};
  #parts;

  /**
   * @param {{storage: import("./storage.js").Storage, clock: import("./clock.js").Clock,
   *   state: import("./state.js").PublishedState}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  async load() {
    this.#held = (await this.#parts.storage.get("facts", RECORD)) ?? {};
    this.#tell();
  }

  /** @param {{name: string, value: string}} params */
  async set({ name, value }) {
    if (!isSetting({ name, value })) {
      throw new ClientError("bad_request");
    }
    const item = { name, value, at: this.#parts.clock.now() };
    await this.take([item]);
    this.onKept(item);
  }

  /** Choices that were made, here or elsewhere. @param {{name: string, value: string, at: number}[]} items */
  async take(items) {
    for (const { name, value, at } of items.filter(isSetting)) {
      this.#held = await this.#parts.storage.update("facts", RECORD, (kept = {}) =>
        ((kept[name]?.at ?? -1) < at ? { ...kept, [name]: { value, at } } : kept));
    }
    this.#tell();
  }

  #tell() {
    const entries = Object.entries(this.#held).map(([name, { value }]) => [name, value]);
    this.#parts.state.set("settings", Object.fromEntries(entries));
  }
}

function kept(done) {
  done.catch((error) => console.warn("the vault was not kept:", error.code ?? error));
}

/**
 * Lead what changes here into the vault, and what other devices have put in to the parts.
 * @param {import("./vault.js").Vault} vault
 * @param {{contacts: import("./contacts.js").Contacts, keys: import("./keys.js").Keys, settings: Settings,
 *   conversations: import("./conversations.js").Conversations}} parts
 */
export function followThrough(vault, { contacts, keys, conversations, settings }) {
  vault.follow("contacts", (items) => contacts.take(items));
  vault.follow("known", (items) => keys.take(items));
  vault.follow("reads", (items) => conversations.takeReads(items));
  vault.follow("settings", (items) => settings.take(items));
  contacts.onKept = ({ key, called, follows, at }) => kept(vault.put("contacts", [{ key, called, follows, at }]));
  keys.onKept = (key, { seenAt, isVerified }) =>
    kept(vault.put("known", [{ key, verified: isVerified, at: seenAt }]));
  conversations.onRead = (id, { at, id: message }) =>
    kept(vault.put("reads", [{ conversation: id, at, message }]));
  settings.onKept = (item) => kept(vault.put("settings", [item]));
}

/** More of those for whom an epoch was sealed are not kept: the chain of the space tells who they are. */
const MAX_USERS = 2;

/** @param {import("./keystore.js").EpochFacts & {key: Uint8Array}} record */
function windowItem({ topic, epoch, id, prev, author, createdAt, windowMs, win, users, burnMs, count, key }) {
  return {
    topic, epoch, id, author, created_at: createdAt, window_ms: windowMs, win, count, key: b64encode(key),
    ...(prev ? { prev } : {}),
    ...(burnMs === null ? {} : { burn_ms: burnMs }),
    ...(users.length > 0 && users.length <= MAX_USERS ? { users } : {}),
  };
}

function windowRecord(item) {
  const { topic, epoch, id, prev = "", author = "", created_at: createdAt, window_ms: windowMs, win } = item;
  const { users = [], burn_ms: burnMs = null, count = 0 } = item;
  return { topic, epoch, id, prev, author, createdAt, windowMs, win, users, burnMs, count, key: b64decode(item.key, 32) };
}

async function restoreKeys(seals, items) {
  for (const item of items) {
    try {
      await seals.restoreKey(windowRecord(item));
    } catch (error) {
      if (!(error instanceof RemoteError)) {
        throw error; // else: a damaged one, which another program may have put in
      }
    }
  }
}

/**
 * The same for keys of what is encrypted, and for connections. Keys of windows that burn leave the vault too: the later
 * key takes their place.
 * @param {import("./vault.js").Vault} vault
 * @param {import("./seals.js").Seals} seals
 */
export function followKeys(vault, seals) {
  const { keystore, connections } = seals;
  vault.follow("windows", (items) => restoreKeys(seals, items));
  vault.follow("connections", async (items) => {
    for (const { id: topic, key, at, accept: id } of items.filter((item) => item.accept)) {
      await connections.restore(key, { topic, at, id });
    }
  });
  keystore.onNewKey = (record) => kept(vault.put("windows", [windowItem(record)]));
  keystore.onDropped = ({ id }) => kept(keystore.exported().then((records) =>
    vault.put("windows", records.filter((record) => record.id === id).map(windowItem))));
  seals.onLinks = () => kept(vault.put("connections", connections.links().map(({ key, topic, at, id }) =>
    ({ id: topic, key, at, accept: id }))));
}
