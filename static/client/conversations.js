/**
 * The list of conversations: channels, direct ones, the posts of those whom one follows, with what is unread, mentions, drafts (kept in IndexedDB).
 *
 * Not here: the messages themselves (timeline.js), what counts as unread (unread.js), what pages see of one
 * (conversation_row.js).
 */

import { conversationRow } from "./conversation_row.js";
import { comparePlaces } from "./order.js";
import { emptyRecord, later, MAX_UNREAD, unreadOf, unreadPlace } from "./unread.js";

const SAVE_MS = 500;

/** All conversations, by id. */
export class Conversations {
  /** Something was read here; for the vault. */
  onRead = (/** @type {string} */ _id, /** @type {import("./unread.js").Place} */ _place) => {};
  #records = new Map();
  #dirty = new Set();
  #timer = 0;
  #parts;

  /**
   * @param {{storage: import("./storage.js").Storage, directory: import("./directory.js").Directory,
   *   state: import("./state.js").PublishedState, account: import("./account.js").Account,
   *   people: import("./people.js").People, clock: import("./clock.js").Clock,
   *   contacts: import("./contacts.js").Contacts, marks: import("./marks.js").Marks,
   *   keys: import("./keys.js").Keys, spaces: () => import("./spaces.js").Spaces,
   *   seals: () => import("./seals.js").Seals}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  async load() {
    for (const record of await this.#parts.storage.all("conversations")) {
      this.#records.set(record.id, record);
    }
  }

  /** Tell pages of all of them: the hub's list of topics is known. */
  publishAll() {
    for (const key of this.#parts.contacts.followed()) {
      this.#record(`feed:${key}`, "feed", null);
    }
    for (const row of this.#parts.directory.channels()) {
      this.#record(row.topic, "channel", null);
    }
    for (const id of this.#records.keys()) {
      this.publish(id);
    }
  }

  /** What was said in channels before one joined counts as read. */
  startRead() {
    for (const row of this.#parts.directory.channels()) {
      this.#record(row.topic, "channel", null).cursor = row.cursor;
      this.#save(row.topic);
    }
  }

  /** Arrival numbers have begun anew. */
  forgetCursors() {
    for (const [id, record] of this.#records) {
      record.cursor = 0;
      this.#save(id);
    }
  }

