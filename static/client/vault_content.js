/**
 * What a vault holds beside the keys of its owner (protocol.md section 9, "Content"): lists of small records that every
 * device adds to, and how two devices' lists become one.
 *
 * In each list a record is known by some of its fields; of two about the same thing the later one counts, whichever
 * device is asked, so devices that have seen the same end up the same. Not here: sealing and sending (vault.js).
 */

/** @typedef {Record<string, any>} Item */

const byTime = (/** @type {Item} */ a, /** @type {Item} */ b) => a.at - b.at;

/** What the lists take together, as JSON: sealed and in base64 it stays below what an enclave holds (512 KiB). */
const MAX_CONTENT_BYTES = 380_000;
/** From here on it counts as full: what is oldest is, or will soon be, left out. */
const FULL_BYTES = 0.97 * MAX_CONTENT_BYTES;
/** What goes where it does not fit: first keys of epochs that others followed, then places of reading, at last the rest. */
const LEFT_OUT_FIRST = ["reads", "known", "contacts", "windows", "connections"];

/**
 * List -> by what its records are known, which of two counts (positive: the first), and how many are kept at most.
 */
const LISTS = {
  settings: { idOf: (item) => item.name, compare: byTime, most: 64 },
  contacts: { idOf: (item) => item.key, compare: byTime, most: 1_000 },
  known: { idOf: (item) => item.key, compare: byTime, most: 1_500 },
  reads: {
    idOf: (item) => item.conversation,
    compare: (a, b) => a.at - b.at || (a.message < b.message ? -1 : Number(a.message > b.message)),
    most: 1_000,
  },
  windows: {
    idOf: (item) => `${item.topic} ${item.epoch} ${item.id}`,
    // A window that is passed is burned: the later key, whoever has it; of the same, the one of which more is known
    compare: (a, b) => a.win - b.win || Number(Boolean(a.author)) - Number(Boolean(b.author)),
    most: 2_000,
    age: (a, b) => a.created_at - b.created_at,
  },
  connections: { idOf: (item) => item.id, compare: byTime, most: 500 },
};

/** The names of the lists. */
export const LIST_NAMES = Object.freeze(Object.keys(LISTS));

/**
 * A list with other records put in; the oldest of too many are left out. Gives the list that was given where nothing is
 * new.
 * @param {keyof typeof LISTS} name
 * @param {Item[]} held
 * @param {Item[]} added
 * @returns {Item[]}
 */
export function mergeList(name, held, added) {
  const { idOf, compare, most, age = byTime } = LISTS[name];
  const items = new Map(held.map((item) => [idOf(item), item]));
  let isChanged = false;
  for (const item of added) {
    const before = items.get(idOf(item));
    if (!before || compare(item, before) > 0) {
      items.set(idOf(item), item);
      isChanged = true;
    }
  }
  if (!isChanged) {
    return held;
  }
  const all = [...items.values()];
  const kept = all.length <= most ? all : all.sort((a, b) => age(b, a)).slice(0, most);
  return hasSame(kept, held) ? held : kept;
}

/** @param {Item[]} one @param {Item[]} other */
function hasSame(one, other) {
  const there = new Set(other);
  return one.length === other.length && one.every((item) => there.has(item));
}

/** Whether what is oldest is left out, or soon will be. @param {Item} content @returns {boolean} */
export function isFull(content) {
  return bytesOf(content) > FULL_BYTES
    || LIST_NAMES.some((name) => (content[name]?.length ?? 0) >= LISTS[/** @type {keyof typeof LISTS} */ (name)].most);
}

/**
 * A content that an enclave holds: what is oldest goes, keys of epochs that others have followed first. The newest key of
 * a channel stays as long as there is anything else to leave out: a connection has only one, and it opens all of it.
 * @param {Item} content
 * @returns {Item} the one that was given where it fits
 */
export function fitted(content) {
  let over = bytesOf(content) - MAX_CONTENT_BYTES;
  let fit = content;
  const leaveOut = (/** @type {string} */ name, /** @type {Item[]} */ items) => {
    const gone = new Set();
    for (const item of items) {
      if (over <= 0) {
        break;
      }
      gone.add(item);
      over -= bytesOf(item) + 1;
    }
    if (gone.size > 0) {
      fit = { ...fit, [name]: fit[name].filter((/** @type {Item} */ item) => !gone.has(item)) };
    }
  };
  leaveOut("windows", followedUp(content.windows ?? []));
  for (const name of LEFT_OUT_FIRST) {
    const { age = byTime } = /** @type {any} */ (LISTS[/** @type {keyof typeof LISTS} */ (name)]);
    leaveOut(name, [...(fit[name] ?? [])].sort(age));
  }
  return fit;
}

/** Of keys of epochs those that are not their channel's newest, the oldest first. @param {Item[]} windows */
function followedUp(windows) {
  const newest = new Map();
  for (const { topic, epoch } of windows) {
    newest.set(topic, Math.max(epoch, newest.get(topic) ?? 0));
  }
  return windows.filter(({ topic, epoch }) => epoch < newest.get(topic)).sort((a, b) => a.created_at - b.created_at);
}

/** @param {any} value */
function bytesOf(value) {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}

/**
 * A content with another's lists put in; the rest is the first one's. The same object where nothing is new.
 * @param {Item} mine
 * @param {Item} theirs
 * @returns {Item}
 */
export function mergeContent(mine, theirs) {
  let merged = mine;
  for (const name of LIST_NAMES) {
    const held = mine[name] ?? [];
    const added = Array.isArray(theirs[name]) ? theirs[name] : [];
    const list = mergeList(/** @type {keyof typeof LISTS} */ (name), held, added);
    if (list !== held) {
      merged = { ...merged, [name]: list };
    }
  }
  return merged;
}

/** Whether two contents, one made of the other, hold the same records. @param {Item} one @param {Item} other */
export function isSame(one, other) {
  return one === other || LIST_NAMES.every((name) => hasSame(one[name] ?? [], other[name] ?? []));
}

/** Canonical JSON has no empty lists. @param {Item} content @returns {Item} */
export function withoutEmpty(content) {
  return Object.fromEntries(Object.entries(content).filter(([, value]) => !Array.isArray(value) || value.length > 0));
}
