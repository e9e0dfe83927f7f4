/**
 * What a message shows of a picture before it is fetched: made here, in the page, from the file that is to be sent.
 *
 * What a file is, its first bytes say; of what others sent that is asked too before any of it is shown. Vector graphics
 * are never shown: they may hold scripts. Not here: where pictures stand (filebox.js).
 */

const MAX_THUMB_BYTES = 8 * 1024;
const MAX_SIDE_PX = 32_767;
const HEAD_BYTES = 32;
/** Sizes and qualities that are tried until the preview is small enough. */
const TRIES = [[240, 0.6], [200, 0.5], [160, 0.45], [120, 0.4], [80, 0.35], [48, 0.3]];

const SIGNATURES = [
  ["image/png", (head) => starts(head, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])],
  ["image/jpeg", (head) => starts(head, [0xff, 0xd8, 0xff])],
  ["image/gif", (head) => latin(head, 0, 4) === "GIF8"],
  ["image/webp", (head) => latin(head, 0, 4) === "RIFF" && latin(head, 8, 12) === "WEBP"],
  ["image/avif", (head) => latin(head, 4, 8) === "ftyp" && /avi[fs]/.test(latin(head, 8, 32))],
];

function starts(head, bytes) {
  return bytes.every((byte, i) => head[i] === byte);
}

function latin(head, from, to) {
  return String.fromCharCode(...head.subarray(from, to));
}

/** The type of a picture that may be shown, by its bytes; "" for anything else. @param {Uint8Array} bytes */
export function pictureType(bytes) {
  return SIGNATURES.find(([, fits]) => fits(bytes.subarray(0, HEAD_BYTES)))?.[0] ?? "";
}

/** The same for a Blob. @param {Blob} file @returns {Promise<string>} */
export async function pictureTypeOf(file) {
  return pictureType(new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer()));
}

/**
 * What is said of a file in its message.
 * @param {File} file
 * @returns {Promise<{media: string, width?: number, height?: number, thumb?: Uint8Array}>}
 */
export async function lookAt(file) {
  const picture = await pictureTypeOf(file);
  if (picture === "") {
    return { media: file.type || "application/octet-stream" };
  }
  try {
    const bitmap = await createImageBitmap(file);
    const { width, height } = bitmap;
    const thumb = Math.max(width, height) <= MAX_SIDE_PX ? await thumbOf(bitmap) : null;
    bitmap.close();
    return thumb ? { media: picture, width, height, thumb } : { media: picture };
  } catch {
    return { media: "application/octet-stream" }; // begins as a picture and is none
  }
}

async function thumbOf(bitmap) {
  for (const [side, quality] of TRIES) {
    const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/webp", quality));
    const small = blob?.type === "image/webp" ? blob
      : await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
    if (small && small.size <= MAX_THUMB_BYTES) {
      return new Uint8Array(await small.arrayBuffer());
    }
  }
  return null;
}
