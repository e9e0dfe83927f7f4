/** The rule of account names in words, while one types. The engine judges again (static/accord/names.js). */

import { t } from "../words/words.js";

const MIN_CHARS = 3;
const MAX_CHARS = 32;

/**
 * @param {string} typed
 * @returns {{name: string, problem: string, isUnfinished: boolean}} the one spelling, and what is wrong with it
 */
export function checkName(typed) {
  const name = typed
    .trim()
    .normalize("NFKC")
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  const odd = [...name].find((char) => !/[a-z0-9_.-]/.test(char));
  if (odd !== undefined) {
    const problem = /\s/.test(odd)
      ? t("A name has no spaces; a dot, a dash or an underscore can stand for one.")
      : t("\"{odd}\" cannot be in a name: only letters a to z, digits, dots, dashes and underscores.", { odd });
    return { name, problem, isUnfinished: false };
  }
  if (name.length > MAX_CHARS) {
    return {
      name,
      problem: t("A name has at most {most} characters; this one has {count}.", { most: MAX_CHARS, count: name.length }),
      isUnfinished: false,
    };
  }
  if (name.length < MIN_CHARS) {
    return { name, problem: t("A name has at least {least} characters.", { least: MIN_CHARS }), isUnfinished: true };
  }
  return { name, problem: "", isUnfinished: false };
}
