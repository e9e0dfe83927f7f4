/**
 * What cameras write into photographs besides the picture (where, when, with what) is taken out before they are sent.
 * Only which way is up stays. JPEG alone: other formats are sent as they are.
 */

const START = [0xff, 0xd8];
const SCAN = 0xda;
/** Segments of facts: Exif and XMP, IPTC, comments. */
const FACTS = new Set([0xe1, 0xed, 0xfe]);
const ORIENTATION = 0x0112;
const EXIF = [0x45, 0x78, 0x69, 0x66, 0, 0];

/** A photograph without facts, or the file itself. @param {File} file @param {string} media @returns {Promise<File>} */
export async function withoutFacts(file, media) {
  if (media !== "image/jpeg") {
    return file;
  }
  const parts = cleaned(new Uint8Array(await file.arrayBuffer()));
  return parts ? new File(parts, file.name, { type: file.type }) : file;
}

/** The parts of a JPEG that are sent; null where it is not built as it should be. @param {Uint8Array} bytes */
export function cleaned(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kept = [];
  let turned = 1;
  for (let at = START.length; at + 4 <= bytes.length;) {
    const marker = bytes[at + 1];
    const length = view.getUint16(at + 2);
    if (bytes[at] !== 0xff || length < 2 || at + 2 + length > bytes.length) {
      return null;
    }
    if (marker === SCAN) {
      return [Uint8Array.from(START), ...(turned > 1 ? [orientation(turned)] : []), ...kept, bytes.subarray(at)];
    }
    const segment = bytes.subarray(at, at + 2 + length);
    if (!FACTS.has(marker)) {
      kept.push(segment);
    } else if (marker === 0xe1) {
      turned = orientationOf(segment) || turned;
    }
    at += 2 + length;
  }
  return null;
}

/** Which way is up, by an Exif segment: 1 to 8, 0 where it does not say. @param {Uint8Array} segment */
function orientationOf(segment) {
  const tiff = 10;
  if (!EXIF.every((byte, i) => segment[4 + i] === byte) || segment.length < tiff + 8) {
    return 0;
  }
  const view = new DataView(segment.buffer, segment.byteOffset + tiff, segment.length - tiff);
  const isLittle = view.getUint16(0) === 0x4949;
  const first = view.getUint32(4, isLittle);
  if (first + 2 > view.byteLength) {
    return 0;
  }
  const count = view.getUint16(first, isLittle);
  for (let entry = first + 2; entry + 12 <= Math.min(view.byteLength, first + 2 + 12 * count); entry += 12) {
    if (view.getUint16(entry, isLittle) === ORIENTATION) {
      const value = view.getUint16(entry + 8, isLittle);
      return value <= 8 ? value : 0;
    }
  }
  return 0;
}

/** An Exif segment that says which way is up, and nothing else. @param {number} value */
function orientation(value) {
  return Uint8Array.from([
    0xff, 0xe1, 0, 34, ...EXIF, 0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, value, 0, 0, 0, 0,
    0, 0,
  ]);
}
