/**
 * The order of messages: by (created_at, id), ids by their bytes (protocol.md section 1); places in sorted lists, and
 * what comes into them.
 */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const RANK = new Uint8Array(128);
for (let rank = 0; rank < ALPHABET.length; rank += 1) {
  RANK[ALPHABET.charCodeAt(rank)] = rank;
}

/**
 * Ids in base64url by their bytes: each letter stands for six bits, from the front.
 * @param {string} a
 * @param {string} b
 */
export function compareIds(a, b) {
  for (let index = 0; index < a.length; index += 1) {
    const difference = RANK[a.charCodeAt(index)] - RANK[b.charCodeAt(index)];
    if (difference) {
      return difference;
    }
  }
  return 0;
}

/**
 * @param {{at: number, id: string}} a
 * @param {{at: number, id: string}} b
 */
export function comparePlaces(a, b) {
  return a.at - b.at || compareIds(a.id, b.id);
}

/**
 * The first index of a rising list whose place is not before `place`.
 * @param {{at: number, id: string}[]} list
 * @param {{at: number, id: string}} place
 */
export function lowerBound(list, place) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (comparePlaces(list[middle], place) < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/**
 * What has arrived, in runs of neighbours; `gap` is where a run goes in, `index` where it begins when all before it are
 * in.
 * @template {{at: number, id: string}} P
 * @param {P[]} held in order
 * @param {P[]} arrived in order
 * @returns {{gap: number, index: number, posts: P[]}[]}
 */
export function runsOf(held, arrived) {
  const runs = [];
  let before = 0;
  for (const post of arrived) {
    const gap = lowerBound(held, post);
    const run = runs.at(-1);
    if (run?.gap === gap) {
      run.posts.push(post);
    } else {
      runs.push({ gap, index: gap + before, posts: [post] });
    }
    before += 1;
  }
  return runs;
}

/**
 * A list with such runs in it: the same one where they are all at its end, else another.
 * @template {{at: number, id: string}} P
 * @param {P[]} held
 * @param {{gap: number, posts: P[]}[]} runs
 */
export function merged(held, runs) {
  if (runs.length === 1 && runs[0].gap === held.length) {
    for (const post of runs[0].posts) {
      held.push(post);
    }
    return held;
  }
  const all = [];
  let from = 0;
  for (const { gap, posts } of runs) {
    for (; from < gap; from += 1) {
      all.push(held[from]);
    }
    for (const post of posts) {
      all.push(post);
    }
  }
  for (; from < held.length; from += 1) {
    all.push(held[from]);
  }
  return all;
}
