/**
 * The rows of a virtual list that are in the document: made when they are wanted, brought up to date, measured, taken
 * out when they are not wanted any more. Elements that stay are never moved, so focus and selection stay. Not here:
 * where the rows lie (virtual.js).
 */

/** @typedef {{key: string, index: number, element: HTMLElement}} Row index: -1 while the row is gone */

export class RowPool {
  #block;
  #source;
  #observer;
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** @type {WeakMap<Element, Row>} */
  #rowOf = new WeakMap();

  /**
   * @param {HTMLElement} block in which they lie
   * @param {import("./virtual.js").Source} source
   * @param {ResizeObserver} observer of their heights
   */
  constructor(block, source, observer) {
    this.#block = block;
    this.#source = source;
    this.#observer = observer;
  }

  [Symbol.iterator]() {
    return this.#rows.values();
  }

  /** @param {string} key */
  get(key) {
    return this.#rows.get(key);
  }

  /** The row that a node is in. @param {Node | null} node */
  rowOf(node) {
    let element = node instanceof Element ? node : (node?.parentElement ?? null);
    while (element !== null && element.parentElement !== this.#block) {
      element = element.parentElement;
    }
    return element === null ? undefined : this.#rowOf.get(element);
  }

  /** So many rows have come at an index. @param {number} index @param {number} count */
  inserted(index, count) {
    for (const row of this) {
      row.index += row.index >= index ? count : 0;
    }
  }

  /** @param {number} index @param {number} count */
  removed(index, count) {
    for (const row of this) {
      row.index = row.index < index ? row.index : row.index < index + count ? -1 : row.index - count;
    }
  }

  /** All may be elsewhere: look them up by their keys. */
  relocate() {
    const places = new Map();
    for (let index = 0; index < this.#source.count() && places.size < this.#rows.size; index += 1) {
      const key = this.#source.key(index);
      if (this.#rows.has(key)) {
        places.set(key, index);
      }
    }
    for (const row of this) {
      row.index = places.get(row.key) ?? -1;
    }
  }

  /** Bring what is in the document up to date. @returns {Row[]} the rows that stay */
  refresh() {
    const kept = [];
    for (const row of this) {
      if (row.index >= 0 && this.#source.key(row.index) === row.key) {
        this.#source.refresh(row.element, row.index);
        kept.push(row);
      } else {
        row.index = -1;
      }
    }
    return kept;
  }

  /**
   * Have exactly these rows in the document.
   * @param {number[]} wanted in order
   * @returns {Row[]} those whose height is to be measured
   */
  show(wanted) {
    const keys = new Set(wanted.map((index) => this.#source.key(index)));
    for (const row of this) {
      if (!keys.has(row.key)) {
        this.#observer.unobserve(row.element);
        row.element.remove();
        this.#rows.delete(row.key);
      }
    }
    const fresh = [];
    let next = this.#block.firstElementChild;
    for (const index of wanted) {
      const key = this.#source.key(index);
      let row = this.#rows.get(key);
      if (row === undefined) {
        row = this.#make(key, index);
        this.#block.insertBefore(row.element, next);
        this.#observer.observe(row.element);
        fresh.push(row);
        continue;
      }
      if (row.index < 0) {
        this.#source.refresh(row.element, index);
        fresh.push(row);
      }
      row.index = index;
      if (row.element === next) {
        next = next.nextElementSibling;
      } else {
        this.#block.insertBefore(row.element, next);
      }
    }
    return fresh;
  }

  #make(key, index) {
    const row = { key, index, element: this.#source.build(index) };
    this.#rows.set(key, row);
    this.#rowOf.set(row.element, row);
    return row;
  }
}
