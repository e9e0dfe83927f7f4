/**
 * A virtual list: of many rows only those near the view are in the document. Rows lie in normal flow in one block,
 * which is placed inside a spacer as high as the whole list; heights are estimated until a row has been seen, then
 * kept.
 *
 * What the reader looks at stays where it is: the list keeps an anchor (a row and its distance from the view's top), or
 * sticks to the end if the reader is there. While the person scrolls, corrections move the content (`#shift`) and not
 * the scroll position, which would cut a running fling or a drag of the scrollbar short; at rest the two are made equal
 * again.
 *
 * The first row leads: it stands before all others, and new ones come after it at the earliest.
 * Not here: what a row is (`source`), the keyboard, the loading of more.
 */

import { Heights } from "./heights.js";
import { RowPool } from "./row_pool.js";

const OVERSCAN_PX = 700;
const FAST_OVERSCAN_PX = 200;
const END_SLACK_PX = 8;
const MARGIN_PX = 12;
const CONTEXT_PX = 56; // of what comes before the row that is to be at the top
const MAX_ROUNDS = 4;
const REST_MS = 150;
const HAS_SCROLLEND = "onscrollend" in window;

/**
 * @typedef {object} Source what the list shows
 * @property {() => number} count
 * @property {(index: number) => string} key
 * @property {(index: number) => number} estimate the height of a row that has not been seen, in px
 * @property {(index: number) => HTMLElement} build
 * @property {(element: HTMLElement, index: number) => void} refresh bring a row that is in the document up to date
 * @property {() => number[]} kept rows that stay in the document wherever the view is
 * @property {() => void} moved the view shows other rows than before
 */

export class VirtualList {
  #scroller;
  #source;
  #spacer;
  #block;
  #heights = new Heights();
  #rows;
  #anchor = { index: 0, y: 0 };
  #sticks = true;
  #isScrolling = false;
  #shift = 0;
  #scrollTop = 0;
  #y = 0;
  #view = 0;
  #width = 0;
  #first = 0;
  #last = -1;
  #speed = 0;
  #restTimer = 0;
  #fillFrame = 0;
  #estimateTimer = 0;
  #observer;
  #stopper = new AbortController();

