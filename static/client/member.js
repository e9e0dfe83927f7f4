/**
 * Everything behind an account: builds the parts, leads the connection to them, and tells pages (`client.state`).
 *
 * Not here: what follows from what arrives (arrivals.js), what pages may ask for (talk.js), life without an account
 * (engine.js).
 */

import { AccordError } from "../accord/errors.js";
import { isAdminKey } from "../accord/statements.js";
import { Agreement } from "./agreement.js";
import { Branch } from "./branch.js";
import { Allowance } from "./allowance.js";
import { Arrivals } from "./arrivals.js";
import { BoxKeys } from "./boxkeys.js";
import { Carrying } from "./carrying.js";
import { Composer } from "./composer.js";
import { Contacts } from "./contacts.js";
import { Conversations } from "./conversations.js";
import { Devices } from "./devices.js";
import { Directory } from "./directory.js";
import { ClientError } from "./errors.js";
import { Feed } from "./feed.js";
import { Files } from "./files.js";
import { followKeys, followThrough, Settings } from "./following.js";
import { readHub, ORIGIN } from "./hub.js";
import { Invites } from "./invites.js";
import { Keys } from "./keys.js";
import { Link } from "./link.js";
import { Marks } from "./marks.js";
import { Mentions } from "./mentions.js";
import { keysOf } from "./opening.js";
import { Outbox } from "./outbox.js";
import { People } from "./people.js";
import { Presence } from "./presence.js";
import { Rest } from "./rest.js";
import { Search } from "./search.js";
import { Seals } from "./seals.js";
import { Spaces } from "./spaces.js";
import { Timelines } from "./timelines.js";
import { Transfers } from "./transfers.js";
import { Vault } from "./vault.js";
import { Vouching } from "./vouching.js";

const CLOCK_TICK_MS = 10_000;

/** One account, at work. */
export class Member {
  /** @type {import("../accord/statements.js").HubAdmin | null} */
  admin = null;
  bot = null;
  isOver = false;
  #clockTicks = 0;

