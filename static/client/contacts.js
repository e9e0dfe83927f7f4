/**
 * Whom one calls what and whom one follows, kept in this browser; and notes about others, which are signed and stand in
 * their author's feed (protocol.md section 14, `identity.note`).
 *
 * Not here: what people call themselves (people.js), the posts of those whom one follows (a conversation like others).
 */

import { b64encode } from "../accord/encoding.js";
import { RemoteError } from "../accord/errors.js";
import { toSay } from "../words/tosay.js";
import { isKey } from "./directory.js";
import { ClientError } from "./errors.js";
import { readFact } from "./verify.js";

const MAX_CALLED_CHARS = 80;
const MAX_NOTE_CHARS = 2_000;
const MAX_NOTED_PAGES = 10;

/**
 * @typedef {{id: string, author: string, authorName: string, isMine: boolean, text: string, addresses: string[],
 *   lastUpdate: number}} Note
 */

/** Names, whom one follows, notes. */
export class Contacts {
  /** Something was changed here; for the vault. */
  onKept = (/** @type {{key: string, called: string, follows: boolean, at: number}} */ _record) => {};
  /** @type {Map<string, {key: string, called: string, follows: boolean, at?: number}>} */
  #records = new Map();
  #parts;

  /**
   * @param {{storage: import("./storage.js").Storage, rest: import("./rest.js").Rest, me: string,
   *   directory: import("./directory.js").Directory, clock: import("./clock.js").Clock,
   *   publish: (draft: import("./composer.js").Draft) => Promise<void>, nameOf: (key: string) => string,
   *   onChanged: (key: string) => void}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  async load() {
    for (const record of await this.#parts.storage.all("contacts")) {
      this.#records.set(record.key, record);
    }
  }

  /** The name that was given to somebody here; empty for none. @param {string} key */
  calledOf(key) {
    return this.#records.get(key)?.called ?? "";
  }

  /** @param {string} key */
  follows(key) {
    return this.#records.get(key)?.follows === true;
  }

  /** Whether somebody has a name here, or is followed. @param {string} key */
  has(key) {
    return this.calledOf(key) !== "" || this.follows(key);
  }

  /** Those whom one follows. @returns {string[]} */
  followed() {
    return [...this.#records.values()].filter((record) => record.follows).map((record) => record.key);
  }

  /** Call somebody by another name here; empty: as they call themselves. @param {string} key @param {string} called */
  async call(key, called) {
    const name = String(called ?? "").trim();
    if (Array.from(name).length > MAX_CALLED_CHARS) {
      throw new ClientError("too_big", toSay("A name has at most {most} characters; nothing was changed.", { most: MAX_CALLED_CHARS }));
    }
    await this.#change(key, { called: name });
  }

  /** @param {string} key @param {boolean} on */
  async follow(key, on) {
    await this.#change(key, { follows: on });
  }

  /**
   * Somebody has another key, which was looked at: their name here, and whether they are followed, go with them. Gives
   * whether they are.
   * @param {string} from
   * @param {string} to
   */
  async move(from, to) {
    const { called, follows } = this.#records.get(from) ?? { called: "", follows: false };
    if (called || follows) {
      await this.#change(to, { called: this.calledOf(to) || called, follows: this.follows(to) || follows });
      await this.#change(from, { called: "", follows: false });
    }
    return follows;
  }

  async #change(key, change) {
    if (!isKey(key)) {
      throw new ClientError("not_found");
    }
    const empty = { key, called: "", follows: false };
    const at = this.#parts.clock.now();
    const record = await this.#parts.storage.update("contacts", key, (kept) => ({ ...empty, ...kept, ...change, at }));
    this.#records.set(key, record);
    this.#parts.onChanged(key);
    this.onKept(record);
  }

