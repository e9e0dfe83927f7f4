/**
 * How hard a new password is to guess, in words. A rough and careful estimate: what people do to passwords (words,
 * years, runs, repeats, letters as digits) counts for little. The hub never sees the password, but whoever copies its
 * database can try guesses against a vault, about a thousand a second on one fast machine.
 */

import { t } from "../words/words.js";

const COMMON = new Set(("password passwort letmein welcome qwerty qwertz asdf azerty admin login monkey dragon football "
  + "iloveyou sunshine princess baseball shadow master superman batman trustno hello freedom whatever secret accord "
  + "summer winter spring autumn january february april august october november december changeme default").split(" "));
const PLAIN = new Map([["0", "o"], ["1", "l"], ["3", "e"], ["4", "a"], ["5", "s"], ["7", "t"], ["@", "a"], ["$", "s"],
  ["!", "i"]]);
const RUNS = ["abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop"];
const COMMON_BITS = 8;
const YEAR_BITS = 6;
/** What follows naturally on the letter before. */
const FOLLOWING_BITS = 1;
const WORDS = [t("very weak"), t("weak"), t("fair"), t("good"), t("strong")];
const STEPS_BITS = [28, 40, 52, 66];

/** @param {string} text */
function alphabetBits(text) {
  let size = 0;
  size += /[a-z]/.test(text) ? 26 : 0;
  size += /[A-Z]/.test(text) ? 12 : 0; // mostly the first letter
  size += /\d/.test(text) ? 10 : 0;
  size += /[^a-zA-Z\d]/.test(text) ? 14 : 0;
  return Math.log2(Math.max(size, 2)) * 0.8; // languages are far from random
}

/** @param {string} a @param {string} b */
function follows(a, b) {
  return a === b || RUNS.some((run) => run.includes(a + b) || run.includes(b + a));
}

/**
 * @param {string} password
 * @returns {number} bits, about
 */
export function bitsOf(password) {
  let plain = Array.from(password.toLowerCase(), (letter) => PLAIN.get(letter) ?? letter).join("");
  let bits = 0;
  for (const word of COMMON) {
    while (plain.includes(word)) {
      plain = plain.replace(word, "");
      bits += COMMON_BITS;
    }
  }
  let rest = plain.length === password.length ? password : plain;
  rest = rest.replace(/(19|20)\d\d/g, () => {
    bits += YEAR_BITS;
    return "";
  });
  const letters = Array.from(rest);
  const each = alphabetBits(rest);
  const seen = new Set();
  for (let i = 0; i < letters.length; i += 1) {
    const pair = letters.slice(i, i + 3).join("");
    const isPlain = i > 0 && follows(letters[i - 1].toLowerCase(), letters[i].toLowerCase());
    bits += isPlain || seen.has(pair) ? FOLLOWING_BITS : each;
    seen.add(pair);
  }
  return bits;
}

/**
 * @param {string} password
 * @returns {{step: number, word: string}} step 0 to 4
 */
export function strengthOf(password) {
  const bits = bitsOf(password);
  const step = STEPS_BITS.filter((limit) => bits >= limit).length;
  return { step, word: WORDS[step] };
}
