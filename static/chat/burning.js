/** How long things live, in words and as a choice: the burn time of a channel. */

import { plural, t } from "../words/words.js";
import { h } from "./dom.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const LIVES = [
  [0, t("Never")],
  [HOUR_MS, t("1 hour")],
  [8 * HOUR_MS, spanText(8 * HOUR_MS)],
  [DAY_MS, t("1 day")],
  [7 * DAY_MS, t("1 week")],
  [30 * DAY_MS, spanText(30 * DAY_MS)],
];

/** A time that passes, in words: "5 minutes", "2 hours", "3 days". @param {number} ms */
export function spanText(ms) {
  const of = (/** @type {number} */ size) => Math.max(1, Math.round(ms / size));
  return ms < HOUR_MS
    ? plural("{count} minute", "{count} minutes", of(60_000))
    : ms < 2 * DAY_MS ? plural("{count} hour", "{count} hours", of(HOUR_MS)) : plural("{count} day", "{count} days", of(DAY_MS));
}

/** A time in words: "1 hour", "30 days". @param {number} ms */
export function lifeText(ms) {
  const known = LIVES.find(([each]) => each === ms);
  if (known) {
    return String(known[1]);
  }
  return spanText(ms);
}

/**
 * A field in which one chooses after what time messages disappear.
 * @param {number | null} burnMs
 * @param {string} label
 * @returns {{element: HTMLElement, value: () => number | null}} null: they stay
 */
export function lifeField(burnMs, label = t("Messages disappear")) {
  const current = burnMs ?? 0;
  const known = LIVES.some(([ms]) => ms === current) ? LIVES : [...LIVES, [current, lifeText(current)]];
  const select = /** @type {HTMLSelectElement} */ (h("select", null, known.map(([ms, words]) =>
    h("option", { value: ms, selected: ms === current }, ms === 0 ? words : t("After {words}", { words })))));
  return {
    element: h("label", { class: "field" }, h("span", null, label), select),
    value: () => Number(select.value) || null,
  };
}
