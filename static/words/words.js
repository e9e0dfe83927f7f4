/**
 * What a person reads, in their language. The English text itself is the key of the catalogues (docs/translating.md);
 * what a catalogue lacks stays English. The language is that of <html>: the hub guesses it from what the browser asks
 * for, chat/early.js puts in its place what was chosen here. It is loaded before this module is ready, so `t` may stand
 * anywhere, also in constants; another choice counts from the next load of the page.
 *
 * A text that would read the same as another, and means something else, has a note behind two #, which nobody sees:
 * "Open##adjective". Not here: the choice (chat/language.js), words of the engine (tosay.js).
 */

import { LANGUAGES } from "./languages.js";

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/u;
const LEFT_TO_RIGHT = /(?=\p{L})[^\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/u;
const ISOLATE = "\u2068";
const ISOLATE_END = "\u2069";

const wanted = document.documentElement.lang;
const [tag, , load] = LANGUAGES.find(([each]) => each === wanted) ?? LANGUAGES[0];
const catalogue = await load().then((module) => module.default, () => null);

/** The language of the page, as a tag. */
export const language = catalogue ? tag : LANGUAGES[0][0];
/** For Intl: dates and numbers are as the language has them, in English the way most of the world writes them. */
export const locale = language === "en" ? "en-GB" : language;

/** For times of day: readers of English disagree on 12 or 24 hours, and their browser knows. */
export const clockLocale = language === "en" ? undefined : language;

const NUMBER = new Intl.NumberFormat(locale);
const PLURALS = new Intl.PluralRules(locale);
document.documentElement.lang = language;
if (document.documentElement.dir === "") {
  document.documentElement.dir = "ltr";
}
const OTHER_WAY = document.documentElement.dir === "rtl" ? LEFT_TO_RIGHT : RIGHT_TO_LEFT;

/**
 * A text in the language of the page.
 * @param {string} text in English, with {places}
 * @param {Record<string, any>} [values] what comes into the places; numbers are written as the language writes them
 * @returns {string}
 */
export function t(text, values = {}) {
  return fill(entry(text, "other"), values, shown).join("");
}

/**
 * A text that depends on a number, which has the place {count}.
 * @param {string} one as in "{count} person"
 * @param {string} other as in "{count} people"; the key of the catalogues
 * @param {number} count
 * @param {Record<string, any>} [values]
 */
export function plural(one, other, count, values = {}) {
  const form = PLURALS.select(count);
  const text = language === "en" && form === "one" ? one : entry(other, form);
  return fill(text, { count, ...values }, shown).join("");
}

/**
 * A text with elements in its places, as children for `h`.
 * @param {string} text
 * @param {Record<string, any>} values nodes, strings, numbers
 * @returns {any[]}
 */
export function rich(text, values) {
  return fill(entry(text, "other"), values, (value) => (typeof value === "object" ? value : shown(value)));
}

/**
 * Words that were marked by `toSay`. What nobody has marked is given as it is.
 * @param {import("./tosay.js").Words} words
 */
export function said(words) {
  return typeof words === "string" ? t(words) : t(words.text, words.values);
}

/** A number as the language writes it. @param {number} value @param {Intl.NumberFormatOptions} [options] */
export function numberText(value, options) {
  return options ? value.toLocaleString(locale, options) : NUMBER.format(value);
}

function entry(text, form) {
  const found = catalogue && Object.hasOwn(catalogue, text) ? catalogue[text] : null;
  if (found !== null && typeof found === "object") {
    return found[form] ?? found.other;
  }
  return found ?? text.split("##", 1)[0];
}

function fill(text, values, show) {
  return text.split(/(\{\w+\})/u).filter((part) => part !== "").map((part) => {
    const name = part.startsWith("{") ? part.slice(1, -1) : "";
    return name !== "" && Object.hasOwn(values, name) ? show(values[name]) : part;
  });
}

/** Numbers as the language has them; names that are read the other way are kept apart from what is around them. */
function shown(value) {
  if (typeof value === "number") {
    return NUMBER.format(value);
  }
  const text = String(value);
  return OTHER_WAY.test(text) ? ISOLATE + text + ISOLATE_END : text;
}
