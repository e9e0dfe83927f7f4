/** Numbers of the invite tree in words. */

import { numberText, t } from "../words/words.js";

export { numberText };

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** Bytes in the unit that gives a short number. @param {number} bytes */
export function sizeText(bytes) {
  let amount = bytes;
  let unit = 0;
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || amount >= 100 ? 0 : 1;
  return `${numberText(amount, { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${UNITS[unit]}`;
}

/** How much is left of an allowance: "12 of 100 used", "12 used, no limit". */
export function usedText(used, limit, text = numberText) {
  return limit === null
    ? t("{used} used, no limit", { used: text(used) })
    : t("{used} of {limit} used", { used: text(used), limit: text(limit) });
}

/** A span of time that runs down: "9:32", "1:04:10". @param {number} ms */
export function leftText(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = parts[0] > 0 ? parts : parts.slice(1);
  return shown.map((part, place) => (place === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}