  #record(id, kind, other) {
    if (!this.#records.has(id)) {
      this.#records.set(id, emptyRecord(id, kind, other, this.#parts.account.joinedAt));
    }
    return this.#records.get(id);
  }

  /** Whether there is such a conversation. @param {string} id */
  has(id) {
    return this.#records.has(id);
  }

  /**
   * @param {string} id
   * @returns {{id: string, kind: string, with: string | null, topic: string, read: import("./unread.js").Place,
   *   unread: import("./unread.js").Place[]} | undefined}
   */
  get(id) {
    const record = this.#records.get(id);
    return record && { ...record, topic: record.with ? `user:${record.with}` : record.id };
  }

  /** The direct conversation with somebody, made if need be. @param {string} key @returns {string} */
  direct(key) {
    const id = `direct:${key}`;
    if (!this.#records.has(id)) {
      this.#record(id, "direct", key);
      this.#dirty.add(id);
      this.#write(); // at once: nothing else but this record tells the next worker of it
    }
    return id;
  }

  /** With whom one has talked. @returns {string[]} keys */
  met() {
    return [...this.#records.values()].filter((record) => record.with).map((record) => record.with);
  }

  /**
   * Somebody has another key: what was said under the old one belongs to the same conversation. Gives whether there is
   * any.
   * @param {string} from
   * @param {string} to
   * @param {"direct" | "feed"} kind
   */
  async move(from, to, kind) {
    const before = this.#records.get(`${kind}:${from}`);
    if (!before) {
      return false;
    }
    this.#records.delete(before.id);
    const id = kind === "feed" ? this.feed(to) : this.direct(to);
    const record = this.#records.get(id);
    record.read = later(record.read, before.read);
    record.unread = unreadOf(record.read, [...record.unread, ...before.unread]);
    record.mentions = unreadOf(record.read, [...record.mentions, ...before.mentions]);
    record.cursor = Math.max(record.cursor, before.cursor);
    record.lastAt = Math.max(record.lastAt, before.lastAt);
    record.draft ||= before.draft;
    record.isAnswered ||= before.isAnswered;
    this.#dirty.delete(before.id);
    this.#save(id);
    this.#parts.state.drop("conversations", before.id);
    await this.#parts.storage.remove("conversations", before.id);
    return true;
  }

  /** A channel that has just been opened. @param {string} topic */
  channel(topic) {
    this.#record(topic, "channel", null);
    this.publish(topic);
  }

  /**
   * Where a message belongs; null: in no conversation.
   * @param {import("./verify.js").Fact} fact
   * @returns {string | null}
   */
  idOf({ topic, author }) {
    const me = this.#parts.account.key;
    if (topic.startsWith("chan:")) {
      const other = this.#parts.seals().connections.withOf(topic);
      return other ? this.direct(this.#parts.directory.currentOf(other)) : this.#records.has(topic) ? topic : null;
    }
    if (topic.startsWith("feed:")) {
      return this.#follows(topic) && this.#records.has(topic) ? topic : null;
    }
    if (!topic.startsWith("user:")) {
      return null;
    }
    const { directory } = this.#parts;
    const [to, from] = [directory.currentOf(topic.slice(5)), directory.currentOf(author)];
    if (to === me) {
      return from === me ? null : this.direct(from);
    }
    return from === me ? this.direct(to) : null;
  }

  /** Channels in which something has arrived that was not counted. */
  uncounted() {
    const isBehind = (row) => row.cursor > (this.#records.get(row.topic)?.cursor ?? 0);
    return [...this.followed().filter(isBehind).map((row) => row.topic), ...this.#uncountedDirect()];
  }

  /** Direct conversations of which something sealed was not counted. */
  #uncountedDirect() {
    const { connections } = this.#parts.seals();
    const behind = connections.topics().filter((topic) => {
      const record = this.#records.get(`direct:${connections.withOf(topic)}`);
      return record && this.#cursorOf([topic]) > record.cursor;
    });
    return [...new Set(behind.map((topic) => `direct:${connections.withOf(topic)}`))];
  }

  #cursorOf(topics) {
    return Math.max(0, ...topics.map((topic) => this.#parts.directory.rows.get(topic)?.cursor ?? 0));
  }

  /** What is listened to: this hub's channels, those of others that have been opened here, feeds that one follows. */
  followed() {
    const { directory, contacts } = this.#parts;
    const feeds = contacts.followed().map((key) => directory.rows.get(`feed:${key}`)).filter((row) => row);
    const isFollowed = (row) => !row.hub || row.space !== null || this.#records.get(row.topic)?.isOpened;
    return [...directory.channels().filter(isFollowed), ...feeds];
  }

  #follows(topic) {
    return this.#parts.contacts.follows(topic.slice("feed:".length));
  }

  /** Begin or end to follow somebody; gives the conversation. @param {string} key */
  feed(key) {
    const id = `feed:${key}`;
    this.#record(id, "feed", null);
    this.#save(id);
    return id;
  }

  /** A page shows it. Gives whether it is a channel of another hub that was never looked at. @param {string} id */
  opened(id) {
    const record = this.#records.get(id);
    if (!record || record.isOpened || !this.#parts.directory.rows.get(id)?.hub) {
      return false;
    }
    record.isOpened = true;
    this.#save(id);
    return true;
  }

  /**
   * A text has arrived. Gives whether it is news.
   * @param {string} id
   * @param {import("./verify.js").Fact} fact
   */
  take(id, fact) {
    const record = this.#records.get(id);
    const me = this.#parts.account.key;
    const place = unreadPlace(record, fact, this.#parts);
    record.cursor = Math.max(record.cursor, fact.cursor);
    record.lastAt = Math.max(record.lastAt, fact.at);
    record.isAnswered ||= fact.author === me;
    if (place) {
      record.unread = unreadOf(record.read, [...record.unread, place]);
      if (fact.mentions.includes(me)) {
        record.mentions = unreadOf(record.read, [...record.mentions, { ...place, isSeen: false }]);
      }
    }
    this.#save(id);
    return place !== null;
  }

  /** Something else has arrived: edits and the like are nothing unread, but what is deleted is no longer unread. */
  takeEffect(id, fact) {
    const record = this.#records.get(id);
    record.cursor = Math.max(record.cursor, fact.cursor);
    if (fact.type === "chat.delete") {
      const gone = new Set(fact.refs.map((ref) => ref.id));
      record.unread = record.unread.filter((place) => !gone.has(place.id));
      record.mentions = record.mentions.filter((place) => !gone.has(place.id));
    }
    this.#save(id);
  }

  /** Count anew from the newest texts. @param {string} id @param {import("./fold.js").Post[]} posts */
  recount(id, posts) {
    const record = this.#records.get(id);
    const me = this.#parts.account.key;
    const counted = { ...record, cursor: record.cursor || Infinity }; // where nothing was counted, nothing is late
    const news = posts.slice(-2 * MAX_UNREAD).filter((post) => !post.isEmptied)
      .map((post) => ({ post, place: unreadPlace(counted, post, this.#parts) })).filter(({ place }) => place !== null);
    const late = record.unread.filter((place) => place.isLate);
    record.unread = unreadOf(record.read, [...news.map(({ place }) => place), ...late]);
    const mentions = news.filter(({ post }) => post.mentions.includes(me));
    record.mentions = unreadOf(record.read, [
      ...mentions.map(({ place }) => ({ ...place, isSeen: false })), ...record.mentions,
    ]);
    record.lastAt = Math.max(record.lastAt, posts.at(-1)?.at ?? 0);
    record.isAnswered ||= posts.some((post) => post.author === me);
    const topics = record.with ? this.#parts.seals().connections.topicsOf(record.with) : [id];
    record.cursor = Math.max(record.cursor, this.#cursorOf(topics));
    this.#save(id);
  }

  /**
   * Everything up to a place has been read, and what came late with it; done when that is kept.
   * @param {string} id
   * @param {import("./unread.js").Place} place
   */
  async read(id, place) {
    const record = this.#records.get(id);
    const isAhead = (other) => comparePlaces(other, place) > 0;
    record.read = later({ at: place.at, id: place.id }, record.read);
    record.unread = unreadOf(record.read, record.unread.filter(isAhead));
    record.mentions = unreadOf(record.read, record.mentions.filter(isAhead));
    this.#save(id);
    this.onRead(id, record.read);
    await this.#write();
  }

  /** What was read on other devices. @param {{conversation: string, at: number, message: string}[]} items */
  async takeReads(items) {
    for (const { conversation: id, at, message } of items) {
      const [kind, key] = String(id).split(":");
      if (kind === "direct") {
        this.direct(key);
      } else if (kind === "chan" || kind === "feed") {
        this.#record(id, kind === "chan" ? "channel" : "feed", null);
      }
      const held = this.#records.get(id)?.read;
      if (held && comparePlaces({ at, id: message }, held) > 0) {
        await this.read(id, { at, id: message });
      }
    }
  }

  /** What is being written; done when that is kept. */
  async draft(id, text, replyTo) {
    Object.assign(this.#records.get(id), { draft: text, replyTo: replyTo ?? "" });
    this.#save(id);
    await this.#write();
  }

  /** The mentions have been looked at; done when that is kept. */
  async seeMentions() {
    for (const [id, record] of this.#records) {
      if (record.mentions.some((place) => !place.isSeen)) {
        record.mentions = record.mentions.map((place) => ({ ...place, isSeen: true }));
        this.#save(id);
      }
    }
    await this.#write();
  }

  /** Somebody is blocked or muted, or no longer: what they wrote to this person is nothing unread. @param {string} key */
  silenced(key) {
    const id = `direct:${key}`;
    const record = this.#records.get(id);
    if (record) {
      if (this.#parts.marks.isSilenced(key)) {
        Object.assign(record, { unread: [], mentions: [] });
      }
      this.#save(id);
    }
  }

  /** Somebody has another name now, which may be that of a conversation. @param {string} key */
  renamed(key) {
    for (const id of [`direct:${key}`, `feed:${key}`].filter((each) => this.#records.has(each))) {
      this.publish(id);
    }
  }

  #save(id) {
    this.publish(id);
    this.#dirty.add(id);
    this.#timer ||= setTimeout(() => this.#write(), SAVE_MS);
  }

  async #write() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const ids = [...this.#dirty];
    this.#dirty.clear();
    try {
      for (const id of ids) {
        const record = this.#records.get(id);
        await this.#parts.storage.update("conversations", id, (kept) => {
          return kept ? { ...record, read: later(record.read, kept.read) } : record;
        });
      }
    } catch (error) {
      ids.filter((id) => this.#records.has(id)).forEach((id) => this.#dirty.add(id)); // with the next change
      console.warn("read positions were not kept:", error.code);
    }
  }

  /** Tell pages of one. @param {string} id */
  publish(id) {
    const row = conversationRow(this.#records.get(id), this.#parts);
    if (row) {
      this.#parts.state.put("conversations", id, row);
      this.#publishMentions();
    } else {
      this.#parts.state.drop("conversations", id);
    }
  }

  #publishMentions() {
    let unseen = 0;
    for (const record of this.#records.values()) {
      unseen += record.mentions.reduce((sum, place) => sum + (place.isSeen ? 0 : 1), 0);
    }
    if (unseen !== this.#parts.state.value.mentionsUnread) {
      this.#parts.state.set("mentionsUnread", unseen);
    }
  }
}
