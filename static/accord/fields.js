// Checks of the fields of protocol objects: one function a kind of value, one table an object.
//
// A check takes the value as parsed and returns what it stands for (bytes for base64url text), or throws
// RemoteError("bad_request"). Objects checked with `read` are strict: a missing or unknown field is refused. Message
// headers, which keep unknown fields, are read in messages.js by hand.

import { b64decode, compareBytes, isObject } from "./encoding.js";
import { RemoteError } from "./errors.js";

/** @typedef {(value: any) => any} Check */
/** @typedef {{check: Check, required: boolean}} Field */
/** @typedef {Map<string, Field>} Table */

export const MAX_TIME_MS = 2 ** 44 - 1;

/**
 * A row for a field that may be left out.
 * @param {Check} check
 * @returns {Field}
 */
export function optional(check) {
  return { check, required: false };
}

/**
 * @param {Record<string, Field | Check>} rows
 * @returns {Table}
 */
export function table(rows) {
  return new Map(Object.entries(rows).map(([name, row]) =>
    [name, typeof row === "function" ? { check: row, required: true } : row]));
}

/**
 * The checked fields of an object, absent optional ones left out; RemoteError names the field at fault.
 * @param {unknown} value
 * @param {Table} rows
 * @param {string} what
 * @returns {Record<string, any>}
 */
export function read(value, rows, what) {
  if (!isObject(value)) throw new RemoteError("bad_request", `${what}: object expected`);
  for (const name of Object.keys(value)) {
    if (!rows.has(name)) throw new RemoteError("bad_request", `${what}: unknown field ${name.slice(0, 32)}`);
  }
  /** @type {Record<string, any>} */
  const checked = {};
  for (const [name, { check, required }] of rows) {
    if (Object.hasOwn(value, name)) {
      try {
        checked[name] = check(value[name]);
      } catch (error) {
        if (!(error instanceof RemoteError)) throw error;
        throw new RemoteError(error.code, `${what}.${name}: ${error.detail}`, { cause: error });
      }
    } else if (required) {
      throw new RemoteError("bad_request", `${what}: ${name} is missing`);
    }
  }
  return checked;
}

/**
 * One value of one type; true is not 1.
 * @param {string | number} expected
 * @returns {Check}
 */
export function exactly(expected) {
  return (value) => {
    if (value !== expected) throw new RemoteError("bad_request", `${expected} expected`);
    return value;
  };
}

/**
 * One of a few words.
 * @param {...string} allowed
 * @returns {Check}
 */
export function oneOf(...allowed) {
  return (value) => {
    if (!allowed.includes(value)) throw new RemoteError("bad_request", `one of ${allowed.join(", ")} expected`);
    return value;
  };
}

/**
 * An integer of low..high, both included.
 * @param {number} low
 * @param {number} high
 * @returns {Check}
 */
export function integer(low, high) {
  return (value) => {
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new RemoteError("bad_request", `integer of ${low}..${high} expected`);
    }
    return value;
  };
}

/**
 * @param {string} value
 * @returns {number} code points; a surrogate by itself is one
 */
function countCodePoints(value) {
  let count = 0;
  for (const _ of value) count += 1;
  return count;
}

/**
 * Text of minChars..maxChars code points.
 * @param {number} maxChars
 * @param {number} [minChars] 0 or 1
 * @returns {Check}
 */
export function text(maxChars, minChars = 0) {
  return (value) => {
    // A code point is one or two UTF-16 units: only a text between once and twice the limit needs a count.
    const fits = typeof value === "string" && value.length >= minChars && value.length <= maxChars * 2 &&
      (value.length <= maxChars || countCodePoints(value) <= maxChars);
    if (!fits) throw new RemoteError("bad_request", `text of ${minChars}..${maxChars} characters expected`);
    return value;
  };
}

/**
 * Text that the whole of a regular expression fits (one with ^ and $).
 * @param {RegExp} regex
 * @returns {Check}
 */
export function pattern(regex) {
  return (value) => {
    if (typeof value !== "string" || !regex.test(value)) {
      throw new RemoteError("bad_request", `text of the form ${regex.source} expected`);
    }
    return value;
  };
}

/**
 * base64url text of so many bytes; gives the bytes.
 * @param {number} length
 * @returns {Check}
 */
export function octets(length) {
  return (value) => b64decode(value, length);
}

/**
 * base64url text of 1..maxLength bytes; gives the bytes.
 * @param {number} maxLength
 * @returns {Check}
 */
export function someOctets(maxLength) {
  return (value) => {
    if (typeof value === "string" && (value.length < 1 || value.length > Math.floor((maxLength * 4 + 2) / 3))) {
      throw new RemoteError("bad_request", `1..${maxLength} bytes in base64url expected`);
    }
    return b64decode(value);
  };
}

/**
 * An object inside another, read as `read` does.
 * @param {Record<string, Field | Check>} rows
 * @param {string} what
 * @returns {Check}
 */
export function record(rows, what) {
  const made = table(rows);
  return (value) => read(value, made, what);
}

/**
 * An object of which only the fields of the table are looked at: others may be of a later version.
 * @param {Table} rows
 * @param {string} what
 * @returns {Check}
 */
export function known(rows, what) {
  return (value) => {
    if (!isObject(value)) throw new RemoteError("bad_request", `${what}: object expected`);
    const seen = [...rows.keys()].filter((name) => Object.hasOwn(value, name));
    return read(Object.fromEntries(seen.map((name) => [name, value[name]])), rows, what);
  };
}

/**
 * True or false.
 * @type {Check}
 */
export function boolean(value) {
  if (typeof value !== "boolean") throw new RemoteError("bad_request", "true or false expected");
  return value;
}

/**
 * A list of 1..maxItems; `rising` is by raw bytes and strict, `unique` for texts and bytes, `uniqueBy` is a field of
 * the items.
 * @param {Check} checkItem
 * @param {number} maxItems
 * @param {{rising?: boolean, unique?: boolean, uniqueBy?: string}} [options]
 * @returns {Check}
 */
export function listOf(checkItem, maxItems, { rising = false, unique = false, uniqueBy = "" } = {}) {
  return (value) => {
    if (!Array.isArray(value) || value.length < 1 || value.length > maxItems) {
      throw new RemoteError("bad_request", `list of 1..${maxItems} expected`);
    }
    const items = value.map(checkItem);
    if (rising && items.some((item, i) => i > 0 && compareBytes(items[i - 1], item) >= 0)) {
      throw new RemoteError("bad_request", "not in rising order");
    }
    if (unique && new Set(items.map(String)).size !== items.length) {
      throw new RemoteError("bad_request", "an item comes twice");
    }
    if (uniqueBy && new Set(items.map((item) => String(item[uniqueBy]))).size !== items.length) {
      throw new RemoteError("bad_request", `a ${uniqueBy} comes twice`);
    }
    return items;
  };
}

export const key = octets(32);
export const messageId = octets(32);
export const timeMs = integer(0, MAX_TIME_MS);
