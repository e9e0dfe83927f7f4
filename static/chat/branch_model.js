/**
 * A branch of the invite tree: accounts with their children, which of them are unfolded, what a search finds, what a
 * key of the keyboard leads to. Not here: where they stand (branch_layout.js), elements (branch_picture.js).
 */

/**
 * What the hub tells of an account; the numbers that begin with `below` sum up the accounts under it.
 * @typedef {{key: string, name: string, parent: string | null, kind: string, state: "active" | "frozen" | "waiting",
 *   created_at: number, invites_left: number, messages: number, messages_limit: number | null, bytes: number,
 *   bytes_limit: number | null, children: number, below: number, below_waiting: number, below_invites: number,
 *   below_messages: number, below_bytes: number, title?: string}} Item `title` is what it is called in the picture
 */

/** An account in its place. */
export class BranchNode {
  /** @type {BranchNode | null} */
  parent = null;
  /** @type {BranchNode[]} */
  children = [];
  isOpen = false;
  depth = 0;

  /** @param {Item} item */
  constructor(item) {
    this.item = item;
    this.key = item.key;
    this.title = item.title ?? item.name;
    this.folded = fold(`${this.title} ${item.name}`);
  }

  /** Whether there are accounts below that are not here. */
  get isCut() {
    return this.children.length < this.item.children;
  }

  get hasChildren() {
    return this.item.children > 0;
  }
}

/** What is compared in a search. @param {string} text */
function fold(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

/** The tree. */
export class BranchModel {
  /** @type {Map<string, BranchNode>} */
  nodes = new Map();

  /** @param {Item[]} items each after its parent, the top first */
  constructor(items) {
    this.add(items);
    this.root = [...this.nodes.values()][0];
  }

  /** More of it: what was cut off. @param {Item[]} items each after its parent */
  add(items) {
    for (const item of items) {
      if (this.nodes.has(item.key)) {
        continue;
      }
      const node = new BranchNode(item);
      const parent = item.parent === null ? null : this.nodes.get(item.parent);
      if (parent) {
        node.parent = parent;
        node.depth = parent.depth + 1;
        parent.children.push(node);
      }
      this.nodes.set(item.key, node);
    }
  }

  /** The children that are shown. @param {BranchNode} node */
  shownOf(node) {
    return node.isOpen ? node.children : [];
  }

  /** What is shown, from above to below. */
  shown() {
    const found = [];
    const waiting = [this.root];
    while (waiting.length > 0) {
      const node = waiting.pop();
      found.push(node);
      waiting.push(...[...this.shownOf(node)].reverse());
    }
    return found;
  }

  /** Unfold generation by generation, in each the largest first, as far as so many are shown. @param {number} most */
  unfold(most) {
    let count = 1;
    const largest = (one, other) => one.depth - other.depth || other.item.below - one.item.below;
    for (const node of [...this.nodes.values()].sort(largest)) {
      const isShown = node.parent === null || node.parent.isOpen;
      node.isOpen = isShown && node.children.length > 0 && (node === this.root || count + node.children.length <= most);
      count += node.isOpen ? node.children.length : 0;
    }
  }

  /** Fold all but the top. */
  foldAll() {
    for (const node of this.nodes.values()) {
      node.isOpen = node === this.root;
    }
  }

  /** Unfold all above a node. @param {BranchNode} node */
  reveal(node) {
    for (let above = node.parent; above !== null; above = above.parent) {
      above.isOpen = true;
    }
  }

  /** Whose names have a text in them, in the order of the picture. @param {string} query */
  find(query) {
    const wanted = fold(query.trim());
    return wanted === "" ? [] : this.#all().filter((node) => node.folded.includes(wanted));
  }

  /** All, from above to below. */
  #all() {
    const found = [];
    const waiting = [this.root];
    while (waiting.length > 0) {
      const node = waiting.pop();
      found.push(node);
      waiting.push(...[...node.children].reverse());
    }
    return found;
  }

  /** A node with all below it. @param {string} key */
  branch(key) {
    const found = [this.nodes.get(key)].filter(Boolean);
    for (const node of found) {
      found.push(...node.children);
    }
    return found;
  }

  /**
   * Where a key of the keyboard leads from a node, as in every tree; null where nowhere.
   * @param {BranchNode} node
   * @param {string} key
   * @returns {BranchNode | null}
   */
  step(node, key) {
    const shown = this.shown();
    const at = shown.indexOf(node);
    switch (key) {
      case "ArrowDown":
        return shown[at + 1] ?? null;
      case "ArrowUp":
        return shown[at - 1] ?? null;
      case "Home":
        return shown[0];
      case "End":
        return shown.at(-1);
      case "ArrowRight":
        return this.shownOf(node)[0] ?? null;
      case "ArrowLeft":
        return node.parent;
      default:
        return key.length === 1 ? this.#named(shown, at, fold(key)) : null;
    }
  }

  /** The next whose name begins with a letter. */
  #named(shown, at, letter) {
    const after = [...shown.slice(at + 1), ...shown.slice(0, at)];
    return (letter && after.find((node) => node.folded.startsWith(letter))) || null;
  }
}
