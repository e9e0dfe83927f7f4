/**
 * What follows from what arrives: a message that was checked, the hub's word on topics, a signal, an answer to what
 * waited in the outbox; which part of an account is told of each.
 *
 * Not here: building those parts (member.js), reading and checking what the hub sends (feed.js).
 */

import { b64encode } from "../accord/encoding.js";
import { isKey } from "./directory.js";
import { TEXTS } from "./fold.js";

/** What tells that a key is being replaced, or no longer. */
const KEY_TYPES = new Set(["set_recovery", "replace_account", "vouch_replace", "cancel_replace"]);
const MAX_NOTICE_AGE_MS = 10 * 60 * 1000;
const COUNTING_AT_ONCE = 2;

/** The way of everything that comes, to the parts of one account. */
export class Arrivals {
  /** Who removes this account, as far as it was told before the session ended. */
  removal = {};
  #topicsCame = Promise.withResolvers();
  #isNew;
  #member;

  /**
   * @param {import("./member.js").Member} member its parts are looked up when something arrives: they need not be yet
   * @param {boolean} isNew it has just joined
   */
  constructor(member, isNew) {
    this.#member = member;
    this.#isNew = isNew;
  }

  /** Done when the hub's list of topics, and so of people, is known for the first time. */
  get topicsCame() {
    return this.#topicsCame.promise;
  }

  // ---------------------------------------------------------------------------------------------------------- topics

  /** What the feed tells. */
  feedEvents() {
    return {
      linked: () => this.#member.carrying.look(),
      topics: () => this.#topicsKnown(),
      messages: (facts) => facts.forEach((fact) => this.take(fact)),
      restarted: (isOtherStore) => this.#restarted(isOtherStore),
      added: (row) => this.#added(row),
      gone: (topic) => this.#gone(topic),
      account: (frame) => this.#member.allowance.take(frame),
      signal: (frame) => this.#takeSignal(frame),
    };
  }

  #topicsKnown() {
    const { conversations, people, directory, spaces } = this.#member;
    if (this.#isNew) {
      this.#isNew = false;
      conversations.startRead();
    }
    this.#land();
    conversations.publishAll();
    people.refreshAll();
    directory.changed().forEach((key) => this.#keyChanged(key));
    this.#topicsCame.resolve();
    spaces.refresh();
  }

