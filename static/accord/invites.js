// Invite links and the claim of an account (protocol.md section 8).
//
// The secret stays in the link's fragment, which browsers never send. Links are taken apart as accord/invites.py does,
// not by URL: which hub a link means must not depend on the program that reads it. Not here: the tree and its currency.

import { b64decode, b64encode, canonical } from "./encoding.js";
import { RemoteError } from "./errors.js";
import { signingKeyFromSeed, verify } from "./keys.js";
import { domain, expand, extract } from "./primitives.js";

export const SECRET_BYTES = 32;
export const MAX_LINK_CHARS = 1_000;
const MAX_PORT = 65_535;

// No user info, no backslash: readers of URLs disagree on them, so a link could show one hub and mean another.
const HOST = /^(?:[\p{L}\p{N}_.-]+|(\[[0-9A-Fa-f:.]+\]))(?::([0-9]{1,5}))?$/u;
const LINK = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(\?[^#]*)?#(.*)$/s;
// What may stand around a link that was copied, and what readers of URLs drop from its inside.
const AROUND = /^(?:[^\S\uFEFF]|[\0-\x1f\x85])+|(?:[^\S\uFEFF]|[\x1c-\x1f\x85])+$/g;
const INSIDE = /[\t\r\n]/g;

/** Where the hub is (`origin`, e.g. https://hub.example), the 32-byte secret, the hub's key. */
export class InviteLink {
  /**
   * @param {string} origin
   * @param {Uint8Array} secret
   * @param {Uint8Array} hub
   */
  constructor(origin, secret, hub) {
    this.origin = origin;
    this.secret = secret;
    this.hub = hub;
  }

  /** The link itself. */
  toString() {
    return `${this.origin}/join#${b64encode(this.secret)}.${b64encode(this.hub)}`;
  }
}

/**
 * A link with a fresh secret.
 * @param {string} origin
 * @param {Uint8Array} hub
 * @returns {InviteLink}
 */
export function newLink(origin, hub) {
  return new InviteLink(origin, crypto.getRandomValues(new Uint8Array(SECRET_BYTES)), hub);
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
 * The parts of an invite link; RemoteError("bad_request") with a sentence for the person who pasted it.
 * @param {string} link
 * @returns {InviteLink}
 */
export function parseLink(link) {
  if (link.length > MAX_LINK_CHARS && Array.from(link).length > MAX_LINK_CHARS) {
    throw new RemoteError("bad_request", `an invite link has at most ${MAX_LINK_CHARS} characters`);
  }
  const match = LINK.exec(link.replace(AROUND, "").replace(INSIDE, ""));
  const [, scheme, authority, path, query, fragment] = match ?? ["", "", "", "", "", ""];
  const isHttp = ["http", "https"].includes(scheme.toLowerCase());
  const dot = fragment.indexOf(".");
  if (!isHttp || dot < 0 || (query ?? "").length > 1) {
    throw new RemoteError("bad_request", "an invite link looks like https://hub/join#... and must be copied whole");
  }
  if (!namesHub(authority)) throw new RemoteError("bad_request", "the invite link names no hub");
  if (path !== "/join") throw new RemoteError("bad_request", "an invite link has the path /join");
  try {
    const secret = b64decode(fragment.slice(0, dot), SECRET_BYTES);
    return new InviteLink(`${scheme.toLowerCase()}://${authority}`, secret, b64decode(fragment.slice(dot + 1), 32));
  } catch (error) {
    throw new RemoteError("bad_request", "the invite link is damaged: copy it whole, to its last letter", {
      cause: error,
    });
  }
}

/**
 * The private key of the temporary account that waits behind a link: 32 bytes.
 * @param {Uint8Array} secret
 * @returns {Promise<Uint8Array>}
 */
export async function temporarySeed(secret) {
  return expand(await extract(domain("invite"), secret), "invite-key");
}

/**
 * The user key of the temporary account that waits behind a link.
 * @param {Uint8Array} secret
 * @returns {Promise<import("./keys.js").SigningKey>}
 */
export async function temporaryKey(secret) {
  return signingKeyFromSeed(await temporarySeed(secret));
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
