// Canonical JSON and base64url (protocol.md section 0.3).
//
// The canonical form is RFC 8785 restricted to objects, arrays, strings, booleans and integers; on that form sorted
// keys and JSON.stringify of each string give its bytes. JavaScript has one number type: a value that JSON.parse made
// shows no difference between 1, 1.0 and 1e0. Where bytes must be canonical the comparison after re-encoding finds
// them. What holds values that are signed (frames hold headers, certificates, statements) is read with `parseJson`,
// which keeps them apart: its verdict is that of accord/encoding.py to the last case.

import { RemoteError } from "./errors.js";

export const MAX_DEPTH = 8;
export const MAX_INTEGER = Number.MAX_SAFE_INTEGER;
const MAX_JSON_DEPTH = 1024; // of ordinary JSON: that of the hub's parser

const KEY = /^[a-z][a-z0-9_]{0,31}$/;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const NOT_A_DIGIT = 255;
const DIRECT_CHARS = 1024; // up to so many, an argument list is faster than a decoder

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const latin = new TextDecoder("latin1");
const encodeTable = Uint8Array.from(ALPHABET, (character) => character.charCodeAt(0));
const decodeTable = new Uint8Array(128).fill(NOT_A_DIGIT);
encodeTable.forEach((code, digit) => {
  decodeTable[code] = digit;
});

/**
 * @param {string} detail
 * @returns {RemoteError}
 */
function badEncoding(detail) {
  return new RemoteError("bad_encoding", detail);
}

/**
 * The UTF-8 bytes of a text.
 * @param {string} value
 * @returns {Uint8Array}
 */
export function utf8(value) {
  return encoder.encode(value);
}

/**
 * The text of UTF-8 bytes, a byte order mark included; RemoteError("bad_encoding") where they are none.
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function text(bytes) {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new RemoteError("bad_encoding", "not UTF-8", { cause: error });
  }
}

/**
 * @param {...Uint8Array} parts
 * @returns {Uint8Array}
 */
export function concat(...parts) {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Whether two byte strings are the same, in a time that does not depend on where they differ.
 * @param {Uint8Array} a
 * @param {Uint8Array} b
 * @returns {boolean}
 */
export function equal(a, b) {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i += 1) difference |= a[i] ^ b[i];
  return difference === 0;
}

/**
 * Order of raw bytes: negative, 0 or positive.
 * @param {Uint8Array} a
 * @param {Uint8Array} b
 * @returns {number}
 */
export function compareBytes(a, b) {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i += 1) {
    if (a[i] !== b[i]) return a[i] - b[i];
  }
  return a.length - b.length;
}

/**
 * Whether byte strings are in strictly rising order of their raw bytes (so each comes once).
 * @param {Uint8Array[]} values
 * @returns {boolean}
 */
export function isRising(values) {
  for (let i = 1; i < values.length; i += 1) {
    if (compareBytes(values[i - 1], values[i]) >= 0) return false;
  }
  return true;
}

/**
 * Whether a value is an object as JSON has them.
 * @param {unknown} value
 * @returns {value is Record<string, any>}
 */
export function isObject(value) {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * @param {string} value
 * @returns {string}
 */
function stringText(value) {
  if (value.includes("\0")) throw badEncoding("U+0000 in a string");
  if (!value.isWellFormed()) throw badEncoding("not well-formed Unicode");
  return JSON.stringify(value);
}

/**
 * The canonical text of a value that came as JSON or was made here; RemoteError("bad_encoding") if it has none.
 * @param {unknown} value
 * @param {number} [depth] objects and arrays around the value
 * @returns {string}
 */
export function canonicalText(value, depth = 0) {
  switch (typeof value) {
    case "string":
      return stringText(value);
    case "boolean":
      return value ? "true" : "false";
    case "number":
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw badEncoding("not an integer in range");
      return String(value);
    case "object":
      break;
    default:
      throw badEncoding(`${typeof value} is not allowed`);
  }
  if (value === null) throw badEncoding("null is not allowed");
  if (depth === MAX_DEPTH) throw badEncoding("nested too deeply");
  if (Array.isArray(value)) {
    if (value.length === 0) throw badEncoding("empty array");
    let list = "";
    for (const item of value) list += (list ? "," : "[") + canonicalText(item, depth + 1);
    return `${list}]`;
  }
  if (!isObject(value)) throw badEncoding("an object of a class is not allowed");
  let members = "";
  for (const key of Object.keys(value).sort()) {
    if (!KEY.test(key)) throw badEncoding("key is not of the form [a-z][a-z0-9_]{0,31}");
    members += `${members ? "," : ""}"${key}":${canonicalText(value[key], depth + 1)}`;
  }
  return `{${members}}`;
}

/**
 * The canonical bytes of a value; RemoteError("bad_encoding") if it has none.
 * @param {unknown} value
 * @returns {Uint8Array}
 */
export function canonical(value) {
  return encoder.encode(canonicalText(value));
}

/**
 * The text of `data`, if within the limit and well-formed.
 * @param {Uint8Array | string} data
 * @param {number} maxBytes
 * @returns {string}
 */
function limitedText(data, maxBytes) {
  const isText = typeof data === "string";
  // A UTF-16 unit takes at most three bytes: most texts need not be encoded to be measured.
  const bytes = !isText || data.length > maxBytes ? data.length : data.length * 3 <= maxBytes ? 0 : utf8(data).length;
  if (bytes > maxBytes) throw new RemoteError("too_big", `more than ${maxBytes} bytes`);
  if (!isText) return text(data);
  if (!data.isWellFormed()) throw badEncoding("not well-formed Unicode");
  return data;
}

/**
 * @param {unknown} value
 * @param {boolean} checkStrings
 * @param {number} depth
 */
function checkLoose(value, checkStrings, depth) {
  if (typeof value === "string") {
    if (checkStrings && !value.isWellFormed()) throw badEncoding("not well-formed Unicode");
    return;
  }
  if (typeof value !== "object" || value === null) return;
  if (depth === MAX_JSON_DEPTH) throw badEncoding("nested too deeply");
  for (const key in value) {
    if (checkStrings && !key.isWellFormed()) throw badEncoding("not well-formed Unicode");
    checkLoose(/** @type {any} */ (value)[key], checkStrings, depth + 1);
  }
}

// A number outside a string that is not a plain integer: what stands before it can stand before no digit of base64url.
const ODD_NUMBER = /(?:^|[[:,\s])(?:-0|-?(?:\d+[.eE]|\d{300}))/;
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;

/**
 * Valid JSON whose numbers with a point or an exponent are replaced by null, which is refused wherever they are.
 * @param {string} json
 * @returns {string}
 */
function withoutFloats(json) {
  return json.replace(TOKEN, (token) => {
    if (token[0] === '"') return token;
    if (!Number.isFinite(Number(token))) throw badEncoding("number out of range");
    if (token === "-0") return "0";
    return /[.eE]/.test(token) ? "null" : token;
  });
}

/**
 * Ordinary JSON under a byte limit: RemoteError("too_big") beyond it, RemoteError("bad_encoding") if it is none. A
 * number that is no integer comes as null: nothing in the protocol may be either.
 * @param {Uint8Array | string} data
 * @param {number} maxBytes
 * @returns {any}
 */
export function parseJson(data, maxBytes) {
  const json = limitedText(data, maxBytes);
  let value;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new RemoteError("bad_encoding", "not JSON", { cause: error });
  }
  if (ODD_NUMBER.test(json)) value = JSON.parse(withoutFloats(json));
  checkLoose(value, SURROGATE_ESCAPE.test(json), 0);
  return value;
}

/**
 * A value whose bytes are canonical, byte for byte; else RemoteError("bad_encoding" or "too_big").
 * @param {Uint8Array | string} data
 * @param {number} maxBytes
 * @returns {any}
 */
export function parseCanonical(data, maxBytes) {
  const json = limitedText(data, maxBytes);
  let value;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new RemoteError("bad_encoding", "not JSON", { cause: error });
  }
  if (canonicalText(value) !== json) throw badEncoding("not in canonical form");
  return value;
}

