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
