/** How long things live, in words and as a choice: the burn time of a channel. */

import { h } from "./dom.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const LIVES = [
  [0, "Never"],
  [HOUR_MS, "1 hour"],
  [8 * HOUR_MS, "8 hours"],
  [DAY_MS, "1 day"],
  [7 * DAY_MS, "1 week"],
  [30 * DAY_MS, "30 days"],
];

/** A time in words: "1 hour", "30 days". @param {number} ms */
export function lifeText(ms) {
  const known = LIVES.find(([each]) => each === ms);
  if (known) {
    return String(known[1]);
  }
  const [size, unit] = ms < HOUR_MS ? [60_000, "minute"] : ms < 2 * DAY_MS ? [HOUR_MS, "hour"] : [DAY_MS, "day"];
  const count = Math.max(1, Math.round(ms / Number(size)));
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/**
 * A field in which one chooses after what time messages disappear.
 * @param {number | null} burnMs
 * @param {string} label
 * @returns {{element: HTMLElement, value: () => number | null}} null: they stay
 */
export function lifeField(burnMs, label = "Messages disappear") {
  const current = burnMs ?? 0;
  const known = LIVES.some(([ms]) => ms === current) ? LIVES : [...LIVES, [current, lifeText(current)]];
  const select = /** @type {HTMLSelectElement} */ (h("select", null, known.map(([ms, words]) =>
    h("option", { value: ms, selected: ms === current }, ms === 0 ? words : `After ${words}`))));
  return {
    element: h("label", { class: "field" }, h("span", null, label), select),
    value: () => Number(select.value) || null,
  };
}
