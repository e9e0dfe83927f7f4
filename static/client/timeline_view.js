/**
 * A page's look at one conversation: the worker's list, mirrored by the changes that it tells.
 */

import { ClientError } from "./errors.js";

/** Event "change": detail is the list of ops (reset, insert, remove, update), already applied to `items`. */
export class Timeline extends EventTarget {
  /** Oldest first; unsent ones of one's own last. An item is replaced when it changes. */
  items = [];
  hasOlder = false;
  isLoading = true;
  /** The first message that was unread when this was opened, once that is known. */
  firstUnread = null;
  /** @type {number} the worker's number of this look; 0 before it is open */
  view = 0;
  /** The worker knew no such conversation when it was asked. */
  isFailed = false;
  #client;
  #opened;
  #open;
  #fail;

  /**
   * @param {string} conversation
   * @param {{call: (name: string, params: object) => Promise<any>, close: () => void}} client
   */
  constructor(conversation, client) {
    super();
    this.conversation = conversation;
    this.#client = client;
    this.#await();
  }

  #await() {
    this.#opened = new Promise((resolve, reject) => {
      this.#open = resolve;
      this.#fail = reject;
    });
    this.#opened.catch(() => {}); // told to whoever asks for more
  }

  /** Load an older page; done when it is in `items`. @returns {Promise<void>} */
  async loadOlder() {
    await this.#opened;
    if (this.hasOlder) {
      await this.#client.call("timeline.older", { view: this.view });
    }
  }

  /** Load older pages until a message is held. @param {string} id @returns {Promise<number>} its index, or -1 */
  async seek(id) {
    const find = () => this.items.findIndex((item) => item.id === id);
    await this.#opened;
    const held = find();
    if (held >= 0) {
      return held;
    }
    return (await this.#client.call("timeline.seek", { view: this.view, id })) ? find() : -1;
  }

  /** Look no longer. */
  close() {
    this.#fail(new ClientError("gone"));
    this.#client.close();
  }

  /** The worker has opened it (again). */
  opened(view, items, meta) {
    this.view = view;
    this.isFailed = false;
    this.#open();
    this.apply([{ op: "reset", items }], meta);
  }

  /** The worker has no such conversation. @param {Error} error */
  failed(error) {
    this.isLoading = false;
    this.isFailed = true;
    this.#fail(error);
    this.#await();
    this.dispatchEvent(new CustomEvent("change", { detail: [] }));
  }

  /** Changes, as the worker tells them. @param {any[]} ops @param {any} meta */
  apply(ops, meta) {
    const detail = ops.map((op) => this.#apply(op));
    this.hasOlder = meta.hasOlder;
    this.isLoading = meta.isLoading;
    this.firstUnread ??= meta.firstUnread;
    this.dispatchEvent(new CustomEvent("change", { detail }));
  }

  #apply(op) {
    switch (op.op) {
      case "reset":
        this.items = op.items;
        return { op: "reset" };
      case "insert":
        this.#insert(op.index, op.items);
        return { op: "insert", index: op.index, count: op.items.length };
      case "remove":
        this.items.splice(op.index, op.count);
        return op;
      default:
        for (const [index, item] of op.entries) {
          this.items[index] = item;
        }
        return { op: "update", indexes: op.entries.map(([index]) => index) };
    }
  }

  /** In bulk: a spread of many thousand arguments would not fit the stack. */
  #insert(index, items) {
    if (index === this.items.length) {
      for (const item of items) {
        this.items.push(item);
      }
    } else {
      this.items = [...this.items.slice(0, index), ...items, ...this.items.slice(index)];
    }
  }
}
