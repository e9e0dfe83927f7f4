// Words by which two people compare two keys, on the phone or side by side (protocol.md section 8).
//
// The list is made by a rule: word n of 2,048 is consonant, vowel, consonant, vowel. Eight words are 88 bits of a hash
// over both keys, the smaller one first, so both sides see the same words.

import { compareBytes } from "./encoding.js";
import { labelledHash } from "./primitives.js";

export const WORDS = 8;
const WORD_BITS = 11;
const CONSONANTS = "bdfghjklmnprstvz";
const VOWELS = "aeio";
const ENDINGS = "ao";

/**
 * Word 0..2047: four bits, two, four, one.
 * @param {number} number
 * @returns {string}
 */
export function word(number) {
  return CONSONANTS[number >> 7] + VOWELS[(number >> 5) & 3] + CONSONANTS[(number >> 1) & 15] + ENDINGS[number & 1];
}

/**
 * The eight words of two keys, in whichever order they are given.
 * @param {Uint8Array} one
 * @param {Uint8Array} other
 * @returns {Promise<string[]>}
 */
export async function keyWords(one, other) {
  const [lower, higher] = compareBytes(one, other) <= 0 ? [one, other] : [other, one];
  const hash = await labelledHash("key-words", lower, higher);
  let bits = 0n;
  for (const byte of hash.subarray(0, (WORDS * WORD_BITS) / 8)) bits = (bits << 8n) | BigInt(byte);
  return Array.from({ length: WORDS }, (_, i) =>
    word(Number((bits >> BigInt(WORD_BITS * (WORDS - 1 - i))) & 2047n)));
}
