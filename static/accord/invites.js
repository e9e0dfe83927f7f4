// Invite links, claim codes and the claim of an account (protocol.md section 8).
//
// The secret stays in the link's fragment, which browsers never send. Links are taken apart as accord/invites.py does,
// not by URL: which hub a link means must not depend on the program that reads it. A link for several people (a circle)
// has one secret and as many temporary keys. Not here: the tree and its currency.

import { b64decode, b64encode, canonical, concat, utf8 } from "./encoding.js";
import { RemoteError } from "./errors.js";
import { signingKeyFromSeed, verify } from "./keys.js";
import { domain, expand, extract, u64 } from "./primitives.js";

export const SECRET_BYTES = 32;
export const MAX_LINK_CHARS = 1_000;
export const MIN_CIRCLE_PEOPLE = 2;
export const MAX_CIRCLE_PEOPLE = 50;
export const CODE_CHARS = 10;
export const CODE_ITERATIONS = 600_000;
const PLACEHOLDER_BYTES = 9;
const CODE_BITS = 256;
const MAX_PORT = 65_535;

// No user info, no backslash: readers of URLs disagree on them, so a link could show one hub and mean another.
const HOST = /^(?:[\p{L}\p{N}_.-]+|(\[[0-9A-Fa-f:.]+\]))(?::([0-9]{1,5}))?$/u;
const LINK = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(\?[^#]*)?#(.*)$/s;
// What may stand around a link that was copied, and what readers of URLs drop from its inside.
const AROUND = /^(?:[^\S\uFEFF]|[\0-\x1f\x85])+|(?:[^\S\uFEFF]|[\x1c-\x1f\x85])+$/g;
const INSIDE = /[\t\r\n]/g;
const PEOPLE = /^[1-9][0-9]?$/;
const PLACEHOLDER = /^invite-[0-9a-f]{18}$/;
// Crockford's base32: no I, L, O, U. What looks like a digit is read as one.
const CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE = new RegExp(`^[${CODE_ALPHABET}]{${CODE_CHARS}}$`);

/** Where the hub is (`origin`, e.g. https://hub.example), the 32-byte secret, the hub's key, how many may join. */
export class InviteLink {
  /**
   * @param {string} origin
   * @param {Uint8Array} secret
   * @param {Uint8Array} hub
   * @param {number} [people]
   */
  constructor(origin, secret, hub, people = 1) {
    this.origin = origin;
    this.secret = secret;
    this.hub = hub;
    this.people = people;
  }

  /**
   * The places that a link has, as `temporaryKey` takes them: one without a number, or those of a circle.
   * @returns {(number | null)[]}
   */
  get places() {
    return this.people === 1 ? [null] : Array.from({ length: this.people }, (_, place) => place);
  }

  /** The link itself. */
  toString() {
    const people = this.people > 1 ? `.${this.people}` : "";
    return `${this.origin}/join#${b64encode(this.secret)}.${b64encode(this.hub)}${people}`;
  }
}

/**
 * A link with a fresh secret, for one person or for 2..MAX_CIRCLE_PEOPLE.
 * @param {string} origin
 * @param {Uint8Array} hub
 * @param {number} [people]
 * @returns {InviteLink}
 */
export function newLink(origin, hub, people = 1) {
  return new InviteLink(origin, crypto.getRandomValues(new Uint8Array(SECRET_BYTES)), hub, people);
}

/**
 * @param {string | undefined} text what stands behind the hub's key, if anything does
 * @returns {number}
 */
function readPeople(text) {
  if (text === undefined) return 1;
  const people = PEOPLE.test(text) ? Number(text) : 0;
  if (people < MIN_CIRCLE_PEOPLE || people > MAX_CIRCLE_PEOPLE) {
    throw new RemoteError("bad_request", `a circle is of ${MIN_CIRCLE_PEOPLE}..${MAX_CIRCLE_PEOPLE}`);
  }
  return people;
}

/**
 * Whether the part between // and / names a host (and a port) that a link may name.
 * @param {string} authority
 * @returns {boolean}
 */
function namesHub(authority) {
  const match = HOST.exec(authority);
  if (match === null) return false;
  const [, bracketed, port] = match;
  if (port !== undefined && (Number(port) === 0 || Number(port) > MAX_PORT)) return false;
  return bracketed === undefined || URL.canParse(`http://${bracketed}/`);
}

/**
 * Where a link leads and what stands behind its `#`; RemoteError("bad_request") with a sentence for the person who
 * pasted it.
 * @param {string} link
 * @param {string} wantedPath
 * @param {string} what it is called, with its article
 * @returns {{origin: string, fragment: string}}
 */
export function readLink(link, wantedPath, what) {
  const name = what.charAt(0).toUpperCase() + what.slice(1);
  if (link.length > MAX_LINK_CHARS && Array.from(link).length > MAX_LINK_CHARS) {
    throw new RemoteError("bad_request", `${name} has at most ${MAX_LINK_CHARS} characters`);
  }
  const match = LINK.exec(link.replace(AROUND, "").replace(INSIDE, ""));
  const [, scheme, authority, path, query, fragment] = match ?? ["", "", "", "", "", ""];
  const isHttp = ["http", "https"].includes(scheme.toLowerCase());
  if (!isHttp || !fragment.includes(".") || (query ?? "").length > 1) {
    throw new RemoteError("bad_request", `${name} looks like https://hub${wantedPath}#... and must be copied whole`);
  }
  if (!namesHub(authority)) throw new RemoteError("bad_request", `${what}: it names no hub`);
  if (path !== wantedPath) throw new RemoteError("bad_request", `${name} has the path ${wantedPath}`);
  return { origin: `${scheme.toLowerCase()}://${authority}`, fragment };
}

/**
 * The parts of an invite link; RemoteError("bad_request") with a sentence for the person who pasted it.
 * @param {string} link
 * @returns {InviteLink}
 */
export function parseLink(link) {
  const { origin, fragment } = readLink(link, "/join", "an invite link");
  const [secretText, hubText, ...rest] = fragment.split(".");
  try {
    const secret = b64decode(secretText, SECRET_BYTES);
    const people = readPeople(rest.length > 0 ? rest.join(".") : undefined);
    return new InviteLink(origin, secret, b64decode(hubText, 32), people);
  } catch (error) {
    throw new RemoteError("bad_request", "the invite link is damaged: copy it whole, to its last letter", {
      cause: error,
    });
  }
}

/**
 * The private key of the temporary account that waits behind a link, or behind one place of a circle's: 32 bytes.
 * @param {Uint8Array} secret
 * @param {number | null} [place]
 * @returns {Promise<Uint8Array>}
 */
export async function temporarySeed(secret, place = null) {
  const context = place === null ? undefined : u64(place);
  return expand(await extract(domain("invite"), secret), "invite-key", context);
}

/**
 * The user key of the temporary account that waits behind a link, or behind one place of a circle's.
 * @param {Uint8Array} secret
 * @param {number | null} [place]
 * @returns {Promise<import("./keys.js").SigningKey>}
 */
export async function temporaryKey(secret, place = null) {
  return signingKeyFromSeed(await temporarySeed(secret, place));
}

/** The account name of an invite that suggests none. */
export function placeholderName() {
  const random = crypto.getRandomValues(new Uint8Array(PLACEHOLDER_BYTES));
  return `invite-${Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/**
 * Whether an account name suggests nothing to whoever claims the account.
 * @param {string} name
 */
export function isPlaceholder(name) {
  return PLACEHOLDER.test(name);
}

/** A claim code in its normal form, to be told by other means than the link. */
export function newCode() {
  const random = crypto.getRandomValues(new Uint8Array(CODE_CHARS));
  return Array.from(random, (byte) => CODE_ALPHABET[byte % CODE_ALPHABET.length]).join("");
}

/**
 * A code in its normal form as people are shown it: XXXXX-XXXXX.
 * @param {string} code
 */
export function showCode(code) {
  return `${code.slice(0, CODE_CHARS / 2)}-${code.slice(CODE_CHARS / 2)}`;
}

/**
 * The normal form of a code that a person typed; RemoteError("bad_request") if it is none.
 * @param {string} text
 * @returns {string}
 */
export function normalizeCode(text) {
  const normal = text.replace(/[ -]/g, "").replace(/[a-z]/g, (letter) => letter.toUpperCase())
    .replace(/O/g, "0").replace(/[IL]/g, "1");
  if (!CODE.test(normal)) {
    throw new RemoteError("bad_request", `a claim code has ${CODE_CHARS} letters and digits, as in XXXXX-XXXXX`);
  }
  return normal;
}

/**
 * What an `add_user` holds of a code in its normal form: 32 bytes. Slow on purpose, some tenths of a second.
 * @param {string} code
 * @param {Uint8Array} temporary the temporary account's user key
 * @returns {Promise<Uint8Array>}
 */
export async function hashCode(code, temporary) {
  const key = await crypto.subtle.importKey("raw", utf8(code), "PBKDF2", false, ["deriveBits"]);
  const salt = concat(domain("claim-code"), temporary);
  const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations: CODE_ITERATIONS };
  return new Uint8Array(await crypto.subtle.deriveBits(how, key, CODE_BITS));
}

/**
 * @param {Uint8Array} hub
 * @param {Uint8Array} temp
 * @param {Uint8Array} newKey
 * @returns {Uint8Array}
 */
function claim(hub, temp, newKey) {
  return canonical({ hub: b64encode(hub), temp: b64encode(temp), new: b64encode(newKey) });
}

/**
 * The new key's word that it takes the account of `temp` on `hub`: 64 bytes.
 * @param {import("./keys.js").SigningKey} newKey
 * @param {{hub: Uint8Array, temp: Uint8Array}} what public keys
 * @returns {Promise<Uint8Array>}
 */
export function makeProof(newKey, { hub, temp }) {
  return newKey.sign("replace", claim(hub, temp, newKey.publicKey));
}

/**
 * Return, or throw RemoteError("bad_sig").
 * @param {Uint8Array} proof
 * @param {{hub: Uint8Array, temp: Uint8Array, newKey: Uint8Array}} what public keys
 * @returns {Promise<void>}
 */
export function verifyProof(proof, { hub, temp, newKey }) {
  return verify(newKey, "replace", claim(hub, temp, newKey), proof);
}
