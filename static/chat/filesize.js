/** Sizes of files in words. */

import { numberText, plural } from "../words/words.js";

const UNITS = ["KB", "MB", "GB"];
const STEP = 1024;

/** @param {number} bytes @returns {string} as in "3.4 MB" */
export function sizeText(bytes) {
  const level = Math.min(UNITS.length, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  if (level === 0) {
    return plural("{count} byte", "{count} bytes", bytes);
  }
  const value = bytes / STEP ** level;
  return `${numberText(value, { maximumFractionDigits: value >= 100 ? 0 : 1 })} ${UNITS[level - 1]}`;
}