  #gone(topic) {
    const { conversations, spaces } = this.#member;
    if (topic.startsWith("space:")) {
      spaces.gone(topic.slice("space:".length));
    } else if (conversations.has(topic)) {
      conversations.publish(topic);
    }
  }

  /** Somebody had other keys before: what was said under those belongs together. */
  async #keyChanged(key) {
    const { conversations, directory, timelines } = this.#member;
    for (const { key: former } of directory.formerOf(key)) {
      try {
        if (await conversations.move(former, key, "direct")) {
          timelines.forget(`direct:${former}`);
          timelines.forget(`direct:${key}`);
        }
      } catch (error) {
        console.warn("a conversation was not kept:", error.code ?? error);
      }
      timelines.renamed(former);
      if (conversations.has(`feed:${former}`)) {
        conversations.publish(`feed:${former}`);
      }
    }
    await this.#contactMoved(key);
  }

  /** Once the new key of somebody was looked at, they are called and followed under it. */
  async #contactMoved(key) {
    const { contacts, conversations, directory, feed, keys, timelines } = this.#member;
    if (!keys.isKnown(key)) {
      return;
    }
    for (const { key: former } of directory.formerOf(key)) {
      const isMoved = await contacts.move(former, key);
      if (isMoved || (contacts.follows(key) && conversations.has(`feed:${former}`))) { // or on another device
        await conversations.move(former, key, "feed");
        timelines.forget(`feed:${former}`);
        timelines.forget(`feed:${key}`);
        feed.follow(`feed:${key}`);
      }
    }
  }

  /** The key of somebody was looked at, or compared. @param {string} key */
  keyKnown(key) {
    const { people, conversations, seals } = this.#member;
    this.#contactMoved(key).catch((error) => console.warn("a contact was not kept:", error.code ?? error));
    people.publish(key);
    if (conversations.has(`direct:${key}`)) {
      conversations.publish(`direct:${key}`);
    }
    seals.keyKnown(key);
  }

  /** Lead a newcomer where the inviter wants: to the first of the channels, with the inviter as first contact. */
  #land() {
    const { account, conversations, directory, feed, people, state, me } = this.#member;
    if (!account.isLed) {
      return;
    }
    const known = new Set(directory.channels().map((row) => row.topic));
    const led = account.led.filter((topic) => known.has(topic));
    for (const topic of led) {
      conversations.channel(topic);
      if (conversations.opened(topic)) {
        feed.follow(topic);
      }
    }
    if (isKey(account.inviter) && account.inviter !== me) {
      conversations.direct(account.inviter);
      people.want([account.inviter]);
    }
    state.set("landing", led[0] ?? null);
    account.change({ isLed: false }).catch((error) => console.warn("where one was led:", error.code));
  }

  /** A conversation is shown: whoever opens a page later goes on where they were. */
  landed() {
    const { state } = this.#member;
    if (state.value.landing !== null) {
      state.set("landing", null);
    }
  }

  #restarted(isOtherStore) {
    const { conversations, timelines, search } = this.#member;
    if (isOtherStore) {
      conversations.forgetCursors();
    }
    timelines.reset();
    search.restarted();
    this.#countUnread().catch((error) => error.code ?? console.error(error));
  }

  /** Read the newest page of channels that have news, a few at a time. */
  async #countUnread() {
    const { conversations, timelines } = this.#member;
    const waiting = conversations.uncounted();
    const next = async () => {
      for (let id = waiting.shift(); id && !this.#member.isOver; id = waiting.shift()) {
        const timeline = await timelines.load(id);
        conversations.recount(id, timeline.posts);
      }
    };
    await Promise.all(Array.from({ length: COUNTING_AT_ONCE }, next));
  }

  #added(row) {
    const { seals, spaces, directory, conversations, people, boxkeys } = this.#member;
    seals.added(row);
    if (row.kind === "space") {
      spaces.load(row.key);
    } else if (row.kind === "chan" && directory.channels().includes(row)) { // and not the topic of a connection
      conversations.channel(row.topic);
      if (row.space) {
        spaces.onChanged(row.space); // the chain may have told of the channel before the hub did
      }
      this.#countUnread().catch((error) => error.code ?? console.error(error));
    } else if (row.kind === "feed") {
      people.publish(row.key);
      conversations.renamed(row.key);
      people.want([row.key]);
      boxkeys.changed(row.key); // what began the feed has come before one listens to it
      this.#keyChanged(row.key);
      this.#member.adminMoved(row.former.map((former) => former.key));
    }
  }

  // -------------------------------------------------------------------------------------------------------- messages

  /** A message has come, or one that came before can be opened now. @param {import("./verify.js").Fact} fact */
  take(fact) {
    const { state, people, boxkeys, marks, spaces, seals, search, conversations, outbox, me } = this.#member;
    if (KEY_TYPES.has(fact.type)) {
      state.set("keysSeen", state.value.keysSeen + 1);
    }
    if (fact.topic.startsWith("feed:")) {
      people.take(fact).catch((error) => console.warn("a profile was not kept:", error.code ?? error));
      boxkeys.take(fact);
    }
    if (fact.topic.startsWith("hub:")) {
      marks.take(fact);
    }
    if (fact.topic.startsWith("space:")) {
      spaces.take(fact);
    }
    seals.take(fact);
    search.take([fact]);
    const id = conversations.idOf(fact);
    if (id) {
      this.#takeInto(id, fact);
    }
    if (fact.type === "remove_user" && fact.body && b64encode(fact.body.pubkey) === me) {
      this.removal = { by: fact.author === me ? "me" : people.nameOf(fact.author), at: fact.at };
    }
    if (fact.author === me) {
      outbox.delivered(fact.id).catch((error) => console.warn("the outbox:", error.code ?? error));
    }
  }

  #takeInto(id, fact) {
    const { timelines, files, conversations, people, keys, presence, me } = this.#member;
    const timeline = timelines.get(id);
    timeline?.add(fact);
    files.take(fact, timeline, me);
    if (!TEXTS.has(fact.type) || !fact.isClear || fact.body === null) {
      conversations.takeEffect(id, fact);
      return;
    }
    people.want([fact.author]);
    const { with: other } = conversations.get(id);
    if (other) {
      keys.meet(other).catch((error) => console.warn("a key was not kept:", error.code ?? error));
    }
    if (fact.author !== me) {
      presence.spoke(fact.author, id);
    }
    if (conversations.take(id, fact)) {
      this.#notice(id, fact);
    }
  }

  /** Tell one page of what is for this person and is seen by nobody. */
  #notice(id, fact) {
    const { state, clock, timelines, mentions, pages, me } = this.#member;
    const isForMe = (id !== fact.topic && !state.value.conversations[id]?.isRequest) || fact.mentions.includes(me);
    const isOld = clock.now() - fact.at > MAX_NOTICE_AGE_MS;
    if (isForMe && !isOld && !timelines.isSeen(id)) {
      pages.first?.post({ push: "notice", notice: { conversation: id, item: mentions.itemOf(id, fact) } });
    }
  }

  // --------------------------------------------------------------------------------------------------------- signals

  #takeSignal(frame) {
    const { vault, presence, me } = this.#member;
    if (frame.from === me && frame.body?.vault !== undefined) {
      vault.signalled(frame.body.vault);
    } else {
      presence.take(frame, this.#signalled(frame));
    }
  }

  #signalled({ from, to }) {
    const { conversations, me } = this.#member;
    if (to === `user:${me}`) {
      return `direct:${from}`;
    }
    return typeof to === "string" && conversations.has(to) ? to : "";
  }

  // ---------------------------------------------------------------------------------------------------------- outbox

  /** What the outbox tells. */
  outboxEvents() {
    const member = this.#member;
    const timelineOf = (entry) => member.timelines.get(entry.conversation);
    return {
      added: (entry) => {
        timelineOf(entry)?.add(entry.fact, entry);
        member.files.pump();
      },
      sent: (entry) => this.take(entry.fact),
      changed: (entry) => {
        timelineOf(entry)?.update(entry.fact);
        if (entry.error?.code === "quota") {
          member.allowance.look().catch((error) => error.code ?? console.error(error));
        }
      },
      replaced: (before, after) => {
        timelineOf(before)?.remove(before.fact);
        timelineOf(after)?.add(after.fact, after);
        member.files.pump();
      },
      removed: (entry) => {
        timelineOf(entry)?.remove(entry.fact);
        member.files.discarded(entry);
      },
      count: (count) => member.state.set("outboxCount", count),
    };
  }
}