  /**
   * @param {HTMLElement} scroller what scrolls; `block` lies in `spacer`, which lies in it
   * @param {HTMLElement} spacer
   * @param {HTMLElement} block
   * @param {Source} source
   */
  constructor(scroller, spacer, block, source) {
    this.#scroller = scroller;
    this.#spacer = spacer;
    this.#block = block;
    this.#source = source;
    this.#observer = new ResizeObserver((entries) => this.#onResize(entries));
    this.#observer.observe(scroller);
    this.#rows = new RowPool(block, source, this.#observer);
    const { signal } = this.#stopper;
    scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true, signal });
    scroller.addEventListener("scrollend", () => this.#rest(), { signal });
  }

  /** The scroller may be given to another list now. */
  close() {
    this.#stopper.abort();
    this.#observer.disconnect();
    clearTimeout(this.#restTimer);
    clearTimeout(this.#estimateTimer);
    cancelAnimationFrame(this.#fillFrame);
  }

  /** Whether the end of the list is in view. */
  get isAtEnd() {
    return this.#y >= this.#limit() - END_SLACK_PX;
  }

  /** Whether the list follows its end as rows are added. */
  get sticks() {
    return this.#sticks;
  }

  /** How far the view is from the list's beginning, in px. */
  get distanceFromTop() {
    return this.#y;
  }

  get distanceFromEnd() {
    return Math.max(0, this.#limit() - this.#y - END_SLACK_PX);
  }

  get viewHeight() {
    return this.#view;
  }

  /** The width that rows have, in px. */
  get width() {
    return this.#width;
  }

  /** The rows that are wholly in view, or the one that covers it. @returns {{first: number, last: number}} */
  get visible() {
    let first = this.#heights.at(this.#y);
    let last = this.#heights.at(this.#y + this.#view - 1);
    if (first < last && this.#heights.top(first) < this.#y) {
      first += 1;
    }
    if (last > first && this.#heights.top(last + 1) > this.#y + this.#view) {
      last -= 1;
    }
    return { first, last };
  }

  /** The element of a row, if it is in the document. @param {string} key */
  element(key) {
    return this.#rows.get(key)?.element ?? null;
  }

  /** The row that an element is or lies in: its index, or -1. @param {Node | null} node */
  indexOf(node) {
    return this.#rows.rowOf(node)?.index ?? -1;
  }

  /** Begin anew: all rows may be others. The view keeps its anchor row by index, or its end. */
  reset() {
    const count = this.#source.count();
    this.#heights = new Heights();
    this.#heights.splice(0, 0, Array.from({ length: count }, (_, index) => this.#source.estimate(index)));
    this.#rows.relocate();
    this.#anchor.index = Math.max(0, Math.min(this.#anchor.index, count - 1));
    this.refresh();
  }

  /**
   * Rows have come and gone.
   * @param {{op: string, index?: number, count?: number, indexes?: number[]}[]} ops in order; the source has them all
   */
  apply(ops) {
    let fresh = Infinity;
    for (const { op, index, count, indexes } of ops) {
      if (op === "insert") {
        fresh = Math.min(fresh, index);
        this.#insert(index, count);
      } else if (op === "remove") {
        fresh = Math.min(fresh, index);
        this.#remove(index, count);
      } else if (op === "update") {
        for (const at of indexes) {
          if (this.#rows.get(this.#source.key(at)) === undefined) {
            this.#heights.set(at, this.#source.estimate(at));
          }
        }
      }
    }
    for (let index = fresh; index < this.#heights.length; index += 1) {
      if (this.#heights.get(index) === 0) {
        this.#heights.set(index, this.#source.estimate(index));
      }
    }
    this.refresh();
  }

  #insert(index, count) {
    this.#heights.splice(index, 0, new Array(count).fill(0)); // 0: to be estimated when all is in place
    this.#rows.inserted(index, count);
    this.#anchor.index += this.#anchor.index >= index ? count : 0;
  }

  #remove(index, count) {
    this.#heights.splice(index, count, []);
    this.#rows.removed(index, count);
    if (this.#anchor.index >= index) {
      this.#anchor.index = Math.max(index, this.#anchor.index - count);
    }
  }

  /** Bring the rows in the document up to date, and the place of everything. */
  refresh() {
    for (const row of this.#rows.refresh()) {
      this.#measure(row); // after all writes, so that the page is laid out once
    }
    this.#last = -1;
    this.#layout();
    this.#source.moved();
  }

  /** To the end, and follow it from now on. */
  scrollToEnd() {
    this.#sticks = true;
    this.#isScrolling = false;
    this.#layout();
    this.#source.moved();
  }

  /**
   * Bring a row into view.
   * @param {number} index
   * @param {"start" | "third" | "nearest"} [align]
   */
  scrollToIndex(index, align = "nearest") {
    for (let round = 0; round < 2; round += 1) {
      const size = this.#heights.get(index);
      const at = this.#heights.top(index) - this.#y;
      let y = align === "start" ? CONTEXT_PX : Math.max(0, this.#view / 3 - size / 2);
      if (align === "nearest") {
        const lowest = this.#view - size - MARGIN_PX;
        y = at < MARGIN_PX || lowest < MARGIN_PX ? MARGIN_PX : Math.min(at, lowest);
        if (Math.abs(y - at) < 1 || (index === this.#heights.length - 1 && this.isAtEnd)) {
          return;
        }
      }
      this.#sticks = false;
      this.#isScrolling = false;
      this.#anchor = { index, y };
      this.#layout();
    }
    this.#source.moved();
  }

  /** Keep the view on this row, whatever grows below it. @param {number} index */
  hold(index) {
    this.#sticks = false;
    this.#anchor = { index, y: this.#heights.top(index) - this.#y };
  }

  /** Scroll by so many px, as the person's own keys do. @param {number} distance */
  scrollBy(distance) {
    this.#y = Math.max(0, Math.min(this.#y + distance, this.#limit()));
    this.#isScrolling = false;
    this.#takeAnchor();
    this.#layout();
    this.#source.moved();
  }

  #limit() {
    return Math.max(0, this.#heights.total - this.#view);
  }

  #onScroll() {
    const now = this.#scroller.scrollTop;
    if (now === this.#scrollTop || now < 0 || this.#view === 0) {
      return;
    }
    this.#speed = Math.abs(now - this.#scrollTop);
    this.#scrollTop = now;
    this.#isScrolling = true;
    this.#y = now - this.#shift;
    this.#takeAnchor();
    this.#layout();
    this.#source.moved();
    if (!HAS_SCROLLEND) {
      clearTimeout(this.#restTimer);
      this.#restTimer = setTimeout(() => this.#rest(), REST_MS);
    }
  }

  #rest() {
    this.#isScrolling = false;
    this.#speed = 0;
    if (this.#view > 0) {
      this.#layout();
    }
  }

  /**
   * The first row that is wholly in view is what must not move; a reader at the end follows it. It is never the leading
   * row: what comes in comes after that one, and would push away what is read.
   */
  #takeAnchor() {
    this.#sticks = this.isAtEnd;
    let index = Math.max(Math.min(1, this.#heights.length - 1), this.#heights.at(this.#y));
    const below = this.#heights.top(index + 1);
    if (index + 1 < this.#heights.length && this.#heights.top(index) < this.#y && below < this.#y + this.#view) {
      index += 1;
    }
    this.#anchor = { index, y: this.#heights.top(index) - this.#y };
  }

  /** Place everything and fill the view. What is filled is measured, which may move the rest: a few rounds. */
  #layout() {
    if (this.#view === 0) {
      return;
    }
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      this.#place();
      if (!this.#fill()) {
        break;
      }
    }
    this.#position();
  }

  #place() {
    const limit = this.#limit();
    const wanted = this.#heights.top(this.#anchor.index) - this.#anchor.y;
    this.#y = this.#sticks ? limit : Math.max(0, Math.min(wanted, limit));
    const atRisk = this.#scrollTop < this.#view && Math.abs(this.#scrollTop - this.#y) >= 1;
    if (this.#isScrolling && !atRisk) {
      this.#setShift(this.#scrollTop - this.#y);
      return;
    }
    const target = Math.round(this.#y);
    this.#setShift(target - this.#y);
    if (target !== this.#scrollTop) {
      this.#scroller.scrollTop = target;
      this.#scrollTop = this.#scroller.scrollTop;
      this.#shift = this.#scrollTop - this.#y;
    }
  }

  #setShift(shift) {
    this.#shift = shift;
    const height = `${Math.max(this.#view, Math.ceil(this.#heights.total + shift))}px`;
    if (this.#spacer.style.height !== height) {
      this.#spacer.style.height = height;
    }
  }

  /** Where the block lies: a list shorter than the view rests on the view's bottom. */
  #position() {
    const rest = Math.max(0, this.#view - this.#heights.total);
    const top = `${this.#heights.top(this.#first) + this.#shift + rest}px`;
    if (this.#block.style.top !== top) {
      this.#block.style.top = top;
    }
    for (const row of this.#rows) {
      const isStray = row.index < this.#first || row.index > this.#last;
      row.element.classList.toggle("stray", isStray);
      row.element.style.top = isStray ? `${this.#heights.top(row.index) - this.#heights.top(this.#first)}px` : "";
    }
  }

  /** Put the rows of the view into the document. @returns {boolean} whether a height turned out to be another */
  #fill() {
    const count = this.#heights.length;
    const over = this.#speed > this.#view ? FAST_OVERSCAN_PX : OVERSCAN_PX;
    const isFilled = this.#last >= 0 && this.#covers(over / 2);
    if (count === 0 || isFilled) {
      return false;
    }
    this.#first = Math.max(0, this.#heights.at(this.#y - over));
    this.#last = this.#heights.at(this.#y + this.#view + over);
    const fresh = this.#rows.show(this.#wanted());
    let hasChanged = false;
    for (const row of fresh) {
      hasChanged = this.#measure(row) || hasChanged;
    }
    return hasChanged;
  }

  #covers(over) {
    const top = this.#heights.top(this.#first);
    const bottom = this.#heights.top(this.#last + 1);
    const from = Math.max(0, this.#y - over);
    const to = Math.min(this.#heights.total, this.#y + this.#view + over);
    return top <= from && bottom >= to;
  }

  #wanted() {
    const wanted = new Set();
    for (const index of this.#source.kept()) {
      if (index >= 0 && index < this.#heights.length) {
        wanted.add(index);
      }
    }
    for (let index = this.#first; index <= this.#last; index += 1) {
      wanted.add(index);
    }
    return [...wanted].sort((a, b) => a - b);
  }

  #measure(row) {
    const size = row.element.getBoundingClientRect().height;
    return size > 0 && this.#heights.set(row.index, size) !== 0;
  }

  #onResize(entries) {
    let hasChanged = false;
    for (const { target, borderBoxSize, contentRect } of entries) {
      if (target === this.#scroller) {
        this.#onViewResize(contentRect);
        hasChanged = true;
        continue;
      }
      const row = this.#rows.rowOf(target);
      const size = borderBoxSize[0].blockSize;
      if (row !== undefined && row.index >= 0 && target.isConnected && size > 0) {
        hasChanged = this.#heights.set(row.index, size) !== 0 || hasChanged;
      }
    }
    if (!hasChanged || this.#view === 0) {
      return;
    }
    this.#place();
    if (this.#last < 0 || !this.#covers(0)) {
      this.#layout();
    } else {
      this.#position();
      cancelAnimationFrame(this.#fillFrame);
      this.#fillFrame = requestAnimationFrame(() => this.#layout());
    }
    this.#source.moved();
  }

  #onViewResize({ width, height }) {
    if (this.#view === 0) {
      this.#scrollTop = this.#scroller.scrollTop; // a list that was not displayed has lost it
    }
    this.#view = height;
    if (width !== this.#width && height > 0) {
      const isFirst = this.#width === 0;
      this.#width = width;
      if (isFirst) {
        this.#estimateAll();
        return;
      }
      clearTimeout(this.#estimateTimer);
      this.#estimateTimer = setTimeout(() => this.#estimateAll(), REST_MS);
    }
  }

  /** The width is another: what is not in the document has to be estimated again. */
  #estimateAll() {
    const inDocument = new Set(Array.from(this.#rows, (row) => row.index));
    const sizes = [];
    for (let index = 0; index < this.#heights.length; index += 1) {
      sizes.push(inDocument.has(index) ? this.#heights.get(index) : this.#source.estimate(index));
    }
    this.#heights.splice(0, sizes.length, sizes);
    this.#layout();
    this.#source.moved();
  }
}