/**
 * base64url without padding.
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function b64encode(bytes) {
  const codes = new Uint8Array(Math.ceil((bytes.length * 4) / 3));
  const whole = bytes.length - (bytes.length % 3);
  let at = 0;
  for (let i = 0; i < whole; i += 3) {
    const three = (bytes[i] << 16) | (bytes[i + 1] << 8) | bytes[i + 2];
    codes[at] = encodeTable[three >> 18];
    codes[at + 1] = encodeTable[(three >> 12) & 63];
    codes[at + 2] = encodeTable[(three >> 6) & 63];
    codes[at + 3] = encodeTable[three & 63];
    at += 4;
  }
  if (whole < bytes.length) {
    const rest = (bytes[whole] << 16) | ((bytes[whole + 1] ?? 0) << 8);
    codes[at] = encodeTable[rest >> 18];
    codes[at + 1] = encodeTable[(rest >> 12) & 63];
    if (at + 2 < codes.length) codes[at + 2] = encodeTable[(rest >> 6) & 63];
  }
  if (codes.length > DIRECT_CHARS) return latin.decode(codes);
  return String.fromCharCode.apply(null, /** @type {any} */ (codes));
}

/**
 * Bytes of canonical unpadded base64url, `length` of them if given; else RemoteError("bad_request").
 * @param {unknown} value
 * @param {number} [length]
 * @returns {Uint8Array}
 */
export function b64decode(value, length) {
  if (typeof value !== "string") throw new RemoteError("bad_request", "base64url text expected");
  const chars = value.length;
  if (length !== undefined && chars !== Math.floor((length * 4 + 2) / 3)) {
    throw new RemoteError("bad_request", `${length} bytes in base64url expected`);
  }
  const bytes = new Uint8Array(Math.floor((chars * 3) / 4));
  let at = 0;
  let bits = 0;
  for (let i = 0; i < chars; i += 1) {
    const code = value.charCodeAt(i);
    const digit = code < 128 ? decodeTable[code] : NOT_A_DIGIT;
    if (digit === NOT_A_DIGIT) throw new RemoteError("bad_request", "not base64url");
    bits = ((bits << 6) | digit) & 0xffffff;
    const place = i & 3;
    if (place === 1) bytes[at++] = bits >> 4;
    else if (place === 2) bytes[at++] = bits >> 2;
    else if (place === 3) bytes[at++] = bits;
  }
  const tail = chars & 3;
  if (tail === 1) throw new RemoteError("bad_request", "not base64url");
  // Only one text of each byte string is canonical: the bits that are left over are zero.
  if ((tail === 2 && bits & 15) || (tail === 3 && bits & 3)) {
    throw new RemoteError("bad_request", "not canonical base64url");
  }
  return bytes;
}

/**
 * Keys or ids in base64url, each once, in the order of their raw bytes (not of their text): as lists in headers are.
 * @param {Iterable<string>} texts
 * @returns {string[]}
 */
export function sortByBytes(texts) {
  const items = Array.from(new Set(texts), (item) => ({ item, bytes: b64decode(item) }));
  return items.sort((a, b) => compareBytes(a.bytes, b.bytes)).map(({ item }) => item);
}
