/**
 * <accord-log>: the messages of one conversation in a virtual list, with what stands before the first, the way back to
 * the latest, and the loading of older ones before the reader gets to them. It says what a person asks for in "action"
 * events {name, item, data, from}; what comes in while it is open, in "arrived" {items}; that the view moved, in
 * "moved". Not here: the keyboard (log_keys.js), selection and copying (log_copy.js), what the actions do
 * (conversation.js).
 */

import { plural, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { h, icon } from "./dom.js";
import { introElement } from "./intro.js";
import { copySelection, selectedRows } from "./log_copy.js";
import { LogKeys } from "./log_keys.js";
import { showPictures } from "./filebox.js";
import { fillRow } from "./message.js";
import { MessageBar } from "./message_bar.js";
import { guessHeight, placeOf } from "./rows.js";
import { VirtualList } from "./virtual.js";

const LEAD = "lead";
const LEAD_PX = 56;
const AHEAD_VIEWS = 4;
const RETRY_MS = 3_000;
const REFRESH_MS = 30_000;
const FLASH_MS = 1_600;

export class AccordLog extends HTMLElement {
  /** @type {any} */
  client = null;
  /** @type {any} */
  timeline = null;
  conversation = "";
  /** @type {VirtualList | null} */
  list = null;
  #scroller = h("div", { class: "log-scroller", role: "log", "aria-live": "off" });
  #block = h("div", { class: "log-block" });
  #latest = h("button", { type: "button", class: "log-pill latest", hidden: true,
    on: { click: () => this.goToLatest() } });
  #unread = h("button", { type: "button", class: "log-pill first-unread", hidden: true,
    on: { click: () => this.#goToUnread() } },
    icon("down"), t("Go to the first new message"));
  #keys = new LogKeys(this);
  #bar = new MessageBar(this);
  #stamps = new WeakMap();
  #whole = new Set();
  #editing = { id: "", element: null };
  #isOpening = false;
  #hasFailed = false;
  #fresh = 0;
  #epoch = 0;
  #flashing = "";
  #flashTimer = 0;
  #retryTimer = 0;
  #tick = 0;
  #onChange = (event) => this.#change(event.detail);

  connectedCallback() {
    if (this.childElementCount === 0) {
      const spacer = h("div", { class: "log-spacer" }, this.#block);
      this.#scroller.append(spacer);
      this.append(this.#scroller, this.#unread, this.#latest);
      this.#keys.listen(this.#scroller);
      this.#bar.listen(this.#scroller);
      this.#scroller.addEventListener("copy", (event) => copySelection(event, this));
    }
  }

  get items() {
    return this.timeline?.items ?? [];
  }

  get block() {
    return this.#block;
  }

  get scroller() {
    return this.#scroller;
  }

  get isAtEnd() {
    return this.list !== null && this.list.viewHeight > 0 && this.list.isAtEnd;
  }

  /** What screen readers call it. @param {string} label */
  set label(label) {
    this.#scroller.setAttribute("aria-label", label);
  }

  /**
   * Show a conversation.
   * @param {any} client
   * @param {string} conversation
   */
  open(client, conversation) {
    this.close();
    this.client = client;
    this.conversation = conversation;
    this.timeline = client.timeline(conversation);
    this.timeline.addEventListener("change", this.#onChange);
    this.#isOpening = true;
    this.list = new VirtualList(this.#scroller, this.#block.parentElement, this.#block, this.#source());
    this.list.reset();
    this.#tick = setInterval(() => this.#refreshTimes(), REFRESH_MS);
  }

  close() {
    this.list?.close();
    this.list = null;
    this.timeline?.removeEventListener("change", this.#onChange);
    this.timeline?.close();
    this.timeline = null;
    this.#block.replaceChildren();
    this.#whole.clear();
    this.#editing = { id: "", element: null };
    this.#hasFailed = false;
    this.#fresh = 0;
    this.#keys.reset();
    this.#bar.hide();
    clearTimeout(this.#retryTimer);
    clearInterval(this.#tick);
    this.#latest.hidden = true;
    this.#unread.hidden = true;
  }

  /** Names, the connection or the conversation itself have changed: all that is shown is made again. */
  redraw() {
    this.#epoch += 1;
    this.list?.refresh();
  }

  /** The conversation's state has changed: what stands before the first message may be otherwise. */
  refresh() {
    this.list?.refresh();
  }

  /** The place of an item, or -1. @param {string} id */
  indexOf(id) {
    return this.items.findLastIndex((item) => item.id === id);
  }

  /** The article of an item, if it is in the document. @param {string} id @returns {HTMLElement | null} */
  article(id) {
    return this.list?.element(id)?.querySelector("article") ?? null;
  }

  /** Put the focus on a message, which comes into view for it. @param {number} index */
  focusItem(index) {
    const item = this.items[index];
    if (item !== undefined) {
      this.#keys.moveTo(item.id);
      this.list.scrollToIndex(index + 1, "nearest");
      this.article(item.id)?.focus({ preventScroll: true });
    }
  }

  /** Put the focus on the newest message. */
  focusLast() {
    this.focusItem(this.items.length - 1);
  }

  /**
   * Load up to a message, bring it into view and light it up for a moment.
   * @param {string} id
   * @param {{isQuiet?: boolean, takesFocus?: boolean}} [options]
   * @returns {Promise<boolean>} whether it is there
   */
  async goTo(id, { isQuiet = false, takesFocus = true } = {}) {
    const timeline = this.timeline;
    const found = this.indexOf(id) >= 0 || (await timeline.seek(id).catch(() => -1)) >= 0;
    const index = this.timeline === timeline ? this.indexOf(id) : -1;
    if (!found || index < 0) {
      if (!isQuiet) {
        announce(t("That message is not here any more."));
      }
      return false;
    }
    this.#isOpening = false;
    this.list.scrollToIndex(index + 1, "third");
    if (!isQuiet) {
      this.#flash(id);
    }
    if (takesFocus) {
      this.#keys.moveTo(id);
      this.article(id)?.focus({ preventScroll: true });
    }
    return true;
  }

  goToLatest() {
    this.list?.scrollToEnd();
    this.act("compose", null, this);
  }

  /** Show an element in place of a message's text, until `endEdit`. @param {string} id @param {HTMLElement} element */
  beginEdit(id, element) {
    this.endEdit();
    this.#editing = { id, element };
    this.list.refresh();
    this.list.scrollToIndex(this.indexOf(id) + 1, "nearest");
  }

  endEdit() {
    if (this.#editing.element !== null) {
      this.#editing = { id: "", element: null };
      this.list?.refresh();
    }
  }

  get editing() {
    return this.#editing.id;
  }

  /** Show all of a long text; what is above stays where it is. @param {string} id */
  unfold(id) {
    const index = this.indexOf(id);
    this.#whole.add(id);
    this.list.hold(index + 1);
    this.list.refresh();
    this.article(id)?.focus({ preventScroll: true });
  }

  /** A screen up or down. @param {number} direction */
  page(direction) {
    this.#keys.page(direction);
  }

  act(name, item, from, data = null) {
    this.dispatchEvent(new CustomEvent("action", { detail: { name, item, from, data } }));
  }

  #source() {
    return {
      count: () => this.items.length + 1,
      key: (index) => (index === 0 ? LEAD : (this.items[index - 1]?.id ?? "")),
      estimate: (index) => this.#estimate(index),
      build: (index) => {
        const row = h("div", { class: "item" });
        this.#fill(row, index);
        return row;
      },
      refresh: (row, index) => this.#fill(row, index),
      kept: () => [...selectedRows(this), this.#rowOf(this.#keys.focused), this.#rowOf(this.#editing.id)],
      moved: () => this.#moved(),
    };
  }

  #rowOf(id) {
    return id === "" ? -1 : this.indexOf(id) + 1 || -1;
  }

  #estimate(index) {
    if (index === 0) {
      return LEAD_PX;
    }
    return guessHeight(this.items[index - 1], placeOf(this.items, index - 1, this.timeline.firstUnread),
      this.list?.width ?? 0);
  }

  /** Make a row anew if what it shows is not what it was made from. */
  #fill(row, index) {
    const stamp = index === 0 ? this.#leadStamp() : this.#stamp(index - 1);
    const last = this.#stamps.get(row);
    if (last !== undefined && last.length === stamp.length && stamp.every((value, place) => value === last[place])) {
      return;
    }
    this.#stamps.set(row, stamp);
    if (index === 0) {
      row.replaceChildren(introElement(this, this.#hasFailed));
      return;
    }
    const item = this.items[index - 1];
    const place = placeOf(this.items, index - 1, this.timeline.firstUnread);
    const restore = this.#keys.keepFocus(row);
    fillRow(row, item, place, {
      state: this.client.state,
      isWhole: this.#whole.has(item.id),
      editor: item.id === this.#editing.id ? this.#editing.element : null,
    });
    row.classList.toggle("flash", item.id === this.#flashing);
    if (item.files?.length) {
      showPictures(row, item, this.client);
    }
    restore();
  }

  #leadStamp() {
    const { hasOlder } = this.timeline;
    const { horizon, lock } = this.client.state.conversations[this.conversation] ?? {};
    return [hasOlder, this.#hasFailed, this.items.length === 0, this.timeline.isLoading && this.items.length === 0,
      horizon, lock?.state, this.#epoch];
  }

  #stamp(index) {
    const item = this.items[index];
    const { day, isNew, head, origin } = placeOf(this.items, index, this.timeline.firstUnread);
    const minute = item.burnAt ? Math.floor(Date.now() / REFRESH_MS) : 0;
    return [item, day, isNew, head, origin, this.#epoch, this.#whole.has(item.id), item.id === this.#editing.id,
      item.id === this.#flashing, minute];
  }

  #change(ops) {
    if (this.list === null) {
      return;
    }
    if (ops.some(({ op }) => op === "reset")) {
      this.list.reset();
    } else {
      const follows = this.list.sticks;
      this.list.apply(ops.map((op) => ("index" in op ? { ...op, index: op.index + 1 }
        : { ...op, indexes: op.indexes.map((index) => index + 1) })));
      this.#arrived(ops, follows);
    }
    this.#loadOlder();
  }

  /** What came in at the end: my own brings me there, others' are counted if I am elsewhere. */
  #arrived(ops, follows) {
    if (this.#isOpening) {
      return;
    }
    const arrived = [];
    let tail = this.items.findLastIndex((item) => item.state === "sent") + 1;
    for (const { op, index, count } of ops.toReversed()) {
      if (op === "insert" && index + count >= tail) {
        arrived.unshift(...this.items.slice(index, index + count));
        tail = index;
      } else if (op === "remove" && index < tail) {
        tail += count;
      }
    }
    if (arrived.some((item) => item.isOwn && item.state === "sending")) {
      this.list.scrollToEnd();
    }
    const others = arrived.filter((item) => !item.isOwn);
    if (others.length > 0) {
      this.#fresh += follows ? 0 : others.length;
      this.#showLatest();
      this.dispatchEvent(new CustomEvent("arrived", { detail: { items: others } }));
    }
  }

  #moved() {
    if (this.list === null || this.list.viewHeight === 0) {
      return;
    }
    if (this.#isOpening && (this.items.length > 0 || !this.timeline.isLoading)) {
      this.#isOpening = false;
      this.#begin();
    }
    if (this.list.isAtEnd) {
      this.#fresh = 0;
    }
    this.#showLatest();
    this.#keys.settle();
    this.#loadOlder();
    this.dispatchEvent(new CustomEvent("moved"));
  }

  /** Where reading begins: at the first unread message if it is above the last screen, else at the end. */
  #begin() {
    const first = this.timeline.firstUnread;
    this.list.scrollToEnd();
    if (first === null) {
      return;
    }
    const index = this.indexOf(first);
    if (index < 0) {
      this.#unread.hidden = false;
    } else if (index + 1 < this.list.visible.first) {
      this.list.scrollToIndex(index + 1, "start");
    }
  }

  /** Nothing is new any more: the way to it goes. */
  dismissUnread() {
    this.#unread.hidden = true;
  }

  async #goToUnread() {
    this.#unread.disabled = true;
    await this.goTo(this.timeline.firstUnread, { isQuiet: true });
    this.#unread.disabled = false;
    this.#unread.hidden = true;
  }

  #showLatest() {
    const far = this.#fresh > 0 ? 0 : this.list.viewHeight / 2;
    const isShown = this.items.length > 0 && this.list.distanceFromEnd > far;
    const words = this.#fresh > 0
      ? plural("{count} new message", "{count} new messages", this.#fresh) : t("Latest");
    if (isShown && this.#latest.textContent !== words) {
      this.#latest.replaceChildren(icon("down"), words);
      this.#latest.classList.toggle("has-new", this.#fresh > 0);
    }
    if (this.#latest.hidden === isShown) {
      this.#latest.hidden = !isShown;
    }
  }

  /** Ask for older messages while the reader is still some screens away from the oldest held. */
  async #loadOlder() {
    const timeline = this.timeline;
    const isNear = this.list !== null && this.list.viewHeight > 0
      && this.list.distanceFromTop < AHEAD_VIEWS * this.list.viewHeight;
    if (!isNear || this.#isOpening || this.#hasFailed || !timeline.hasOlder || timeline.isLoading) {
      return;
    }
    try {
      await timeline.loadOlder();
    } catch {
      if (this.timeline === timeline) {
        this.#hasFailed = true;
        this.#retryTimer = setTimeout(() => this.retryOlder(), RETRY_MS);
      }
    }
    if (this.timeline === timeline) {
      this.list.refresh();
    }
  }

  /** Try again to load older messages. */
  retryOlder() {
    clearTimeout(this.#retryTimer);
    this.#hasFailed = false;
    this.list?.refresh();
  }

  #flash(id) {
    clearTimeout(this.#flashTimer);
    this.#flashing = id;
    this.list.refresh();
    this.#flashTimer = setTimeout(() => {
      this.#flashing = "";
      this.list?.refresh();
    }, FLASH_MS);
  }

  /** What is left of burning messages. */
  #refreshTimes() {
    if (this.items.some((item) => item.burnAt)) {
      this.list?.refresh();
    }
  }
}

customElements.define("accord-log", AccordLog);
