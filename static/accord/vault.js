// The vault: a user's keys behind a name and a password (protocol.md section 9).
//
// A password becomes a `root`, and that becomes two keys: `auth`, which the hub is told and keeps a hash of, and `wrap`,
// which never leaves the client and opens the slot with the enclave's key. That key opens the body; the user key and
// what re-wraps the recovery slot (`keys`) are sealed once more inside it, so that a browser that is logged in can keep
// a body key that gives neither. Not here: asking the hub, and what the client keeps in it (client/vault.js).

import { CodeForm } from "./codes.js";
import { b64decode, b64encode, canonical, canonicalText, concat, isObject, parseCanonical, utf8 } from "./encoding.js";
import { RemoteError } from "./errors.js";
import * as fields from "./fields.js";
import { signingKeyFromSeed, verify } from "./keys.js";
import { normalizeName } from "./names.js";
import { domain, expand, extract, importAesKey, labelledHash, lp, open, seal } from "./primitives.js";

export const KDF = "pbkdf2-sha256";
export const DEFAULT_ITERATIONS = 1_000_000;
export const MIN_ITERATIONS = 600_000;
export const MAX_ITERATIONS = 10_000_000;
export const MAX_PASSWORD_CHARS = 1_000;
export const MAX_ENCLAVE_BYTES = 512 * 1024; // in canonical form
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** @typedef {{salt: Uint8Array, iterations: number}} Params */

/** Recovery codes and secret keys, of 8 groups of four. */
export const VAULT_CODE = new CodeForm(
  "code of the vault", (code) => labelledHash("vault-code-check", code), { size: 16, check: 4 });

const PARAMS = fields.table({
  kdf: fields.exactly(KDF),
  salt: fields.octets(SALT_BYTES),
  iterations: fields.integer(MIN_ITERATIONS, MAX_ITERATIONS),
});
const SLOT = fields.table({
  kind: fields.oneOf("password", "recovery"),
  wrapped_key: fields.octets(NONCE_BYTES + KEY_BYTES + TAG_BYTES),
});
const KEYS = fields.table({ user: fields.key, recovery: fields.optional(fields.octets(KEY_BYTES)) });

/** @param {any} value */
function readName(value) {
  if (typeof value !== "string" || normalizeName(value) !== value) {
    throw new RemoteError("bad_request", "a name in its one spelling expected");
  }
  return value;
}

/** @param {any} value */
function readBody(value) {
  const raw = b64decode(value);
  if (raw.length <= NONCE_BYTES + TAG_BYTES) throw new RemoteError("bad_request", "too short to hold anything");
  return raw;
}

const ENCLAVE = fields.table({
  v: fields.exactly(1),
  type: fields.exactly("vault"),
  name: readName,
  version: fields.integer(1, Number.MAX_SAFE_INTEGER),
  kdf: (/** @type {any} */ value) => fields.read(value, PARAMS, "kdf"),
  slots: fields.listOf((value) => fields.read(value, SLOT, "slot"), 2),
  body: readBody,
  signature: fields.octets(64),
});

// ------------------------------------------------------------------------------------------------- from the password

/**
 * What a hub answered of a name; RemoteError("bad_request") for another form, and for so little or so much work that no
 * honest hub asks for it.
 * @param {any} value
 * @returns {Params}
 */
export function readParams(value) {
  const { salt, iterations } = fields.read(value, PARAMS, "params");
  return { salt, iterations };
}

/**
 * What the password is salted with: 32 bytes that are this hub's, this name's and of this salt.
 * @param {Uint8Array} hub
 * @param {string} name
 * @param {Uint8Array} salt
 */
export function vaultSalt(hub, name, salt) {
  return labelledHash("vault-salt", lp(hub), lp(utf8(name)), lp(salt));
}

/**
 * What the password stretches to: 32 bytes. With a `secretKey` (16 bytes that its owner keeps beside the password) the
 * password alone leads nowhere. RemoteError("bad_request") for a password that cannot be one; it takes a second or so.
 * @param {string} password
 * @param {Uint8Array} salt what `vaultSalt` gave
 * @param {number} iterations
 * @param {{secretKey?: Uint8Array | null}} [options]
 * @returns {Promise<Uint8Array>}
 */
