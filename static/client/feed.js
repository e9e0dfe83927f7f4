/**
 * What a session brings: the list of topics, messages as they come and those that were missed, signals (protocol.md
 * section 4).
 *
 * Subscribed are the open channels (of other hubs those that have been opened here), one's own inbox, whatever mentions one or is one's own, and the feeds of people as
 * far as the hub's limit goes. After a cut it goes on by cursor, so nothing is missed and nothing comes twice. A new
 * worker goes on so for what is addressed to its user, and reads the channels anew.
 */

import { AccordError } from "../accord/errors.js";
import { readFacts } from "./verify.js";

const MAX_SUBSCRIBED = 1_000;
const MAX_BEHIND = 20_000;
const SAVE_MS = 2_000;
const POSITION = "position";

/** The subscriptions of one account. */
export class Feed {
  /** Everything up to `cursor` of `store` has been taken; by this worker, and so for all that is subscribed. */
  #position = null;
  #saved = null;
  #openBacklogs = new Set();
  #farthest = 0;
  #incoming = Promise.resolve();
  #saveTimer = 0;
  #subscribed = new Set();
  /** @type {import("./connection.js").Connection | null} */
  #connection = null;
  #parts;

  /**
   * @param {{storage: import("./storage.js").Storage, directory: import("./directory.js").Directory, me: string,
   *   events: {messages: (facts: import("./verify.js").Fact[]) => void, restarted: (isOtherStore: boolean) => void,
   *     linked: () => void, topics: () => void, added: (row: any) => void, gone: (topic: string) => void,
   *     account: (frame: any) => void, signal: (frame: any) => void}, followed: () => {topic: string}[],
   *   isPersonal: (row: any) => boolean, open: import("./verify.js").Opener}} parts `followed`: channels and feeds to
   *   listen to; `isPersonal`: what is not to be missed
   */
  constructor(parts) {
    this.#parts = parts;
  }

  async load() {
    this.#saved = (await this.#parts.storage.get("facts", POSITION)) ?? null;
  }

