// Invites into a space: the key behind a link, and the proof of whoever joins by it (protocol.md section 7).
//
// The secret stays in the link's fragment, which browsers never send. Not here: whether an invite stands (spaces.js).

import { b64decode, b64encode, canonical } from "./encoding.js";
import { RemoteError } from "./errors.js";
import { readLink } from "./invites.js";
import { signingKeyFromSeed, verify } from "./keys.js";
import { domain, expand, extract } from "./primitives.js";

const DAMAGED = "the link to the space is damaged: copy it whole, to its last letter";

/** Where the hub is, the 32-byte secret, the space's id, the hub's key. */
export class SpaceLink {
  /**
   * @param {string} origin
   * @param {Uint8Array} secret
   * @param {Uint8Array} space
   * @param {Uint8Array} hub
   */
  constructor(origin, secret, space, hub) {
    this.origin = origin;
    this.secret = secret;
    this.space = space;
    this.hub = hub;
  }

  /** The link itself. */
  toString() {
    return `${this.origin}/space#${[this.secret, this.space, this.hub].map((part) => b64encode(part)).join(".")}`;
  }
}

/**
 * The parts of a link to a space; RemoteError("bad_request") with a sentence for the person who pasted it.
 * @param {string} link
 * @returns {SpaceLink}
 */
export function parseSpaceLink(link) {
  const { origin, fragment } = readLink(link, "/space", "a link to a space");
  const parts = fragment.split(".");
  try {
    if (parts.length !== 3) throw new RemoteError("bad_request", DAMAGED);
    const [secret, space, hub] = parts.map((part) => b64decode(part, 32));
    return new SpaceLink(origin, secret, space, hub);
  } catch (error) {
    throw new RemoteError("bad_request", DAMAGED, { cause: error });
  }
}

/**
 * The key with which whoever has the link proves that they have it.
 * @param {Uint8Array} secret
 * @returns {Promise<import("./keys.js").SigningKey>}
 */
export async function spaceInviteKey(secret) {
  return signingKeyFromSeed(await expand(await extract(domain("invite"), secret), "space-invite"));
}

function joinText(space, user) {
  return canonical({ space, user });
}

/**
 * The proof of `space.join`: 64 bytes.
 * @param {import("./keys.js").SigningKey} key of the invite
 * @param {{space: string, user: string}} what id and key in base64url
 * @returns {Promise<Uint8Array>}
 */
export function makeJoinProof(key, { space, user }) {
  return key.sign("space-join", joinText(space, user));
}

/**
 * Return, or throw RemoteError("bad_sig").
 * @param {Uint8Array} proof
 * @param {{space: string, user: string, pubkey: Uint8Array}} what `pubkey` of the invite
 */
export function verifyJoinProof(proof, { space, user, pubkey }) {
  return verify(pubkey, "space-join", joinText(space, user), proof);
}
