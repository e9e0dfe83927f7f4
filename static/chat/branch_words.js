/** Numbers of the invite tree in words. */

const COUNT = new Intl.NumberFormat("en-GB");
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A number, its thousands apart. @param {number} number */
export function numberText(number) {
  return COUNT.format(number);
}

/** A number of things: "1 person", "2 people". @param {number} number @param {string} one @param {string} many */
export function counted(number, one, many) {
  return `${numberText(number)} ${number === 1 ? one : many}`;
}

/** Bytes in the unit that gives a short number. @param {number} bytes */
export function sizeText(bytes) {
  let amount = bytes;
  let unit = 0;
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${unit === 0 || amount >= 100 ? numberText(Math.round(amount)) : amount.toFixed(1)} ${UNITS[unit]}`;
}

/** How much is left of an allowance: "12 of 100 used", "12 used, no limit". */
export function usedText(used, limit, text = numberText) {
  return limit === null ? `${text(used)} used, no limit` : `${text(used)} of ${text(limit)} used`;
}

/** A span of time that runs down: "9:32", "1:04:10". @param {number} ms */
export function leftText(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = parts[0] > 0 ? parts : parts.slice(1);
  return shown.map((part, place) => (place === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}
