/**
 * The order of messages: by (created_at, id), ids by their bytes (protocol.md section 1), and places in sorted lists.
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
