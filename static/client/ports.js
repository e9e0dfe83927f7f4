/**
 * The pages that use this worker: their calls, what they look at, and what is pushed to them.
 *
 *   page -> worker   {hello: lock name} | {id, call, params} | {visible} | {online} | {bye}
 *   worker -> page   {welcome: {state, lock}} | {id, value} | {id, error} | {push, ...}
 *
 * Each side holds a Web Lock for as long as it lives and waits for the other's: that is how a closed tab, and in the
 * page a dead worker, is noticed. `bye`: the page has waited too long for its welcome and takes another worker, so one
 * that nobody else uses ends. Not here: what calls do.
 */

import { asClientError } from "./errors.js";

/** Says where the worker is to be found (worker_url.js). */
const WORKER_LOCK = `accord-worker ${location.pathname} ${self.name} ${crypto.randomUUID()}`;

/** One page. */
export class Page {
  isVisible = false;
  isGone = false;
  #port;

  /** @param {MessagePort | DedicatedWorkerGlobalScope} port */
  constructor(port) {
    this.#port = port;
  }

  /** @param {object} message */
  post(message) {
    this.#port.postMessage(message);
  }
}

/** All pages. `calls` leads from the names of calls to their functions `(params, page) -> value or promise`. */
export class Pages {
  /** @type {Set<Page>} */
  #pages = new Set();
  #calls = {};
  #handlers;
  /** The worker's lock is held, so that a page that waits for it waits for the worker's end. */
  #held;
  #otherwise = (_name, _params, _page) => undefined;

  /**
   * @param {{snapshot: () => object, settle: () => void, changed: () => void, online: () => void, left: (page: Page)
   *   => void}} handlers
   */
  constructor(handlers) {
    this.#handlers = handlers;
    this.#held = new Promise((resolve) => {
      navigator.locks.request(WORKER_LOCK, () => new Promise(() => resolve(undefined)));
    });
  }

  /** @param {Record<string, (params: any, page: Page) => any>} calls */
  register(calls) {
    Object.assign(this.#calls, calls);
  }

  /** What answers calls of other names. @param {(name: string, params: any, page: Page) => any} work */
  otherwise(work) {
    this.#otherwise = work;
  }

  /** Take a new page's port. @param {any} port */
  connect(port) {
    const page = new Page(port);
    port.onmessage = (event) => this.#receive(page, event.data);
  }

  /** Whether somebody can see a page of this client. */
  get isVisible() {
    return [...this.#pages].some((page) => page.isVisible);
  }

  /** The one page for what only one should tell: a visible one, else any. @returns {Page | undefined} */
  get first() {
    return [...this.#pages].find((page) => page.isVisible) ?? this.#pages.values().next().value;
  }

  /** Send to every page. @param {object} message */
  broadcast(message) {
    for (const page of this.#pages) {
      page.post(message);
    }
  }

  #receive(page, message) {
    if ("call" in message) {
      this.#answer(page, message);
    } else if ("hello" in message) {
      this.#welcome(page, message);
    } else if ("visible" in message) {
      page.isVisible = message.visible;
      this.#handlers.changed();
    } else if ("online" in message) {
      this.#handlers.online();
    } else if ("bye" in message) {
      this.#left(page);
      if (this.#pages.size === 0) {
        self.close();
      }
    }
  }

  #left(page) {
    page.isGone = true;
    if (this.#pages.delete(page)) {
      this.#handlers.left(page);
      this.#handlers.changed();
    }
  }

  async #welcome(page, { hello, visible }) {
    page.isVisible = visible;
    await this.#held;
    if (page.isGone) {
      return;
    }
    this.#pages.add(page);
    page.post({ welcome: { state: this.#handlers.snapshot(), lock: WORKER_LOCK } });
    navigator.locks.request(hello, () => this.#left(page));
    this.#handlers.changed();
  }

  async #answer(page, { id, call, params }) {
    try {
      const work = this.#calls[call] ?? ((given, asker) => this.#otherwise(call, given, asker));
      const value = await work(params ?? {}, page);
      this.#handlers.settle(); // what a call has changed is told before its answer
      page.post({ id, value });
    } catch (error) {
      const { code, words, retryMs } = asClientError(error);
      this.#handlers.settle();
      page.post({ id, error: { code, words, retryMs } });
    }
  }
}
