/**
 * The language of the page: chosen here or on another device, or that of the browser. It changes with a load of the page.
 * Not here: the words (words/words.js), the first look at the choice, before anything is painted (early.js).
 */

import { LANGUAGES } from "../words/languages.js";
import { language } from "../words/words.js";
import { pref, setPref } from "./prefs.js";

/** What was chosen here, as a tag; "system": as the browser has it. */
export function chosenLanguage() {
  const chosen = pref("language");
  return LANGUAGES.some(([tag]) => tag === chosen) ? String(chosen) : "system";
}

/**
 * Choose; the page is loaded again in that language.
 * @param {string} chosen a tag, or "system"
 * @param {() => Promise<any>} keep tells the other devices
 */
export async function setLanguage(chosen, keep) {
  setPref("language", chosen === "system" ? null : chosen);
  await keep().catch(() => {}); // here it is kept all the same
  if (chosen !== language) {
    location.reload();
  }
}

/**
 * Take over what was chosen on another device: at once where nothing is under way here, else with the next load.
 * @param {string} chosen
 */
export function followLanguage(chosen) {
  const isKnown = chosen === "system" || LANGUAGES.some(([tag]) => tag === chosen);
  if (!isKnown || chosen === chosenLanguage()) {
    return;
  }
  setPref("language", chosen === "system" ? null : chosen);
  const isIdle = document.querySelector("dialog[open]") === null && !isWriting();
  if (isIdle && isKept(chosen) && chosen !== language) {
    location.reload();
  }
}

function isWriting() {
  return [...document.querySelectorAll("textarea, input[type=text]")].some((field) =>
    /** @type {HTMLInputElement} */ (field).value !== "");
}

/** Whether the next load will find the choice: a browser that refuses storage must not load for ever. */
function isKept(chosen) {
  try {
    return (localStorage.getItem("accord.language") ?? "system") === chosen;
  } catch {
    return false;
  }
}