  /**
   * @param {{storage: import("./storage.js").Storage, clock: import("./clock.js").Clock,
   *   state: import("./state.js").PublishedState, pages: import("./ports.js").Pages,
   *   account: import("./account.js").Account, isNew: boolean, stop: (stop: object) => void}} given
   *   `isNew`: it has just joined
   */
  constructor({ storage, clock, state, pages, account, isNew, stop }) {
    Object.assign(this, { storage, clock, state, pages, account });
    this.me = account.key;
    this.arrivals = new Arrivals(this, isNew);
    const { me, arrivals } = this;
    const admin = () => this.admin?.user ?? null;
    const isAdmin = (topic, key, at) => this.#isAdmin(topic, key, at);
    this.directory = new Directory(account.hubKey);
    const { directory } = this;
    this.link = new Link(account, clock, this.#linkHandlers(stop));
    const { link } = this;
    this.rest = new Rest(link, clock);
    this.people = new People({
      storage, directory, link, state, me, admin,
      bot: () => this.bot,
      presenceOf: (key) => this.presence.of(key),
      calledOf: (key) => this.contacts.calledOf(key),
      isVerified: (key) => this.keys.isVerified(key),
      onRenamed: (key) => this.#renamed(key),
      publish: (draft) => this.publish(draft),
      isRenaming: () => this.outbox.all().some(({ draft }) => draft.type === "profile"),
    });
    const { people, rest } = this;
    this.allowance = new Allowance(rest, state);
    this.contacts = new Contacts({
      storage, rest, directory, clock, me,
      publish: (draft) => this.publish(draft),
      nameOf: (key) => people.nameOf(key),
      onChanged: (key) => this.#contactChanged(key),
    });
    const { contacts } = this;
    this.marks = new Marks({
      storage, rest, state, clock, me, hub: account.hubText,
      publish: (draft) => this.publish(draft),
      onChanged: (key) => this.conversations.silenced(key),
      keysOf: (ids) => keysOf(ids, rest, this.keystore),
    });
    const { marks } = this;
    this.keys = new Keys({
      storage, rest, account, clock, directory,
      known: arrivals.topicsCame,
      publish: (draft) => this.publish(draft),
      onKnown: (key) => arrivals.keyKnown(key),
      isContact: (key) => contacts.has(key),
    });
    const { keys } = this;
    this.presence = new Presence({ link, directory, pages, state, me, onChanged: (key) => people.publish(key) });
    this.conversations = new Conversations({
      storage, directory, state, account, people, contacts, clock, marks, keys,
      spaces: () => this.spaces,
      seals: () => this.seals,
    });
    const { conversations } = this;
    this.spaces = new Spaces({
      link, rest, clock, directory, state, people, account, conversations, me, composer: () => this.composer,
    });
    const { spaces } = this;
    this.composer = new Composer(account.user, clock);
    const publish = (draft) => this.publish(draft);
    this.boxkeys = new BoxKeys({ storage, link, account, clock, publish });
    this.seals = new Seals(this, (fact) => arrivals.take(fact));
    const { seals } = this;
    const { connections, epochs, keystore, sealing } = seals;
    Object.assign(this, { connections, epochs, keystore, sealing });
    const outbox = () => this.outbox;
    this.timelines = new Timelines({
      link, rest, clock, conversations, people, directory, state, me, isAdmin, outbox, connections, sealing,
    });
    const { timelines } = this;
    this.mentions = new Mentions({ rest, timelines, conversations, people, directory, me, isAdmin, sealing });
    const learnTime = () => this.#learnTime();
    this.outbox = new Outbox({ storage, sealing, me, link, learnTime, events: arrivals.outboxEvents() });
    this.files = new Files({ storage, transfers: new Transfers(rest), outbox, state, clock });
    this.outbox.isReady = (entry) => this.files.isReady(entry);
    this.agreement = new Agreement({ rest, link, clock, timelines, account, state });
    this.search = new Search({
      storage, timelines, conversations, people, state, link, clock, isAdmin,
      isMine: (key) => directory.currentOf(key) === me,
    });
    const followed = () => [...spaces.followed(), ...conversations.followed()];
    const isPersonal = (row) => seals.isPersonal(row);
    this.feed = new Feed({
      storage, directory, me, events: arrivals.feedEvents(), followed, isPersonal, open: sealing.open,
    });
    this.carrying = new Carrying({ link, account, clock, publish, introduce: () => people.introduce() });
    this.devices = new Devices({ rest, publish, boxkeys: this.boxkeys, me });
    this.branch = new Branch({ rest, account, clock, composer: this.composer, state });
    const publishAll = (drafts) => this.publishAll(drafts);
    this.invites = new Invites({ storage, rest, account, clock, publishAll });
    this.vouching = new Vouching({ storage, account, clock, directory });
    this.vault = new Vault({ storage, rest, link, account, clock, state });
    this.settings = new Settings({ storage, clock, state });
    followThrough(this.vault, this);
    followKeys(this.vault, this.seals);
  }

  /** Read what is kept, tell pages, connect. */
  async start() {
    const { people, contacts, keys, conversations, outbox, feed, marks, boxkeys, vault, settings } = this;
    const parts = [people, contacts, keys, conversations, outbox, feed, boxkeys, vault, settings];
    await this.seals.load();
    await Promise.all(parts.map((part) => part.load()));
    await Promise.all([marks.load(), this.files.load(), this.search.load()]);
    await vault.handOut();
    await keys.begin(conversations.met());
    this.#publishHub("");
    this.#publishMe();
    this.conversations.publishAll();
    this.state.set("phase", "inside");
    this.link.start();
    this.agreement.start();
    this.#clockTicks = setInterval(() => this.clock.hasJumped && this.#learnTime(), CLOCK_TICK_MS);
  }

  /** End: the account is forgotten or stopped. */
  stop() {
    this.isOver = true;
    this.link.stop();
    this.carrying.stop();
    this.boxkeys.stop();
    this.vault.stop();
    this.marks.stop();
    this.branch.stop();
    this.files.stop();
    this.search.stop();
    this.seals.stop();
    this.presence.lost();
    this.agreement.stop();
    clearInterval(this.#clockTicks);
  }

  /** What was written and is not at the hub: of the outbox, and what is begun in each field. */
  unsent() {
    const texts = this.outbox.all().map(({ draft }) => draft.body?.text);
    const begun = Object.values(this.state.value.conversations).map(({ draft }) => draft);
    return [...texts, ...begun].filter((text) => typeof text === "string" && text.trim() !== "");
  }

  /**
   * Publish one message now; AccordError (refused), ClientError("offline").
   * @param {import("./composer.js").Draft} draft
   */
  async publish(draft) {
    const [error] = await this.publishAll([draft]);
    if (error) {
      throw error;
    }
  }

  /**
   * Publish several messages now (<= 100); ClientError("offline").
   * @param {import("./composer.js").Draft[]} drafts
   * @returns {Promise<(AccordError | null)[]>} why each was refused; null for those that were taken
   */
  async publishAll(drafts) {
    const messages = [];
    for (const draft of drafts) {
      messages.push(await this.composer.make(draft));
    }
    const { results } = await this.link.request("publish", { messages });
    return messages.map((_, i) => {
      const { status, code = "internal", retry_ms: retryMs = null } = results?.[i] ?? {};
      return status === "stored" || status === "duplicate" ? null : new AccordError(code, "", { retryMs });
    });
  }

  // ------------------------------------------------------------------------------------------------------ connection

  #linkHandlers(stop) {
    return {
      status: (status) => this.state.set("link", status),
      hub: (hub) => this.#learnHub(hub),
      open: (connection) => this.#open(connection),
      lost: () => this.presence.lost(),
      stop: (/** @type {any} */ end) => stop({ ...end, facts: { ...end.facts, ...this.arrivals.removal } }),
      frozen: (until) => this.#frozen(until),
      isVisible: () => this.pages.isVisible,
    };
  }

  /** The account is being removed: pages say so, and for how long, until it is undone or done. */
  #frozen(until) {
    const facts = { until: until && until - (this.clock.hubNow() - this.clock.local()), ...this.arrivals.removal };
    this.state.set("stop", { code: "frozen", detail: "", facts });
    this.state.set("phase", "stopped");
  }

