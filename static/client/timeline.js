/**
 * One conversation's messages in order, as far as they are loaded, and the changes that pages are told.
 *
 * What lies below the floor (columns.js) waits, unseen. Changes are gathered and told in bulk. Not here: what messages
 * mean together (fold.js).
 */

import { Columns } from "./columns.js";
import { effectOf, postOf } from "./fold.js";
import { comparePlaces, lowerBound, merged, runsOf } from "./order.js";

const BATCH_MS = 50;
const FIRST_MESSAGES = 200;
const OLDER_MESSAGES = 500;
const MIN_SHOWN = 50;
const MAX_PAGES_AT_ONCE = 10;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A loaded conversation. */
export class Timeline {
  isLoaded = false;
  isLoading = false;
  usedAt = 0;
  /** @type {import("./fold.js").Post[]} what was sent, in order */
  #sent = [];
  /** @type {import("./fold.js").Post[]} what is still in the outbox, in the order of writing */
  #unsent = [];
  #below = [];
  #arrived = [];
  #gone = new Set();
  #changed = new Set();
  #settled = new Map();
  #views = new Set();
  #timer = 0;
  #burnTimer = 0;
  /** @type {Columns} */
  #columns;
  #clock;
  #onQuotes;
  #turn = Promise.resolve();

  /**
   * @param {{fold: import("./fold.js").Fold, columns: {topic: string, author: string | null}[],
   *   fetch: (topic: string, author: string | null, before: string | null, limit: number) =>
   *     Promise<{facts: import("./verify.js").Fact[], oldest: object | null, before: string | null, more: boolean}>,
   *   clock: import("./clock.js").Clock, onQuotes: (ids: Set<string>) => void}} parts
   */
  constructor({ fold, columns, fetch, clock, onQuotes }) {
    this.fold = fold;
    this.#columns = new Columns(columns, fetch);
    this.#clock = clock;
    this.#onQuotes = onQuotes;
  }

  // ----------------------------------------------------------------------------------------------------------- pages

  get hasOlder() {
    return this.#columns.hasMore;
  }

  get size() {
    return this.#sent.length + this.#unsent.length;
  }

  get isWatched() {
    return this.#views.size > 0;
  }

  /** Where it lies: topics, and of shared inboxes whose messages. */
  get columns() {
    return this.#columns.places;
  }

  /** The sent texts, oldest first; not to be changed. */
  get posts() {
    return this.#sent;
  }

