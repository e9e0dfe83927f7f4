/**
 * One polite live region for the whole page, for what happens without a change of focus: new messages of the open
 * conversation too, because a virtual list would read rows aloud as they scroll in.
 */

import { h } from "./dom.js";

const CLEAR_AFTER_MS = 7_000;

/** @type {HTMLElement | null} */
let region = null;
let timer = 0;

/**
 * Say a sentence to people with a screen reader.
 * @param {string} text
 */
export function announce(text) {
  if (region === null || !region.isConnected) {
    region = h("div", { class: "visually-hidden", role: "status", "aria-live": "polite" });
  }
  // An open dialog makes the rest of the page inert, and with it a region outside
  const dialogs = document.querySelectorAll("dialog[open]");
  const place = dialogs[dialogs.length - 1] ?? document.body;
  if (region.parentNode !== place) {
    place.append(region);
  }
  const element = region;
  clearTimeout(timer);
  element.textContent = "";
  requestAnimationFrame(() => {
    element.textContent = text;
  });
  timer = setTimeout(() => {
    element.textContent = "";
  }, CLEAR_AFTER_MS);
}
