/**
 * What follows its person from device to device (protocol.md section 9, "Content"): ties the parts of an account to the
 * lists of the vault. Without a vault everything stays in this browser.
 *
 * Not here: the vault itself (vault.js), which of two records counts (vault_content.js).
 */

import { ClientError } from "./errors.js";

const RECORD = "settings";
/** Settings that are the person's, not the browser's, and the values that they may have. */
const SETTINGS = { theme: ["system", "light", "dark"] };

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
    if (!SETTINGS[name]?.includes(value)) {
      throw new ClientError("bad_request");
    }
    const item = { name, value, at: this.#parts.clock.now() };
    await this.take([item]);
    this.onKept(item);
  }

  /** Choices that were made, here or elsewhere. @param {{name: string, value: string, at: number}[]} items */
  async take(items) {
    for (const { name, value, at } of items.filter((item) => SETTINGS[item.name]?.includes(item.value))) {
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
