/**
 * Words that are written where nobody reads them: in the engine, which runs in a worker and knows no language. Marked
 * here, they are found by the catalogues' test, and the page says them with `said` of words.js.
 */

/** @typedef {string | {text: string, values: Record<string, any>}} Words */

/**
 * @param {string} text in English, with {places}
 * @param {Record<string, any>} [values] what comes into the places
 * @returns {any} the text itself where it has no places
 */
export function toSay(text, values) {
  return values ? { text, values } : text;
}

/** A text with its places filled. @param {string} text @param {Record<string, any>} values */
export function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (place, name) => String(values[name] ?? place));
}
