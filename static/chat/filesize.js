/** Sizes of files in words. */

const UNITS = ["bytes", "KB", "MB", "GB"];
const STEP = 1024;

/** @param {number} bytes @returns {string} as in "3.4 MB" */
export function sizeText(bytes) {
  const level = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  const value = bytes / STEP ** level;
  const digits = level === 0 || value >= 100 ? 0 : 1;
  return `${value.toLocaleString("en-GB", { maximumFractionDigits: digits })} ${UNITS[level]}`;
}