  /** What was changed on other devices. @param {{key: string, called?: string, follows: boolean, at: number}[]} items */
  async take(items) {
    for (const { key, called = "", follows, at } of items.filter((item) => isKey(item.key))) {
      const isNewer = (kept) => !kept || (kept.at ?? 0) < at;
      const record = await this.#parts.storage.update("contacts", key, (kept) =>
        (isNewer(kept) ? { key, called: String(called), follows: follows === true, at } : undefined));
      this.#records.set(key, record);
      this.#parts.onChanged(key);
    }
  }

  // ------------------------------------------------------------------------------------------------------------ notes

  /** What is known of somebody beside the profile. @param {string} key */
  async card(key) {
    if (!isKey(key)) {
      throw new ClientError("not_found");
    }
    const keys = [key, ...this.#parts.directory.formerOf(key).map((former) => former.key)];
    const notes = (await Promise.all(keys.map((each) => this.#notesAbout(each)))).flat();
    const isHeld = this.#parts.directory.rows.has(`feed:${key}`);
    return { called: this.calledOf(key), follows: this.follows(key), canFollow: isHeld, notes };
  }

  async #notesAbout(key) {
    const { items } = await this.#parts.rest.ask("GET", `identities/${key}/notes`);
    return this.#read(items, key);
  }

  /** Those of whom others say something and who have no account here: key, name, notes. */
  async noted() {
    const found = [];
    let cursor = "";
    for (let page = 0; page < MAX_NOTED_PAGES; page += 1) {
      const answer = await this.#parts.rest.ask("GET", `identities/noted${cursor && `?cursor=${cursor}`}`);
      for (const row of answer.items) {
        if (isKey(row.key) && !row.is_member) {
          const notes = await this.#read(row.notes, row.key);
          const hub = typeof row.hub_name === "string" ? row.hub_name : "";
          found.push({ key: row.key, name: this.#parts.nameOf(row.key), hub, notes });
        }
      }
      if (!answer.next) {
        break;
      }
      cursor = encodeURIComponent(answer.next);
    }
    return found.filter((person) => person.notes.length > 0);
  }

  /** The notes that hold: signed by their author, about that key. @returns {Promise<Note[]>} */
  async #read(items, key) {
    const { me, nameOf } = this.#parts;
    const notes = [];
    for (const item of Array.isArray(items) ? items : []) {
      const fact = await checked(item?.message?.message);
      if (fact?.type === "identity.note" && fact.body && b64encode(fact.body.other_user) === key) {
        const { notes: text, addresses = [], last_update: lastUpdate } = fact.body;
        const { id, author } = fact;
        notes.push({ id, author, authorName: nameOf(author), isMine: author === me, text, addresses, lastUpdate });
      }
    }
    return notes;
  }

  /**
   * Say something about somebody, for all who read one's feed; an empty text takes back what was said.
   * @param {string} key
   * @param {string} text
   */
  async note(key, text) {
    const said = String(text ?? "").trim();
    if (!isKey(key) || key === this.#parts.me) {
      throw new ClientError("not_found");
    }
    if (Array.from(said).length > MAX_NOTE_CHARS) {
      throw new ClientError("too_big", toSay("A note has at most {most} characters; nothing was changed.", { most: MAX_NOTE_CHARS }));
    }
    const { notes } = await this.card(key);
    const mine = notes.filter((note) => note.isMine);
    if (said) {
      const lastUpdate = Math.max(this.#parts.clock.hubNow(), ...mine.map((note) => note.lastUpdate + 1));
      const body = { other_user: key, notes: said, last_update: lastUpdate };
      await this.#parts.publish({ type: "identity.note", topic: "feed", body });
    }
    for (const { id } of mine) {
      await this.#parts.publish({ type: "chat.delete", topic: "feed", body: {}, refs: [{ rel: "delete", id }] });
    }
  }
}

async function checked(envelope) {
  try {
    return await readFact(envelope);
  } catch (error) {
    if (error instanceof RemoteError) {
      return null;
    }
    throw error;
  }
}
