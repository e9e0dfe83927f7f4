/**
 * The hub that serves this page: its signed document (protocol.md section 3, "Statements") and its address.
 *
 * The document is believed under the pinned key only; from it come the hub's name, its time and who its admin is.
 */

import { b64decode, parseCanonical } from "../accord/encoding.js";
import { RemoteError } from "../accord/errors.js";
import { fingerprint } from "../accord/keys.js";
import { readAdmin, verifyStatement } from "../accord/statements.js";
import { ClientError } from "./errors.js";

const MAX_DOCUMENT_BYTES = 64 * 1024;
const TIMEOUT_MS = 10_000;
const SUITE = 1;

/** The origin of the page and of its worker. */
export const ORIGIN = self.location.origin;
const IS_TLS = self.location.protocol === "https:";
export const WS_URL = `${IS_TLS ? "wss" : "ws"}://${self.location.host}/ws`;
/** Frames are sealed where no TLS is around them. */
export const IS_SEALED = !IS_TLS;

/** The hub at this address has another key than the pinned or invited one. */
export class WrongKey extends ClientError {
  /** @param {string} expected @param {string | null} found fingerprints */
  constructor(expected, found) {
    super("wrong_key");
    this.facts = { expected, found };
  }
}

/** The hub speaks a later version of the protocol only. */
export class NewerHub extends ClientError {
  constructor() {
    super("unsupported", "This hub speaks a newer version of the protocol; reload the page to get the newer client.");
  }
}

async function fetchDocument() {
  const response = await fetch("/.well-known/accord", { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) {
    throw new ClientError("offline");
  }
  return new Uint8Array(await response.arrayBuffer());
}

/**
 * The hub's document, verified.
 * @param {Uint8Array} hubKey the key that it must be signed with
 * @param {import("./clock.js").Clock} clock learns the hub's time
 * @returns {Promise<{name: string, admin: string | null, bot: string | null, strangers: string}>} admin and bot: user
 *   keys; strangers: who may write without an account
 */
export async function readHub(hubKey, clock) {
  const asked = clock.local();
  let bytes;
  try {
    bytes = await fetchDocument();
  } catch {
    throw new ClientError("offline");
  }
  const answered = clock.local();
  const document = await checkDocument(bytes, hubKey);
  clock.learn(document.at, asked, answered);
  const bot = typeof document.bot === "string" ? document.bot : null;
  const strangers = String(document.policy?.strangers ?? "");
  return { name: String(document.name ?? ""), admin: await adminOf(document, hubKey), bot, strangers };
}

async function checkDocument(bytes, hubKey) {
  let value;
  try {
    value = parseCanonical(bytes, MAX_DOCUMENT_BYTES);
    if (value.v !== 1 || !value.suites?.includes(SUITE)) {
      throw new NewerHub();
    }
    return await verifyStatement(value, { type: "hub", hub: hubKey });
  } catch (error) {
    if (error instanceof RemoteError) {
      const isOther = error.code === "wrong_server";
      throw isOther ? new WrongKey(fingerprint(hubKey), foundKey(value)) : new ClientError("offline");
    }
    throw error;
  }
}

function foundKey(document) {
  return fingerprint(b64decode(document.hub, 32));
}

async function adminOf(document, hubKey) {
  try {
    return await readAdmin(document.admin, hubKey);
  } catch (error) {
    if (error instanceof RemoteError) {
      return null;
    }
    throw error;
  }
}