export async function rootKey(password, salt, iterations, { secretKey = null } = {}) {
  const typed = Array.from(password.slice(0, 8 * MAX_PASSWORD_CHARS)).slice(0, 4 * MAX_PASSWORD_CHARS).join("");
  const normal = typed.normalize("NFKC");
  const chars = Array.from(normal).length;
  if (chars < 1 || chars > MAX_PASSWORD_CHARS) {
    throw new RemoteError("bad_request", `a password has 1 to ${MAX_PASSWORD_CHARS} characters`);
  }
  if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
    throw new RemoteError("bad_request", "no honest hub asks for so little or so much work");
  }
  if (!normal.isWellFormed()) throw new RemoteError("bad_request", "the password is not well-formed text");
  const key = await crypto.subtle.importKey("raw", utf8(normal), "PBKDF2", false, ["deriveBits"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
  const root = new Uint8Array(await crypto.subtle.deriveBits(how, key, 8 * KEY_BYTES));
  return secretKey === null ? root : extract(secretKey, root);
}

/** What the hub is told as proof: 32 bytes. @param {Uint8Array} root */
export function authKey(root) {
  return expand(root, "vault-auth");
}

/** What opens the slot: 32 bytes that stay with the client. @param {Uint8Array} root */
export function wrapKey(root) {
  return expand(root, "vault-wrap");
}

// ------------------------------------------------------------------------------------------------------------- codes

/**
 * What a recovery code becomes: `authKey` and `wrapKey` of it open the vault as those of the password do.
 * @param {Uint8Array} code
 */
export function recoveryRoot(code) {
  return extract(domain("recovery"), code);
}

// ----------------------------------------------------------------------------------------------------------- enclave

/** @param {Uint8Array | CryptoKey} key @param {Uint8Array} plaintext @param {Uint8Array} aad */
async function sealed(key, plaintext, aad) {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const aes = key instanceof Uint8Array ? await importAesKey(key) : key;
  return concat(nonce, await seal(aes, nonce, plaintext, aad));
}

/** @param {Uint8Array | CryptoKey} key @param {Uint8Array} value @param {Uint8Array} aad @param {string} what */
async function opened(key, value, aad, what) {
  const aes = key instanceof Uint8Array ? await importAesKey(key) : key;
  try {
    return await open(aes, value.subarray(0, NONCE_BYTES), value.subarray(NONCE_BYTES), aad);
  } catch (error) {
    throw new RemoteError("bad_request", `the ${what} does not open with that`, { cause: error });
  }
}

/** @param {string} name @param {string} kind */
function slotAad(name, kind) {
  return concat(domain("vault-slot"), canonical({ name, kind }));
}

/** @param {string} name @param {number} version */
function bodyAad(name, version) {
  return concat(domain("vault-body"), canonical({ name, version, type: "vault" }));
}

/** @param {string} name */
function keysAad(name) {
  return concat(domain("vault-keys"), canonical({ name }));
}

/**
 * A way to open the enclave: its key sealed under a wrap key, as it goes on the wire.
 * @param {"password" | "recovery"} kind
 * @param {{name: string, wrap: Uint8Array, key: Uint8Array}} what
 */
export async function makeSlot(kind, { name, wrap, key }) {
  return { kind, wrapped_key: b64encode(await sealed(wrap, key, slotAad(name, kind))) };
}

/**
 * The user's 32 private bytes, and the wrap key of the recovery slot where there is one, sealed under the enclave's key
 * once more: the content's `keys`.
 * @param {Uint8Array} key
 * @param {{name: string, seed: Uint8Array, recovery?: Uint8Array | null}} what
 */
export async function sealKeys(key, { name, seed, recovery = null }) {
  const inside = { user: b64encode(seed), ...(recovery ? { recovery: b64encode(recovery) } : {}) };
  return b64encode(await sealed(await expand(key, "vault-keys"), canonical(inside), keysAad(name)));
}

/**
 * The enclave's key for its body alone; it gives neither itself nor the user key.
 * @param {Uint8Array} key
 */
export function bodyKey(key) {
  return importAesKey(key);
}

/**
 * The enclave of a user as it goes on the wire; RemoteError: bad_encoding (content that has no canonical form), too_big.
 * @param {import("./keys.js").SigningKey} user
 * @param {{name: string, version: number, params: Params, slots: object[], body: CryptoKey, content: object}} what
 *   `body` is the body key; `content` has the sealed `keys`
 * @returns {Promise<Record<string, any>>}
 */
export async function sealEnclave(user, { name, version, params, slots, body, content }) {
  const rest = {
    v: 1,
    type: "vault",
    name,
    version,
    kdf: { kdf: KDF, salt: b64encode(params.salt), iterations: params.iterations },
    slots,
    body: b64encode(await sealed(body, canonical(content), bodyAad(name, version))),
  };
  const enclave = { ...rest, signature: b64encode(await user.sign("vault", canonical(rest))) };
  readEnclave(enclave);
  return enclave;
}

/**
 * The checked fields of an enclave, bytes as bytes; nothing is opened and no signature looked at.
 *
 * RemoteError: bad_request, bad_encoding, too_big.
 * @param {any} value
 * @returns {Record<string, any>}
 */
export function readEnclave(value) {
  if (utf8(canonicalText(value)).length > MAX_ENCLAVE_BYTES) {
    throw new RemoteError("too_big", `an enclave has at most ${MAX_ENCLAVE_BYTES} bytes`);
  }
  const checked = fields.read(value, ENCLAVE, "enclave");
  const kinds = checked.slots.map((/** @type {{kind: string}} */ slot) => slot.kind);
  if (new Set(kinds).size !== kinds.length || kinds[0] !== "password") {
    throw new RemoteError("bad_request", "enclave.slots: the password's first, then perhaps the recovery code's");
  }
  return checked;
}

/**
 * The checked fields of an enclave that this user has signed. RemoteError: as `readEnclave`, and bad_sig.
 * @param {any} value
 * @param {Uint8Array} user
 */
export async function verifyEnclave(value, user) {
  const checked = readEnclave(value);
  const { signature: _, ...signed } = value;
  await verify(user, "vault", canonical(signed), checked.signature);
  return checked;
}

/**
 * The enclave's key, out of the slot of that kind; RemoteError("bad_request") if there is none or it does not open.
 * @param {any} value
 * @param {"password" | "recovery"} kind
 * @param {{wrap: Uint8Array}} how
 */
export async function slotKey(value, kind, { wrap }) {
  const { name, slots } = readEnclave(value);
  const slot = slots.find((/** @type {{kind: string}} */ each) => each.kind === kind);
  if (!slot) throw new RemoteError("bad_request", "the enclave has no such slot");
  return opened(wrap, slot.wrapped_key, slotAad(name, kind), "slot");
}

/**
 * What the body of an enclave of this name holds, with `keys` still sealed. RemoteError: of another form or name, not
 * opened by the key. Whose it is, is for `verifyEnclave`.
 * @param {any} value
 * @param {CryptoKey} body the body key
 * @param {{name: string}} of
 * @returns {Promise<Record<string, any>>}
 */
export async function openBody(value, body, { name }) {
  const checked = readEnclave(value);
  if (checked.name !== name) throw new RemoteError("bad_request", "the enclave is of another name");
  const inside = await opened(body, checked.body, bodyAad(name, checked.version), "body");
  const content = parseCanonical(inside, MAX_ENCLAVE_BYTES);
  if (!isObject(content) || typeof content.keys !== "string") {
    throw new RemoteError("bad_request", "the enclave holds no keys");
  }
  return content;
}

/**
 * All that an enclave of this name holds, opened with its key (`slotKey`).
 *
 * RemoteError: of another form, of another name, not opened by the key, without a user key, or not signed by it.
 * @param {any} value
 * @param {Uint8Array} key
 * @param {{name: string}} of
 * @returns {Promise<{seed: Uint8Array, recovery: Uint8Array | null, version: number, content: Record<string, any>}>}
 */
export async function openEnclave(value, key, { name }) {
  const content = await openBody(value, await bodyKey(key), { name });
  const inside = await opened(await expand(key, "vault-keys"), b64decode(content.keys), keysAad(name), "keys");
  const { user: seed, recovery = null } = fields.read(parseCanonical(inside, MAX_ENCLAVE_BYTES), KEYS, "keys");
  const { version } = await verifyEnclave(value, (await signingKeyFromSeed(seed)).publicKey);
  return { seed, recovery, version, content };
}
