/**
 * The state that pages see (`client.state`), held in the worker and sent as patches, several changes in one.
 *
 * A patch is `{top: {name: value}, people: {key: value | null}, conversations: {...}, typing: {...}, spaces: {...},
 * connections: {...}, files: {...}, agreements: {...}}`; null removes.
 */

const BATCH_MS = 16;
/** The fields of the state that are maps; patches change single entries of these. */
export const MAPS = ["people", "conversations", "typing", "spaces", "connections", "files", "agreements"];

/** @returns {object} the state of a client that has read nothing yet */
export function emptyState() {
  return {
    phase: "starting",
    stop: null,
    link: { status: "offline", retryAt: null, code: null },
    clock: { offsetMs: 0 },
    hub: { name: "", key: "", fingerprint: "", url: "" },
    me: null,
    people: {},
    conversations: {},
    typing: {},
    spaces: {},
    connections: {},
    files: {},
    agreements: {},
    mentionsUnread: 0,
    outboxCount: 0,
    marks: {},
    reports: 0,
    keysSeen: 0,
    removals: [],
    landing: null,
    search: { isReading: false, texts: 0 },
    allowance: null,
    vault: null,
    settings: {},
    locked: "",
  };
}

/**
 * Apply a patch to a state; gives the detail of the event "state".
 * @param {any} state
 * @param {any} patch
 */
export function applyPatch(state, patch) {
  const detail = {};
  for (const name of Object.keys(patch.top)) {
    state[name] = patch.top[name];
    detail[name] = true;
  }
  for (const map of MAPS) {
    const keys = Object.keys(patch[map]);
    for (const key of keys) {
      if (patch[map][key] === null) {
        delete state[map][key];
      } else {
        state[map][key] = patch[map][key];
      }
    }
    if (keys.length) {
      detail[map] = keys;
    }
  }
  return detail;
}

/** A patch that sets fields of the top alone. @param {object} [top] */
export function patchOf(top = {}) {
  return { top, ...Object.fromEntries(MAPS.map((map) => [map, {}])) };
}

/** The worker's copy, the true one. Values are replaced, never changed in place. */
export class PublishedState {
  value = emptyState();
  #patch = patchOf();
  #timer = 0;
  #send;

  /** @param {(patch: object) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /**
   * Set a top-level field.
   * @param {string} name
   * @param {any} value
   */
  set(name, value) {
    this.value[name] = value;
    this.#patch.top[name] = value;
    this.#later();
  }

  /**
   * Set an entry of one of the maps.
   * @param {"people" | "conversations" | "typing" | "spaces" | "connections" | "files" | "agreements"} map
   * @param {string} key
   * @param {any} value
   */
  put(map, key, value) {
    this.value[map][key] = value;
    this.#patch[map][key] = value;
    this.#later();
  }

  /**
   * Remove an entry.
   * @param {"people" | "conversations" | "typing" | "spaces" | "connections" | "files" | "agreements"} map
   * @param {string} key
   */
  drop(map, key) {
    if (key in this.value[map]) {
      delete this.value[map][key];
      this.#patch[map][key] = null;
      this.#later();
    }
  }

  /** Back to a client that has read nothing; the phase is for the caller to set. */
  empty() {
    for (const map of MAPS) {
      for (const key of Object.keys(this.value[map])) {
        this.drop(map, key);
      }
    }
    for (const [name, value] of Object.entries(emptyState())) {
      if (!MAPS.includes(name) && name !== "phase") {
        this.set(name, value);
      }
    }
  }

  /** Send now what has changed. */
  flush() {
    if (!this.#timer) {
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = 0;
    const patch = this.#patch;
    this.#patch = patchOf();
    this.#send(patch);
  }

  #later() {
    this.#timer ||= setTimeout(() => this.flush(), BATCH_MS);
  }
}
