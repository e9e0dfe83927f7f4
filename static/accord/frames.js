// Sealed frames of a session (protocol.md section 3, "frames").
//
// A frame's counter is taken when `seal` or `open` is called, so calls may overlap; the promises of two calls may be
// kept in any order, and whoever sends or applies frames keeps theirs.

import { concat } from "./encoding.js";
import { RemoteError } from "./errors.js";
import { domain, importAesKey, open, seal } from "./primitives.js";

export const MAX_FRAME_BYTES = 1024 * 1024;
export const JSON_FRAME = 1;
const OVERHEAD_BYTES = 17; // type byte and GCM tag
const NONCE_BYTES = 12;

const TYPE_BYTE = Uint8Array.of(JSON_FRAME);
const AAD = concat(domain("frame"), TYPE_BYTE);

class Direction {
  /** @type {Promise<CryptoKey>} */
  #key;
  /** @type {bigint} */
  #counter;

  /**
   * @param {Uint8Array} key 32 bytes
   * @param {number} [counter]
   */
  constructor(key, counter = 0) {
    this.#key = importAesKey(key);
    this.#counter = BigInt(counter);
  }

  /** @returns {Promise<CryptoKey>} */
  get key() {
    return this.#key;
  }

  /** @returns {Uint8Array} 4 zero bytes, then the counter */
  nextNonce() {
    const nonce = new Uint8Array(NONCE_BYTES);
    new DataView(nonce.buffer).setBigUint64(4, this.#counter);
    this.#counter += 1n;
    return nonce;
  }
}

/** Seals JSON frames of one direction, in order. */
export class FrameSealer extends Direction {
  /**
   * The next frame.
   * @param {Uint8Array} plaintext
   * @returns {Promise<Uint8Array>}
   */
  async seal(plaintext) {
    const nonce = this.nextNonce();
    return concat(TYPE_BYTE, await seal(await this.key, nonce, plaintext, AAD));
  }
}

/** Opens the frames of the other direction, in order; any failure means the session is over. */
export class FrameOpener extends Direction {
  /**
   * RemoteError: unsupported (another frame type), bad_request (short, changed, out of order), too_big.
   * @param {Uint8Array} frame
   * @returns {Promise<Uint8Array>}
   */
  async open(frame) {
    if (frame.length > MAX_FRAME_BYTES + OVERHEAD_BYTES) {
      throw new RemoteError("too_big", `frame of more than ${MAX_FRAME_BYTES} bytes`);
    }
    if (frame[0] !== JSON_FRAME) throw new RemoteError("unsupported", "frame type");
    const nonce = this.nextNonce();
    return open(await this.key, nonce, frame.subarray(1), AAD);
  }
}
