/**
 * The engine's face for pages: state, calls, timelines, notices. The page does nothing cryptographic and keeps nothing.
 *
 *   const client = await openClient();
 *   client.addEventListener("state", ({ detail }) => ...);
 *   await client.call("message.send", { conversation, text, mentions: [] });
 *
 * The worker behind it may be shared with other tabs; when it dies, another is started and what was shown is shown
 * again.
 */

import { ClientError, sentenceOf } from "./errors.js";
import { applyPatch, emptyState, MAPS, patchOf } from "./state.js";
import { Timeline } from "./timeline_view.js";
import { isWorkerThere, startWorker, workerName } from "./worker_url.js";

export { ClientError, Timeline };

const RESTART_MS = 500;
/** A worker that says nothing for so long has died while it started; twice as long each time, for it may be slow. */
const WELCOME_MS = 4_000;
const MAX_WELCOME_MS = 32_000;
/** Workers that were loaded and did not start; one may have been killed, so many are not. */
const MAX_BROKEN_WORKERS = 3;
const INSECURE =
  "This page was not reached over a secure address, so the browser gives it no keys; open the hub by https.";
const NO_WORKER = "This browser cannot run the client; update it, or use another one. Nothing was changed.";

/** Ready when the engine has answered, or cannot. @returns {Promise<Client>} */
export async function openClient() {
  const client = new Client();
  await client.ready;
  return client;
}

/** Whether the browser keeps anything for this address. */
function canStore() {
  return new Promise((resolve) => {
    try {
      const request = indexedDB.open("accord-probe");
      request.onsuccess = () => {
        request.result.close();
        indexedDB.deleteDatabase("accord-probe");
        resolve(true);
      };
      request.onerror = () => resolve(false);
    } catch {
      resolve(false);
    }
  });
}

/** @extends EventTarget events: "state", "notice" */
export class Client extends EventTarget {
  /** Read-only; the event "state" says what has changed. */
  state = emptyState();
  #port = null;
  #lock = `accord-page-${crypto.randomUUID?.() ?? Math.random()}`;
  #callNumber = 0;
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
  #calls = new Map();
  /** @type {Map<number, Timeline>} */
  #views = new Map();
  /** @type {Set<Timeline>} */
  #timelines = new Set();
  #markReady;
  /** There is a worker, and it has answered. */
  #welcome = Promise.withResolvers();
  #isWelcome = false;
  #failures = 0;
  #welcomeTimer = 0;
  /** The lock is held as long as the page lives: the worker waits for it. */
  #held;

  constructor() {
    super();
    this.ready = new Promise((resolve) => (this.#markReady = resolve));
    if (!globalThis.isSecureContext || !crypto.subtle) {
      this.#stop("insecure", INSECURE);
      return;
    }
    this.#held = new Promise((resolve, reject) => {
      const hold = () => new Promise(() => resolve(undefined));
      navigator.locks.request(this.#lock, hold).catch(reject); // refused with all storage
    });
    document.addEventListener("visibilitychange", () => this.#post({ visible: this.#isVisible }));
    globalThis.addEventListener("online", () => this.#post({ online: true }));
    this.#connect();
  }

  /**
   * Ask the engine for something; the calls are in talk.js and engine.js.
   * @param {string} name
   * @param {object} [params]
   * @returns {Promise<any>} rejects with ClientError
   */
  async call(name, params = {}) {
    await this.#welcome.promise;
    const value = await new Promise((resolve, reject) => {
      this.#callNumber += 1;
      this.#calls.set(this.#callNumber, { resolve, reject });
      this.#post({ id: this.#callNumber, call: name, params });
    });
    if (name === "join.claim") {
      await navigator.storage?.persist?.(); // keys are not to be thrown away for want of space
    }
    return value;
  }

  /**
   * A conversation's messages, as they come.
   * @param {string} conversation
   * @returns {Timeline} to be closed when done
   */
  timeline(conversation) {
    const timeline = new Timeline(conversation, {
      call: (name, params) => this.call(name, params),
      close: () => this.#closeTimeline(timeline),
    });
    this.#timelines.add(timeline);
    this.#openTimeline(timeline);
    return timeline;
  }

  // ---------------------------------------------------------------------------------------------------------- worker

  get #isVisible() {
    return document.visibilityState === "visible";
  }

  #post(message) {
    this.#port?.postMessage(message);
  }

  async #connect() {
    let worker;
    try {
      await this.#held;
      const name = await workerName(this.#failures);
      worker = startWorker(name, () => this.#workerFailed(worker));
    } catch {
      await this.#noWorker();
      return;
    }
    const { port } = worker;
    this.#port = port;
    port.onmessage = ({ data }) => this.#receive(port, data);
    this.#post({ hello: this.#lock, visible: this.#isVisible });
    const patience = Math.min(WELCOME_MS * 2 ** this.#failures, MAX_WELCOME_MS);
    this.#welcomeTimer = setTimeout(() => this.#connectAnew(worker), patience);
  }

  /** Nobody tells of a worker's death before its lock is known. One that was only slow ends itself. */
  #connectAnew(worker) {
    clearTimeout(this.#welcomeTimer);
    this.#failures += 1;
    this.#post({ bye: true });
    worker.leave();
    this.#connect();
  }

  /** Its script did not come or did not run: it was killed, the hub is away, or the browser cannot. */
  async #workerFailed(worker) {
    if (this.#isWelcome || worker.port !== this.#port) {
      return;
    }
    if (!(await canStore()) || (this.#failures + 1 >= MAX_BROKEN_WORKERS && (await isWorkerThere()))) {
      await this.#noWorker();
    } else if (worker.port === this.#port) {
      clearTimeout(this.#welcomeTimer);
      this.#welcomeTimer = setTimeout(() => this.#connectAnew(worker), RESTART_MS);
    }
  }

  /** A browser that refuses storage for an address lets no shared worker run there either. */
  async #noWorker() {
    const isStored = await canStore();
    this.#stop(...(isStored ? ["unsupported_browser", NO_WORKER] : ["storage", sentenceOf("storage")]));
  }

  #receive(port, message) {
    if (port !== this.#port) {
      return; // of a worker that is gone
    }
    if ("id" in message) {
      this.#answered(message);
    } else if (message.push === "state") {
      this.#changed(message.patch);
    } else if (message.push === "timeline") {
      this.#views.get(message.view)?.apply(message.ops, message.meta);
    } else if (message.push === "notice") {
      this.dispatchEvent(new CustomEvent("notice", { detail: message.notice }));
    } else if (message.welcome) {
      this.#welcomed(message.welcome);
    }
  }

  #answered({ id, value, error }) {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error) {
      call?.reject(new ClientError(error.code, error.words, error.retryMs));
    } else {
      call?.resolve(value);
    }
  }

