// What the checks of vectors share (docs/protocol.md's vectors): hex, equality, refusals.

import { RemoteError } from "./errors.js";

/** @param {string} hex @returns {Uint8Array} */
export function fromHex(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

/** @param {Uint8Array} bytes @returns {string} */
export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {unknown} actual @param {unknown} expected */
export function same(actual, expected) {
  if (actual !== expected) throw new Error(`${actual} instead of ${expected}`.slice(0, 300));
}

/** That a call throws RemoteError, with `code` where one is given. @param {() => any} call @param {string} [code] */
export async function refused(call, code) {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    if (code !== undefined) same(error.code, code);
    return;
  }
  throw new Error("accepted");
}