  /** All texts as items, the unsent ones last. */
  items() {
    return [...this.#sent, ...this.#unsent].map((post) => this.fold.itemOf(post));
  }

  /** What changes is told to `view` from now on. @param {(ops: object[]) => void} view */
  watch(view) {
    this.flush(); // what is gathered belongs to those who watch already
    this.#views.add(view);
  }

  /** @param {(ops: object[]) => void} view */
  unwatch(view) {
    this.#views.delete(view);
  }

  /** The newest page, once; later calls wait for the first. */
  load() {
    return this.#inTurn(async () => {
      if (!this.isLoaded) {
        await this.#loadMore(FIRST_MESSAGES, MIN_SHOWN);
        this.isLoaded = true;
      }
    });
  }

  /** An older page, of at least MIN_SHOWN texts if there are so many. */
  loadOlder() {
    return this.#inTurn(() => this.#loadMore(OLDER_MESSAGES, MIN_SHOWN));
  }

  /** Load older pages until `id` is held. @param {string} id @param {number} maxPages @returns {Promise<boolean>} */
  async seek(id, maxPages) {
    for (let page = 0; page < maxPages && !this.#holds(id) && this.hasOlder; page += 1) {
      await this.#inTurn(() => this.#loadMore(OLDER_MESSAGES, 1));
    }
    return this.#holds(id);
  }

  #holds(id) {
    const post = this.fold.posts.get(id);
    return post !== undefined && (post.entry !== null || this.#columns.isWhole(post));
  }

  #inTurn(work) {
    const turn = this.#turn.then(async () => {
      this.isLoading = true;
      try {
        await work();
      } finally {
        this.isLoading = false;
        this.flush();
      }
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #loadMore(limit, wanted) {
    const before = this.#shownCount();
    for (let page = 0; page < MAX_PAGES_AT_ONCE && this.hasOlder; page += 1) {
      await this.#columns.read(limit, page === 0 && !this.isLoaded, (fact) => this.add(fact));
      this.#raise();
      if (this.#shownCount() - before >= wanted) {
        break;
      }
    }
  }

  #shownCount() {
    return this.#sent.length + this.#arrived.length;
  }

  /** What waited below the floor and no longer does, is shown. */
  #raise() {
    const waiting = this.#below;
    this.#below = [];
    for (const post of waiting) {
      if (this.fold.posts.get(post.id) === post) { // it has not burned meanwhile
        (this.#columns.isWhole(post) ? this.#arrived : this.#below).push(post);
      }
    }
  }

  // -------------------------------------------------------------------------------------------------------- messages

  /**
   * Take a message: a text, or what it does to one.
   * @param {import("./verify.js").Fact} fact
   * @param {any} [entry] its outbox entry while it is unsent
   */
  add(fact, entry = null) {
    if (fact.burnAt && fact.burnAt <= this.#clock.now()) {
      return;
    }
    const post = postOf(fact, entry);
    if (post) {
      this.#addPost(post);
      return;
    }
    const effect = effectOf(fact, entry);
    for (const { rel, id } of effect ? fact.refs : []) {
      if (rel === effect.rel && !this.fold.hasEffect(id, effect.id)) {
        this.#touch(this.fold.addEffect(id, effect));
      }
    }
  }

  #addPost(post) {
    const held = this.fold.posts.get(post.id);
    if (held?.lock && !post.lock) {
      Object.assign(held, post); // its key has come
      this.#touch([held.id, ...this.fold.answersTo(held.id)]);
      return;
    }
    if (held && (held.entry === null || post.entry !== null)) {
      return;
    }
    if (held) {
      this.#settle(held, post);
      return;
    }
    this.#touch(this.fold.addPost(post));
    if (post.entry !== null) {
      this.flush(); // keeps the gathered changes apart from the list of the unsent
      this.#unsent.push(post);
      this.#tell([{ op: "insert", index: this.size - 1, items: [this.fold.itemOf(post)] }]);
    } else if (this.#columns.isWhole(post)) {
      this.#arrived.push(post);
      this.#later();
    } else {
      this.#below.push(post);
    }
  }

  /** The hub has what was unsent. */
  #settle(held, post) {
    this.#touch(this.fold.addPost(post));
    this.#settled.set(held, post);
    this.#later();
  }

  /** The state of an outbox entry has changed. @param {import("./verify.js").Fact} fact */
  update(fact) {
    this.#touch([fact.id, ...fact.refs.map(({ id }) => id)]);
  }

  /** The outbox has given up a message. @param {import("./verify.js").Fact} fact */
  remove(fact) {
    const post = this.fold.posts.get(fact.id);
    if (post?.entry) {
      this.#gone.add(post);
      this.#touch(this.fold.answersTo(post.id));
      this.#later();
    }
    for (const { id } of fact.refs) {
      this.#touch(this.fold.removeEffect(id, fact.id));
    }
  }

  /**
   * Items are to be made anew, where `test` says so: names or rights have changed.
   * @param {(post: any) => boolean} test
   */
  refresh(test) {
    this.#touch([...this.#sent, ...this.#unsent].filter(test).map((post) => post.id));
  }

  /** What an answered message says that is not held here. */
  quote(id, quote) {
    this.#touch(this.fold.setQuote(id, quote));
  }

  #touch(ids) {
    for (const id of ids) {
      const post = this.fold.posts.get(id);
      if (post) {
        post.item = null;
        this.#changed.add(post);
        this.#later();
      }
    }
  }

  // --------------------------------------------------------------------------------------------------------- changes

  #later() {
    this.#timer ||= setTimeout(() => this.flush(), BATCH_MS);
  }

  /** Tell what has been gathered. */
  flush() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const ops = [...this.#applyGone(), ...this.#applySettled(), ...this.#applyArrived(), ...this.#applyChanged()];
    if (ops.length) {
      this.#tell(ops);
    }
  }

  #tell(ops) {
    for (const view of this.#views) {
      view(ops);
    }
  }

  #applyGone() {
    const ops = [];
    for (const post of this.#gone) {
      const list = post.entry ? this.#unsent : this.#sent;
      const index = post.entry ? list.indexOf(post) : lowerBound(list, post);
      if (list[index] === post) {
        list.splice(index, 1);
        ops.push({ op: "remove", index: index + (post.entry ? this.#sent.length : 0), count: 1 });
      }
      this.fold.removePost(post.id);
      this.#touch([post.replyTo]);
    }
    this.#gone.clear();
    return ops;
  }

  /** Unsent ones that the hub now has: most often the first of them becomes the last of the sent, in its place. */
  #applySettled() {
    const ops = [];
    for (const [held, post] of this.#settled) {
      const index = this.#unsent.indexOf(held);
      this.#unsent.splice(index, 1);
      const last = this.#sent.at(-1);
      if (index === 0 && this.#arrived.length === 0 && (!last || comparePlaces(last, post) < 0)) {
        this.#sent.push(post);
        this.#changed.add(post);
        this.#watchBurning([post]);
      } else {
        ops.push({ op: "remove", index: this.#sent.length + index, count: 1 });
        this.#arrived.push(post);
      }
    }
    this.#settled.clear();
    return ops;
  }

  #applyArrived() {
    const arrived = this.#arrived.sort(comparePlaces);
    this.#arrived = [];
    if (!arrived.length) {
      return [];
    }
    this.#onQuotes(this.fold.unknownAnswered(arrived));
    this.#watchBurning(arrived);
    const runs = runsOf(this.#sent, arrived);
    this.#sent = merged(this.#sent, runs);
    return runs.map(({ index, posts }) => {
      return { op: "insert", index, items: posts.map((post) => this.fold.itemOf(post)) };
    });
  }

  #applyChanged() {
    const entries = [];
    for (const post of this.#changed) {
      const index = post.entry ? this.#sent.length + this.#unsent.indexOf(post) : lowerBound(this.#sent, post);
      if (this.fold.posts.get(post.id) === post && (post.entry || this.#sent[index] === post)) {
        entries.push([index, this.fold.itemOf(post)]);
      }
    }
    this.#changed.clear();
    return entries.length ? [{ op: "update", entries }] : [];
  }

  // --------------------------------------------------------------------------------------------------------- burning

  #watchBurning(posts) {
    if (posts.some((post) => post.burnAt)) {
      this.#burn();
    }
  }

  #burn() {
    clearTimeout(this.#burnTimer);
    const now = this.#clock.now();
    let next = Infinity;
    for (const post of this.fold.posts.values()) {
      if (post.burnAt && post.burnAt <= now) {
        this.#gone.add(post);
        this.#touch(this.fold.answersTo(post.id));
        this.#later();
      } else if (post.burnAt) {
        next = Math.min(next, post.burnAt);
      }
    }
    if (next < Infinity) {
      this.#burnTimer = setTimeout(() => this.#burn(), Math.min(next - now, MAX_TIMER_MS));
    }
  }
}
