/**
 * The heights of a long list's rows, with the sum above any row and the row at any height in O(log n): a Fenwick tree
 * over an array. Rows come and go in the middle; the tree is then built anew at the next question, in O(n).
 */

export class Heights {
  #sizes = [];
  /** @type {Float64Array | null} */
  #tree = null;

  get length() {
    return this.#sizes.length;
  }

  get total() {
    return this.top(this.#sizes.length);
  }

  /** @param {number} index */
  get(index) {
    return this.#sizes[index];
  }

  /**
   * Take `remove` rows out at `index` and put rows of these heights there.
   * @param {number} index
   * @param {number} remove
   * @param {number[]} sizes
   */
  splice(index, remove, sizes) {
    if (index === this.#sizes.length && this.#tree !== null && index + sizes.length < this.#tree.length) {
      for (const size of sizes) {
        this.#sizes.push(0);
        this.set(this.#sizes.length - 1, size);
      }
      return;
    }
    // Parts, because the number of arguments of a call has a limit
    const after = this.#sizes.splice(index);
    const rest = remove === 0 ? after : after.slice(remove);
    for (const part of [sizes, rest]) {
      for (let at = 0; at < part.length; at += 1) {
        this.#sizes.push(part[at]);
      }
    }
    this.#tree = null;
  }

  /**
   * @param {number} index
   * @param {number} size
   * @returns {number} by how much the row grew
   */
  set(index, size) {
    const growth = size - this.#sizes[index];
    if (growth === 0) {
      return 0;
    }
    this.#sizes[index] = size;
    const tree = this.#tree;
    if (tree !== null) {
      for (let at = index + 1; at < tree.length; at += at & -at) {
        tree[at] += growth;
      }
    }
    return growth;
  }

  /**
   * The height of all rows before `index`.
   * @param {number} index
   */
  top(index) {
    const tree = this.#built();
    let sum = 0;
    for (let at = index; at > 0; at -= at & -at) {
      sum += tree[at];
    }
    return sum;
  }

  /**
   * The row that covers the height `y`; the first or the last one for heights outside. -1 in an empty list.
   * @param {number} y
   */
  at(y) {
    const tree = this.#built();
    let index = 0;
    let left = y;
    for (let step = (tree.length - 1) || 0; step > 0; step >>= 1) {
      const next = index + step;
      if (next < tree.length && tree[next] <= left) {
        index = next;
        left -= tree[next];
      }
    }
    return Math.min(index, this.#sizes.length - 1);
  }

  /** The tree has a power of two of places, so that the walk in `at` is right and rows can be appended. */
  #built() {
    if (this.#tree === null) {
      let places = 64;
      while (places < this.#sizes.length + 1) {
        places *= 2;
      }
      const tree = new Float64Array(places + 1);
      for (let index = 0; index < this.#sizes.length; index += 1) {
        tree[index + 1] = this.#sizes[index];
      }
      for (let at = 1; at < tree.length; at += 1) {
        const parent = at + (at & -at);
        if (parent < tree.length) {
          tree[parent] += tree[at];
        }
      }
      this.#tree = tree;
    }
    return this.#tree;
  }
}
