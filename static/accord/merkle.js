/**
 * Roots of Merkle trees of topics (protocol.md section 5). Mirror of that part of accord/merkle.py.
 *
 * Not here: trees that change, proofs, comparisons: a page only recomputes what a hub has signed.
 */

import { compareBytes, concat } from "./encoding.js";
import { domain, sha256 } from "./primitives.js";

/** Horizons of topics are multiples of this. */
export const HORIZON_MS = 2 ** 24;
const LEVELS = 9;
const LEAF_MS = 4096;
const FANOUT = 16;
const D_LEAF = domain("merkle-leaf");
const D_NODE = domain("merkle-node");

/** The root of the empty tree. */
export const EMPTY = new Uint8Array(32);

/**
 * The root over messages, in whatever order they come.
 * @param {{at: number, id: Uint8Array}[]} items created_at and id, each id once
 * @returns {Promise<Uint8Array>}
 */
export async function rootOf(items) {
  if (items.length === 0) return EMPTY;
  /** @type {Map<number, Uint8Array[]>} */
  const leaves = new Map();
  for (const { at, id } of items) {
    const bucket = Math.floor(at / LEAF_MS);
    const ids = leaves.get(bucket);
    if (ids) ids.push(id);
    else leaves.set(bucket, [id]);
  }
  let level = await hashed(leaves, (ids) => sha256(concat(D_LEAF, ...ids.sort(compareBytes))));
  for (let above = 1; above < LEVELS; above += 1) {
    /** @type {Map<number, [number, Uint8Array][]>} */
    const parents = new Map();
    for (const [bucket, hash] of [...level].sort(([a], [b]) => a - b)) {
      const parent = Math.floor(bucket / FANOUT);
      const children = parents.get(parent) ?? [];
      children.push([bucket % FANOUT, hash]);
      parents.set(parent, children);
    }
    level = await hashed(parents, (children) =>
      sha256(concat(D_NODE, ...children.flatMap(([index, hash]) => [Uint8Array.of(index), hash]))));
  }
  return [...level.values()][0];
}

/**
 * @template T
 * @param {Map<number, T>} nodes
 * @param {(node: T) => Promise<Uint8Array>} hash
 * @returns {Promise<Map<number, Uint8Array>>}
 */
async function hashed(nodes, hash) {
  const buckets = [...nodes.keys()];
  const hashes = await Promise.all([...nodes.values()].map(hash));
  return new Map(buckets.map((bucket, place) => [bucket, hashes[place]]));
}
