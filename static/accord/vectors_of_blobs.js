// Checks of the sections of a vector file about blobs (vectors.js; protocol.md section 11).

import { blobId, openBlob, sealBlob, sealedSize } from "./blobs.js";
import { b64decode, b64encode } from "./encoding.js";
import { RemoteError } from "./errors.js";
import { fromHex, same, toHex } from "./vector_checks.js";

const PATTERN_STEP = 31;

/** The file of a long case. @param {number} size */
function pattern(size) {
  return Uint8Array.from({ length: size }, (_, i) => (PATTERN_STEP * i) & 255);
}

/** @type {Record<string, (cases: any) => [name: string, check: () => any][]>} */
export const BLOB_SECTIONS = {
  blobs: (cases) => cases.map((/** @type {any} */ one) => [`${one.size} bytes`, async () => {
    const [key, file] = [b64decode(one.key), pattern(one.size)];
    const blob = await sealBlob(key, file);
    same(b64encode(await blobId(blob)), one.id);
    same(blob.length, one.sealed_size);
    same(sealedSize(one.size), one.sealed_size);
    if (one.blob !== undefined) same(toHex(blob), one.blob);
    const opened = await openBlob(key, one.size, blob);
    same(opened.length, file.length);
    same(opened.findIndex((byte, i) => byte !== file[i]), -1);
  }]),

  blobs_reject: (cases) => cases.map((/** @type {any} */ one) => [one.why, async () => {
    try {
      await openBlob(b64decode(one.key), one.size, fromHex(one.blob));
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      same(error.code, one.code);
      return;
    }
    throw new Error("accepted");
  }]),
};
