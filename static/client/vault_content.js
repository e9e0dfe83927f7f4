/**
 * What a vault holds beside the keys of its owner (protocol.md section 9, "Content"): lists of small records that every
 * device adds to, and how two devices' lists become one.
 *
 * In each list a record is known by some of its fields; of two about the same thing the later one counts, whichever
 * device is asked, so devices that have seen the same end up the same. Not here: sealing and sending (vault.js).
 */

/** @typedef {Record<string, any>} Item */

const byTime = (/** @type {Item} */ a, /** @type {Item} */ b) => a.at - b.at;

/**
 * List -> by what its records are known, which of two counts (positive: the first), and how many are kept: all together
 * stay below what an enclave holds (512 KiB in base64).
 */
const LISTS = {
  settings: { idOf: (item) => item.name, compare: byTime, most: 64 },
  contacts: { idOf: (item) => item.key, compare: byTime, most: 400 },
  known: { idOf: (item) => item.key, compare: byTime, most: 600 },
  reads: {
    idOf: (item) => item.conversation,
    compare: (a, b) => a.at - b.at || (a.message < b.message ? -1 : Number(a.message > b.message)),
    most: 400,
  },
  windows: {
    idOf: (item) => `${item.topic} ${item.epoch} ${item.id}`,
    // A window that is passed is burned: the later key, whoever has it; of the same, the one of which more is known
    compare: (a, b) => a.win - b.win || Number(Boolean(a.author)) - Number(Boolean(b.author)),
    most: 350,
    age: (a, b) => a.created_at - b.created_at,
  },
  connections: { idOf: (item) => item.id, compare: byTime, most: 250 },
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
  return all.length <= most ? all : all.sort((a, b) => age(b, a)).slice(0, most);
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