  #welcomed({ state, lock }) {
    const before = this.state;
    const detail = {};
    for (const [name, value] of Object.entries(state)) {
      const isMap = MAPS.includes(name);
      detail[name] = isMap ? [...new Set([...Object.keys(before[name]), ...Object.keys(value)])] : true;
    }
    clearTimeout(this.#welcomeTimer);
    this.state = state;
    navigator.locks.request(lock, () => this.#workerDied());
    this.#markReady();
    this.#isWelcome = true;
    this.#welcome.resolve(undefined);
    this.dispatchEvent(new CustomEvent("state", { detail }));
    for (const timeline of this.#timelines) {
      this.#openTimeline(timeline);
    }
  }

  #changed(patch) {
    const detail = applyPatch(this.state, patch);
    this.dispatchEvent(new CustomEvent("state", { detail }));
    for (const timeline of this.#timelines) { // one that was asked for before its conversation was known
      if (timeline.isFailed && detail.conversations?.includes(timeline.conversation)) {
        this.#openTimeline(timeline);
      }
    }
  }

  #workerDied() {
    this.#port = null;
    this.#isWelcome = false;
    this.#welcome = Promise.withResolvers();
    const link = { status: "connecting", retryAt: null, code: null };
    this.#changed(patchOf({ link }));
    this.#views.clear();
    for (const { reject } of this.#calls.values()) {
      reject(new ClientError("offline"));
    }
    this.#calls.clear();
    setTimeout(() => this.#connect(), RESTART_MS);
  }

  #stop(code, detail) {
    clearTimeout(this.#welcomeTimer);
    const stop = { code, detail, facts: {} };
    this.#changed(patchOf({ phase: "stopped", stop }));
    this.#markReady();
    this.#welcome.promise.catch(() => {}); // told to whoever calls
    this.#welcome.reject(new ClientError(code, detail));
  }

  // ------------------------------------------------------------------------------------------------------- timelines

  async #openTimeline(timeline) {
    if (!this.#isWelcome) {
      return; // opened with the welcome
    }
    const port = this.#port;
    try {
      const { view, items, meta } = await this.call("timeline.open", { conversation: timeline.conversation });
      if (port !== this.#port) {
        return;
      }
      if (!this.#timelines.has(timeline)) {
        this.#post({ id: 0, call: "timeline.close", params: { view } });
        return;
      }
      this.#views.set(view, timeline);
      timeline.opened(view, items, meta);
    } catch (error) {
      timeline.failed(error);
    }
  }

  #closeTimeline(timeline) {
    this.#timelines.delete(timeline);
    if (timeline.view) {
      this.#views.delete(timeline.view);
      this.#post({ id: 0, call: "timeline.close", params: { view: timeline.view } });
    }
  }
}
