/**
 * People as pages see them: account name, what they call themselves, whether they are there (protocol.md section 14,
 * `profile`).
 *
 * Somebody without an account here has a profile only, and the hub that serves them. Profiles are read when somebody is shown, a few at a time, and kept; later ones come by subscription.
 */

import { cleanName } from "./imitation.js";
import { readFacts } from "./verify.js";
import { comparePlaces } from "./order.js";

const MAX_AT_ONCE = 4;
const MAX_SHOWN_AT_FIRST = 200;
const PAGE_MESSAGES = 50;
const MAX_PAGES = 4;

/** Profiles, by key. */
export class People {
  /** @type {Map<string, {key: string, at: number, id: string, cursor: number, displayName: string, about: string,
   *   status: string}>} */
  #profiles = new Map();
  #wanted = new Set();
  #asked = new Set();
  #running = 0;
  #parts;

  /**
   * @param {{storage: import("./storage.js").Storage, directory: import("./directory.js").Directory,
   *   link: import("./link.js").Link, state: import("./state.js").PublishedState, me: string,
   *   admin: () => string | null, bot: () => string | null,
   *   presenceOf: (key: string) => string, calledOf: (key: string) => string,
   *   isVerified: (key: string) => boolean, onRenamed: (key: string) => void,
   *   publish: (draft: import("./composer.js").Draft) => Promise<void>, isRenaming: () => boolean}} parts
   *   `isRenaming`: whether a profile of one's own is about to be sent
   */
  constructor(parts) {
    this.#parts = parts;
  }

  async load() {
    for (const profile of await this.#parts.storage.all("profiles")) {
      this.#profiles.set(profile.key, profile);
    }
  }

  /** What a person is called. @param {string} key */
  nameOf(key) {
    return this.#shownName(this.#parts.directory.currentOf(key));
  }

  /** What I call them, else what they call themselves; with the account name where that could be somebody else. */
  #shownName(key) {
    const { directory, calledOf } = this.#parts;
    const name = directory.nameOf(key);
    const own = cleanName(this.#profileOf(key)?.displayName ?? "");
    if (calledOf(key) || !own || own === name) {
      return calledOf(key) || name;
    }
    const isAlike = key !== this.#parts.me && directory.looks.isTaken(key, own);
    return isAlike ? `${own} (${directory.hubOf(key)?.name ?? `@${name}`})` : own;
  }

  /** What somebody last said under this key, else under one that they had before. */
  #profileOf(key) {
    const former = this.#parts.directory.formerOf(key).map((each) => each.key);
    return [key, ...former].map((each) => this.#profiles.get(each)).find((profile) => profile?.displayName);
  }

