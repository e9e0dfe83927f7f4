/**
 * Blobs: files that are sealed before they leave the client (protocol.md section 11). Mirror of accord/blobs.py.
 *
 * Not here: sending and fetching (client/files.js).
 */

import { concat } from "./encoding.js";
import { RemoteError } from "./errors.js";
import { domain, importAesKey, open, seal, u64 } from "./primitives.js";

export const KEY_BYTES = 32;
export const CHUNK_BYTES = 1024 * 1024;
export const TAG_BYTES = 16;
export const PLAIN_BYTES = CHUNK_BYTES - TAG_BYTES;
export const LEAST_BYTES = 1024;
export const MAX_FILE_BYTES = 256 * 1024 * 1024;

const D_BLOB = domain("blob");

/**
 * How many bytes are sealed for a file of `size`.
 * @param {number} size
 */
export function paddedSize(size) {
  if (size <= LEAST_BYTES) return LEAST_BYTES;
  const exponent = 31 - Math.clz32(size);
  const mask = 2 ** (exponent - (32 - Math.clz32(exponent))) - 1;
  return (size + mask) & ~mask;
}

/** @param {number} size of the file @returns {number} of chunks */
export function chunkCount(size) {
  return Math.ceil(paddedSize(size) / PLAIN_BYTES);
}

/** @param {number} size of the file @returns {number} bytes of the blob */
export function sealedSize(size) {
  return paddedSize(size) + TAG_BYTES * chunkCount(size);
}

/** What a blob is called by. @param {Uint8Array} blob @returns {Promise<Uint8Array>} */
export async function blobId(blob) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", blob));
}

/** @param {Uint8Array} key @param {number} size */
function check(key, size) {
  if (key.length !== KEY_BYTES) throw new RemoteError("bad_request", `the key of a blob has ${KEY_BYTES} bytes`);
  if (!Number.isSafeInteger(size) || size < 0 || size > MAX_FILE_BYTES) {
    throw new RemoteError("too_big", `a file has at most ${MAX_FILE_BYTES} bytes`);
  }
}

/** Nonce and aad of a chunk. @param {number} number @param {number} size of the file */
function around(number, size) {
  return { nonce: concat(new Uint8Array(4), u64(number)), aad: concat(D_BLOB, u64(number), u64(size)) };
}

/**
 * The blob of a file.
 * @param {Uint8Array} key random, for this file only
 * @param {Uint8Array} file
 * @returns {Promise<Uint8Array>}
 */
export async function sealBlob(key, file) {
  check(key, file.length);
  const size = file.length;
  const whole = paddedSize(size);
  const aes = await importAesKey(key);
  const blob = new Uint8Array(sealedSize(size));
  for (let number = 0; number < chunkCount(size); number += 1) {
    const plain = new Uint8Array(Math.min(PLAIN_BYTES, whole - number * PLAIN_BYTES));
    plain.set(file.subarray(number * PLAIN_BYTES, (number + 1) * PLAIN_BYTES));
    const { nonce, aad } = around(number, size);
    blob.set(await seal(aes, nonce, plain, aad), number * CHUNK_BYTES);
  }
  return blob;
}

/**
 * The file of `size` bytes that a blob holds; RemoteError where it is not that.
 * @param {Uint8Array} key
 * @param {number} size
 * @param {Uint8Array} blob
 * @returns {Promise<Uint8Array>}
 */
export async function openBlob(key, size, blob) {
  check(key, size);
  if (blob.length !== sealedSize(size)) {
    throw new RemoteError("bad_request", "the blob has another length than such a file's");
  }
  const aes = await importAesKey(key);
  const file = new Uint8Array(size);
  for (let number = 0; number < chunkCount(size); number += 1) {
    const { nonce, aad } = around(number, size);
    const chunk = blob.subarray(number * CHUNK_BYTES, (number + 1) * CHUNK_BYTES);
    const plain = await open(aes, nonce, chunk, aad);
    const start = number * PLAIN_BYTES;
    file.set(plain.subarray(0, Math.max(0, Math.min(plain.length, size - start))), Math.min(start, size));
  }
  return file;
}