  async #open(connection) {
    if (this.state.value.phase === "stopped") {
      this.arrivals.removal = {};
      this.state.set("stop", null);
      this.state.set("phase", "inside");
    }
    await this.feed.open(connection);
    this.#publishMe();
    this.presence.opened();
    this.timelines.resume();
    this.outbox.pump();
    this.files.pump();
    this.search.opened();
    this.seals.opened().catch((error) => console.warn("what is private was not looked after:", error.code ?? error));
    this.carrying.look();
    this.boxkeys.opened();
    this.vault.opened();
    this.marks.opened();
    this.branch.lookSoon();
  }

  #learnHub({ name, admin, bot }) {
    this.state.set("clock", { offsetMs: this.clock.offsetMs });
    this.#publishHub(name);
    if (bot !== this.bot) {
      this.bot = bot;
      this.people.publish(bot ?? "");
    }
    if (JSON.stringify(admin) !== JSON.stringify(this.admin)) {
      const before = this.admin?.user ?? "";
      this.admin = admin;
      [before, admin?.user ?? ""].forEach((key) => this.people.publish(key));
      this.timelines.refreshAll();
    }
  }

  async #learnTime() {
    try {
      this.#learnHub(await readHub(this.account.hubKey, this.clock));
    } catch (error) {
      if (!(error instanceof ClientError)) {
        throw error; // else: the next login asks again
      }
    }
  }

  #publishHub(name) {
    const { hubText: key, hubFingerprint: fingerprint } = this.account;
    this.state.set("hub", { name: name || this.state.value.hub.name, key, fingerprint, url: ORIGIN });
  }

  #publishMe() {
    const { me, directory, people, account } = this;
    const name = directory.knows(me) ? directory.nameOf(me) : account.name;
    const profile = people.profileOf(me);
    this.state.set("me", {
      key: me,
      fingerprint: account.fingerprint,
      name,
      ...profile,
      displayName: directory.knows(me) || profile.displayName !== directory.nameOf(me) ? profile.displayName : name,
      isAdmin: directory.channels().some((row) => row.isAdmin && !row.hub && !row.space),
      inviter: account.inviter,
    });
  }

  /** Somebody has another key: where that is the hub's admin, the hub says so anew. @param {string[]} former */
  adminMoved(former) {
    if (this.admin && former.includes(this.admin.user)) {
      this.#learnTime();
    }
  }

  /** Whether what a key signed at a time, or what it signs now, is an admin's of the topic. */
  #isAdmin(topic, key, at = undefined) {
    if (topic.startsWith("feed:")) {
      return topic.slice("feed:".length) === key;
    }
    const row = this.directory.rows.get(topic);
    return row?.space ? this.spaces.isAdmin(topic, key) : isAdminKey(row?.hub ? row.admin : this.admin, key, at);
  }

  #contactChanged(key) {
    this.people.publish(key);
    this.#renamed(key);
  }

  #renamed(key) {
    this.timelines.renamed(key);
    this.conversations.renamed(key);
    if (key === this.me) {
      this.#publishMe();
    }
  }
}
