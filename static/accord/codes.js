// Codes that people write down and type: random bytes and a checksum in Crockford's base32 (protocol.md sections 8, 9).
//
// Not here: what a code opens (replacing.js, vault.js); claim codes, which have no checksum (invites.js).

import { concat } from "./encoding.js";
import { RemoteError } from "./errors.js";

const GROUP_CHARS = 4;
const MAX_TYPED_CHARS = 500;
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const READ_AS = new Map([["O", "0"], ["I", "1"], ["L", "1"]]);
const BETWEEN = /[\s-]+/g;

/**
 * Letters of a code as they are compared. @param {string} text
 * @returns {string}
 */
export function plainLetters(text) {
  const letters = text.slice(0, MAX_TYPED_CHARS).replace(BETWEEN, "").toUpperCase();
  return Array.from(letters, (letter) => READ_AS.get(letter) ?? letter).join("");
}

/** A kind of code. */
export class CodeForm {
  #name;
  #hash;
  #size;
  #check;

  /**
   * @param {string} name in sentences
   * @param {(code: Uint8Array) => Promise<Uint8Array>} hash for its checksum
   * @param {{size: number, check: number}} bytes of code and checksum, together a multiple of five
   */
  constructor(name, hash, { size, check }) {
    this.#name = name;
    this.#hash = hash;
    this.#size = size;
    this.#check = check;
  }

  get #chars() {
    return ((this.#size + this.#check) * 8) / 5;
  }

  /** A fresh code. @returns {Uint8Array} */
  make() {
    return crypto.getRandomValues(new Uint8Array(this.#size));
  }

  /** @param {Uint8Array} code */
  async #checksum(code) {
    return (await this.#hash(code)).subarray(0, this.#check);
  }

  /**
   * A code as people write it down: groups of four, the last letters being its checksum.
   * @param {Uint8Array} code
   * @returns {Promise<string[]>}
   */
  async groups(code) {
    const whole = concat(code, await this.#checksum(code));
    const number = whole.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    const letters = Array.from({ length: this.#chars }, (_, i) =>
      ALPHABET[Number((number >> BigInt(5 * (this.#chars - 1 - i))) & 31n)]);
    return Array.from({ length: this.#chars / GROUP_CHARS }, (_, i) =>
      letters.slice(i * GROUP_CHARS, (i + 1) * GROUP_CHARS).join(""));
  }

  /**
   * The code that a person has typed, however it is grouped; RemoteError("bad_request") with a sentence for them.
   * @param {string} text
   * @returns {Promise<Uint8Array>}
   */
  async parse(text) {
    const letters = Array.from(plainLetters(text));
    if (letters.length !== this.#chars) {
      throw new RemoteError("bad_request", `a ${this.#name} has ${this.#chars} letters and digits`);
    }
    let number = 0n;
    for (const letter of letters) {
      const place = ALPHABET.indexOf(letter);
      if (place < 0) throw new RemoteError("bad_request", `that letter is in no ${this.#name}`);
      number = (number << 5n) | BigInt(place);
    }
    const bytes = this.#size + this.#check;
    const value = Uint8Array.from({ length: bytes }, (_, i) => Number((number >> BigInt(8 * (bytes - 1 - i))) & 255n));
    const code = value.slice(0, this.#size);
    const check = await this.#checksum(code);
    if (check.some((byte, i) => byte !== value[this.#size + i])) {
      throw new RemoteError("bad_request",
        `the ${this.#name} is not typed as it was written down: compare it once more`);
    }
    return code;
  }
}
