// The search for a proof of work (protocol.md section 10): the script of a Worker of its own; see `solve` in pow.js.
//
// The one place with a SHA-256 of our own: WebCrypto's takes a task a call, many times what the hash itself takes. It
// is used for nothing but counting zero bits, and what it finds is checked with WebCrypto's.
//
// In: {prefix: D("pow") || ch, difficulty}. Out: {tried} now and then, at last {counter}.

const PROGRESS_STEP = 65_536;
const PREFIX_BYTES = 46; // with the counter and the padding exactly one block
const MESSAGE_BITS = (PREFIX_BYTES + 8) * 8;

const K = new Int32Array(64);
const START = new Int32Array(8);
const words = new Int32Array(64);

/** The constants of FIPS 180-4: the first 32 bits after the point of roots of the first 64 primes. */
function fillConstants() {
  const fraction = (/** @type {number} */ root) => (root - Math.floor(root)) * 2 ** 32;
  let found = 0;
  for (let number = 2; found < K.length; number += 1) {
    let divisor = 2;
    while (divisor * divisor <= number && number % divisor !== 0) divisor += 1;
    if (divisor * divisor <= number) continue;
    if (found < START.length) START[found] = fraction(Math.sqrt(number));
    K[found] = fraction(Math.cbrt(number));
    found += 1;
  }
}

/**
 * The first word of the SHA-256 of the one block whose 16 words stand in `words`.
 * @returns {number}
 */
function firstWord() {
  for (let i = 16; i < 64; i += 1) {
    const x = words[i - 15];
    const y = words[i - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    words[i] = words[i - 16] + s0 + words[i - 7] + s1;
  }
  let a = START[0];
  let b = START[1];
  let c = START[2];
  let d = START[3];
  let e = START[4];
  let f = START[5];
  let g = START[6];
  let h = START[7];
  for (let i = 0; i < 64; i += 1) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + words[i]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  return (START[0] + a) | 0;
}

/**
 * The smallest counter for which SHA256(prefix || u64(counter)) has `difficulty` leading zero bits, at most 32.
 * @param {Uint8Array} prefix PREFIX_BYTES bytes
 * @param {number} difficulty
 * @param {(tried: number) => void} onProgress
 * @returns {number}
 */
function search(prefix, difficulty, onProgress) {
  const block = new DataView(new ArrayBuffer(64));
  prefix.forEach((byte, i) => block.setUint8(i, byte));
  for (let counter = 0; ; counter += 1) {
    for (let i = 0; i < 12; i += 1) words[i] = block.getInt32(i * 4);
    words[12] = counter / 2 ** 16; // the counter stands across two words; its upper 16 bits are zero for ever
    words[13] = (counter << 16) | 0x8000; // and behind it the bit that ends a message
    words[14] = 0;
    words[15] = MESSAGE_BITS;
    if (Math.clz32(firstWord()) >= difficulty) return counter;
    if ((counter + 1) % PROGRESS_STEP === 0) onProgress(counter + 1);
  }
}

fillConstants();

addEventListener("message", ({ data: { prefix, difficulty } }) => {
  postMessage({ counter: search(prefix, difficulty, (tried) => postMessage({ tried })) });
});