  /** By what name somebody is known now, whichever of their keys gave it; gives the others who look alike. */
  #learnLooks(key) {
    const current = this.#parts.directory.currentOf(key);
    return this.#parts.directory.looks.set("own", current, this.#profileOf(current)?.displayName ?? "");
  }

  /** The profile of a key, empty without one. @param {string} key */
  profileOf(key) {
    const { about = "", status = "" } = this.#profileOf(key) ?? {};
    return { displayName: this.#shownName(key), about, status };
  }

  /** A new session: everybody is told anew, and the first of them are looked up. */
  refreshAll() {
    this.#asked.clear();
    const feeds = this.#parts.directory.feeds();
    feeds.forEach((row) => this.#learnLooks(row.key));
    feeds.forEach((row) => this.publish(row.key));
    this.want(feeds.slice(0, MAX_SHOWN_AT_FIRST).map((row) => row.key));
  }

  /** Tell pages about a person. @param {string} key */
  publish(key) {
    const { directory, state, me, admin, bot, presenceOf } = this.#parts;
    if (!directory.reaches(key)) {
      return;
    }
    state.put("people", key, {
      key,
      name: directory.nameOf(key),
      ...this.profileOf(key),
      isMe: key === me,
      isAdmin: key === admin(),
      isBot: key === bot(),
      presence: presenceOf(key),
      hub: directory.hubOf(key),
      isVerified: this.#parts.isVerified(key),
    });
    for (const { key: former } of directory.formerOf(key)) {
      state.drop("people", former);
    }
  }

  /** Somebody is shown: have the profile looked up. @param {Iterable<string>} keys */
  want(keys) {
    const { directory } = this.#parts;
    for (const key of [...keys].flatMap((each) => [each, ...directory.formerOf(each).map(({ key }) => key)])) {
      const row = this.#parts.directory.rows.get(`feed:${key}`);
      const looked = this.#profiles.get(key)?.cursor ?? 0;
      const isNew = row && row.count > 0 && !this.#asked.has(key) && row.cursor > looked;
      if (isNew) {
        this.#asked.add(key);
        this.#wanted.add(key);
      }
    }
    while (this.#running < MAX_AT_ONCE && this.#wanted.size) {
      this.#next();
    }
  }

  async #next() {
    const [key] = this.#wanted;
    this.#wanted.delete(key);
    this.#running += 1;
    try {
      await this.#fetch(key);
    } catch (error) {
      this.#asked.delete(key); // with the next session, or when it is shown again
      if (!error.code) {
        console.error(error);
      }
    } finally {
      this.#running -= 1;
      this.want([]);
    }
  }

  /** On other hubs one is known by the profile alone: who has none is called there as the account is called here. */
  async introduce() {
    const { directory, me, publish, isRenaming } = this.#parts;
    const isNameless = directory.knows(me) && (await this.#fetch(me)) && !this.#profileOf(me) && !isRenaming();
    if (isNameless) {
      await publish({ type: "profile", topic: "feed", body: { display_name: directory.nameOf(me) } });
    }
  }

  /** Look the newest profile up; gives whether the feed was read to its beginning, or a profile found. */
  async #fetch(key) {
    const topic = `feed:${key}`;
    const cursor = this.#parts.directory.rows.get(topic)?.cursor ?? 0;
    let before;
    let isWhole = false;
    for (let page = 0; page < MAX_PAGES && !isWhole; page += 1) {
      const asked = { topic, limit: PAGE_MESSAGES, ...(before ? { before } : {}) };
      const answer = await this.#parts.link.request("fetch", asked);
      const facts = await readFacts(answer.messages, (header) => header.type === "profile");
      const mine = facts.filter((fact) => fact.topic === topic);
      await Promise.all(mine.map((fact) => this.take(fact)));
      isWhole = mine.length > 0 || !answer.more;
      before = answer.next;
    }
    await this.#looked(key, cursor);
    return isWhole;
  }

  /** Remember how far the feed was looked through. */
  async #looked(key, cursor) {
    const nothing = { key, at: -1, id: "", cursor: 0, displayName: "", about: "", status: "" };
    const profile = this.#profiles.get(key) ?? nothing;
    profile.cursor = Math.max(profile.cursor, cursor);
    this.#profiles.set(key, profile);
    await this.#parts.storage.put("profiles", profile);
  }

  /** A `profile` message; the newest counts. @param {import("./verify.js").Fact} fact */
  async take(fact) {
    const held = this.#profiles.get(fact.author);
    if (fact.type !== "profile" || !fact.body || (held && comparePlaces(held, fact) >= 0)) {
      return;
    }
    const { display_name: displayName, about = "", status = "" } = fact.body;
    const cursor = Math.max(fact.cursor, held?.cursor ?? 0);
    const profile = { key: fact.author, at: fact.at, id: fact.id, cursor, displayName, about, status };
    this.#profiles.set(fact.author, profile);
    for (const key of [fact.author, ...this.#learnLooks(fact.author)]) {
      this.publish(key);
      this.#parts.onRenamed(key);
    }
    await this.#parts.storage.put("profiles", profile);
  }
}