  /** Make a new session useful. @param {import("./connection.js").Connection} connection */
  async open(connection) {
    const { directory, events } = this.#parts;
    this.#openBacklogs.clear();
    this.#subscribed.clear();
    this.#connection = connection;
    this.#farthest = this.#position?.cursor ?? 0;
    connection.listen((frame) => this.#take(connection, frame));
    await directory.load(connection);
    events.topics();
    await this.#subscribe(connection, String(connection.result.store ?? ""));
  }

  async #subscribe(connection, store) {
    const [personal, others] = this.#wanted();
    const keys = [this.#parts.me];
    const newest = Math.max(0, ...[...this.#parts.directory.rows.values()].map((row) => row.cursor));
    const held = this.#position;
    try {
      if (held?.store === store && newest - held.cursor <= MAX_BEHIND) {
        await this.#ask(connection, { topics: [...personal, ...others], keys, since: held.cursor, store });
        return;
      }
      await this.#beginAnew(connection, store, held ?? this.#saved, { topics: personal, keys }, others);
    } catch (error) {
      if (!(error instanceof AccordError) || error.code !== "conflict") {
        throw error;
      }
      // The hub's arrival numbers are others than we think.
      await this.#beginAnew(connection, store, { store: "", cursor: 0 }, { topics: personal, keys }, others);
    }
  }

  async #beginAnew(connection, store, from, personal, others) {
    const isOtherStore = from !== null && from.store !== store;
    this.#position = null;
    this.#farthest = 0;
    await this.#ask(connection, from && !isOtherStore ? { ...personal, since: from.cursor, store } : personal);
    if (others.length) {
      await this.#ask(connection, { topics: others });
    }
    this.#parts.events.restarted(isOtherStore);
  }

  async #ask(connection, wanted) {
    const ref = connection.nextRef;
    if (wanted.since !== undefined) {
      this.#openBacklogs.add(ref);
    }
    const answer = await connection.request("subscribe", wanted);
    wanted.topics.forEach((topic) => this.#subscribed.add(topic));
    this.#position ??= { store: String(connection.result.store ?? ""), cursor: wanted.since ?? answer.cursor };
  }

  /** One's own inbox; then channels, then feeds, as many as may be. */
  #wanted() {
    const { directory } = this.#parts;
    const personal = [...directory.rows.values()].filter(this.#parts.isPersonal).map((row) => row.topic);
    const channels = this.#parts.followed().map((row) => row.topic);
    const feeds = directory.feeds().map((row) => row.topic);
    const others = new Set([...channels, ...feeds].filter((topic) => !personal.includes(topic)));
    return [personal, [...others].slice(0, Math.max(0, MAX_SUBSCRIBED - personal.length))];
  }

  // ----------------------------------------------------------------------------------------------------------- frames

  #take(connection, frame) {
    switch (frame.type) {
      case "deliver":
      case "live":
      case "topic_added":
      case "topic_gone":
        this.#incoming = this.#incoming.then(() => this.#inOrder(connection, frame)).catch((error) => {
          console.error(error);
          connection.close(); // what was not taken comes again
        });
        break;
      case "linked":
        this.#parts.events.linked();
        break;
      case "account":
        this.#parts.events.account(frame);
        break;
      case "signal":
        this.#parts.events.signal(frame);
        break;
      case "error":
        console.warn("the hub reports an error:", String(frame.code).slice(0, 32));
        break;
      default: // of a later version
    }
  }

  async #inOrder(connection, frame) {
    if (!connection.isOpen) { // of a session that is over: it comes again by cursor
      if (frame.type === "deliver") { // but not to whoever is removed by it
        this.#parts.events.messages(await readFacts(frame.messages, (header) => header.type === "remove_user"));
      }
      return;
    }
    if (frame.type === "deliver") {
      const facts = await readFacts(frame.messages, () => true, this.#parts.open);
      this.#parts.events.messages(facts);
      this.#advance(Math.max(0, ...frame.messages.map((item) => Number(item?.cursor) || 0)));
    } else if (frame.type === "live") {
      this.#openBacklogs.delete(frame.ref);
      this.#advance(Number(frame.cursor) || 0);
    } else if (frame.type === "topic_added") {
      await this.#added(connection, frame);
    } else {
      this.#parts.directory.remove(frame.topic);
      this.#subscribed.delete(frame.topic); // the hub has ended it: whoever is let in again subscribes again
      this.#parts.events.gone(String(frame.topic));
    }
  }

  async #added(connection, frame) {
    const row = await this.#parts.directory.put(frame);
    if (!row) {
      return;
    }
    if (row.kind === "feed" || this.#parts.isPersonal(row) || this.#parts.followed().includes(row)) {
      this.#follow(connection, row.topic, this.#parts.isPersonal(row));
    }
    this.#parts.events.added(row);
  }

  /** `isWhole`: also what came before the hub has taken the subscription. */
  #follow(connection, topic, isWhole = false) {
    if (this.#subscribed.size < MAX_SUBSCRIBED && !this.#subscribed.has(topic)) {
      this.#subscribed.add(topic);
      const since = isWhole && this.#position ? { since: this.#position.cursor, store: this.#position.store } : {};
      this.#ask(connection, { topics: [topic], ...since }).catch((error) => {
        console.warn("a new topic was not subscribed to:", error.code);
      });
    }
  }

  /** Listen to a topic from now on; what comes while the hub takes the subscription counts. @param {string} topic */
  follow(topic) {
    if (this.#connection?.isOpen) {
      this.#follow(this.#connection, topic, true);
    } // else: it is among those that the next session asks for
  }

  /** Backlogs overtake each other, so the position moves only when none is under way. */
  #advance(cursor) {
    this.#farthest = Math.max(this.#farthest, cursor);
    if (this.#openBacklogs.size === 0 && this.#position && this.#farthest > this.#position.cursor) {
      this.#position.cursor = this.#farthest;
      this.#saveTimer ||= setTimeout(() => this.#save(), SAVE_MS);
    }
  }

  async #save() {
    this.#saveTimer = 0;
    try {
      await this.#parts.storage.put("facts", { ...this.#position }, POSITION);
    } catch (error) {
      console.warn("the position was not kept:", error.code);
    }
  }
}
