/**
 * Light, dark, or as the system has it. Not here: the first look at the choice, before anything is painted (early.js).
 */

import { pref, setPref } from "./prefs.js";

/** @typedef {"system" | "light" | "dark"} Theme */

/** @returns {Theme} */
export function theme() {
  const chosen = pref("theme");
  return chosen === "light" || chosen === "dark" ? chosen : "system";
}

/** @param {Theme} chosen */
export function setTheme(chosen) {
  setPref("theme", chosen === "system" ? null : chosen);
  apply();
}

function apply() {
  const chosen = theme();
  if (chosen === "system") {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = chosen;
  }
}

globalThis.addEventListener("storage", apply);
