/**
 * A vault's beginning and its opening (protocol.md section 9): what is made of a password while the bytes of a new user
 * key are at hand, and an account that comes out of a vault by name and password, or by name and recovery code.
 *
 * Passwords, codes and what follows from them are never stored, but for what the hub is told as proof until it has it.
 */

import { b64decode, b64encode } from "../accord/encoding.js";
import { RemoteError } from "../accord/errors.js";
import { normalizeName } from "../accord/names.js";
import {
  authKey, bodyKey, makeSlot, openEnclave, readParams, recoveryRoot, rootKey, sealKeys, slotKey, VAULT_CODE,
  vaultSalt, wrapKey,
} from "../accord/vault.js";
import { toSay } from "../words/tosay.js";
import { ClientError } from "./errors.js";
import { askOpenly } from "./rest.js";

export const MIN_NEW_PASSWORD_CHARS = 8;

/**
 * What a password gives: what proves it to the hub, what opens the slot, and how it was stretched.
 * @typedef {{auth: Uint8Array, wrap: Uint8Array, params: import("../accord/vault.js").Params}} Way
 */

const NOT_CODE = toSay("That is not what the code says: compare it with what you saved. Nothing was sent.");
export const NOT_NAME = toSay("A name has 3 to 32 letters a to z, digits, dots, dashes and underscores.");
const VAULT_CODE_CHARS = 32;
const NOT_KEY = toSay("That is no key: copy it whole.");
const NOT_PASSWORD = toSay("That cannot be a password: it is empty or too long.");

/** What a person typed, as bytes or as one spelling; ClientError with the sentence `otherwise`. */
export async function readTyped(read, otherwise) {
  try {
    return await read();
  } catch (error) {
    throw error instanceof RemoteError ? new ClientError("bad_request", otherwise) : error;
  }
}

/** The params of a name, as the hub tells them. @param {string} name @returns {Promise<any>} */
async function paramsOf(name) {
  try {
    return readParams(await askOpenly("GET", `vault/params?name=${encodeURIComponent(name)}`));
  } catch (error) {
    throw error instanceof RemoteError
      ? new ClientError("bad_request", toSay("The hub asks for a form of password that this page does not take.")) : error;
  }
}

/**
 * Stretch a password; it takes a second or so.
 * @param {{hub: Uint8Array, name: string, password: string, secretKey?: Uint8Array | null}} what
 * @returns {Promise<Way>}
 */
export async function passwordWay({ hub, name, password, secretKey = null }) {
  const params = await paramsOf(name);
  const salt = await vaultSalt(hub, name, params.salt);
  const root = await readTyped(() => rootKey(String(password), salt, params.iterations, { secretKey }), NOT_PASSWORD);
  return { params, auth: await authKey(root), wrap: await wrapKey(root) };
}

/** The way of a recovery code. @param {Uint8Array} code */
export async function recoveryWay(code) {
  const root = await recoveryRoot(code);
  return { auth: await authKey(root), wrap: await wrapKey(root) };
}

/** What is wrong with a code that was typed. @param {unknown} typed @param {number} count of letters that it has */
export function codeTrouble(typed, count) {
  const isWhole = String(typed).replace(/[^\p{L}\d]/gu, "").length === count;
  return isWhole ? NOT_CODE : toSay("This code has {count} letters and digits. Nothing was sent.", { count });
}

/** A code as typed; ClientError. @param {unknown} typed @returns {Promise<Uint8Array>} */
export function readCode(typed) {
  return readTyped(() => VAULT_CODE.parse(String(typed)), codeTrouble(typed, VAULT_CODE_CHARS));
}

/** A new password, if it can be one; ClientError. @param {unknown} password @param {string} name */
export function checkNewPassword(password, name) {
  const text = String(password);
  if (Array.from(text.normalize("NFKC")).length < MIN_NEW_PASSWORD_CHARS) {
    throw new ClientError("bad_request", toSay("A password has at least {least} characters.", {
      least: MIN_NEW_PASSWORD_CHARS,
    }));
  }
  if (text.toLowerCase().includes(name)) {
    throw new ClientError("bad_request", toSay("A password must not contain your name."));
  }
}

/**
 * The locks of a vault, made anew: its key, the slots, the sealed keys.
 * @param {{name: string, seed: Uint8Array, way: Way, recovery: Uint8Array | null}} what `recovery`: the wrap key of
 *   the recovery code
 */
export async function makeLocks({ name, seed, way, recovery }) {
  const key = crypto.getRandomValues(new Uint8Array(32));
  const slots = [await makeSlot("password", { name, wrap: way.wrap, key })];
  if (recovery) {
    slots.push(await makeSlot("recovery", { name, wrap: recovery, key }));
  }
  return { body: await bodyKey(key), slots, params: way.params, keys: await sealKeys(key, { name, seed, recovery }) };
}

/** The way of no password: under bytes that are kept nowhere, so that the recovery code alone opens. @returns {Promise<Way>} */
async function noWay(name) {
  const bytes = () => crypto.getRandomValues(new Uint8Array(32));
  return { params: await paramsOf(name), auth: bytes(), wrap: bytes() };
}

/**
 * All that a new user key's vault needs, from its password: locks, what proves both ways to the hub, and the recovery
 * code, to be shown once. Without a password (`isUnset`) the code is the only way in, until one is set.
 * @param {{hub: Uint8Array, name: string, password: string}} what
 * @param {Uint8Array} seed
 */
export async function beginVault({ hub, name, password }, seed) {
  const isUnset = password === "";
  if (!isUnset) {
    checkNewPassword(password, name);
  }
  const code = VAULT_CODE.make();
  const found = isUnset ? noWay(name) : passwordWay({ hub, name, password });
  const [way, recovery] = await Promise.all([found, recoveryWay(code)]);
  const locks = await makeLocks({ name, seed, way, recovery: recovery.wrap });
  return { name, locks, auth: way.auth, recovery: recovery.auth, code, isUnset };
}

/**
 * Fetch a vault by its name and open it.
 *
 * ClientError: denied (name, password or code; the hub never says which), rate, offline, bad_request.
 * @param {{hub: Uint8Array, name: string, password?: string, secret?: string, code?: string}} typed a password, with
 *   the secret key where there is one, or the recovery code
 * @returns {Promise<{name: string, key: Uint8Array, enclave: any, seed: Uint8Array, recovery: Uint8Array | null,
 *   version: number, content: Record<string, any>}>}
 */
export async function openByName({ hub, name: typed, password = "", secret = "", code = "" }) {
  const name = await readTyped(() => normalizeName(String(typed).trim()), NOT_NAME);
  const kind = code ? "recovery" : "password";
  const secretKey = secret ? await readCode(secret) : null;
  const way = code ? await recoveryWay(await readCode(code)) : await passwordWay({ hub, name, password, secretKey });
  return openByAuth({ name, kind, way });
}

/**
 * Fetch a vault by its name and what proves the way in, and open it. ClientError, as `openByName`.
 * @param {{name: string, kind: "password" | "recovery", way: {auth: Uint8Array, wrap: Uint8Array}}} what
 */
export async function openByAuth({ name, kind, way }) {
  const enclave = await fetchByAuth(name, way.auth, kind);
  return openWith(enclave, { name, kind, wrap: way.wrap });
}

async function fetchByAuth(name, auth, kind) {
  try {
    return (await askOpenly("POST", "vault/open", { name, auth: b64encode(auth) })).enclave;
  } catch (error) {
    if (error.code === "denied") {
      throw new ClientError("denied", kind === "recovery"
        ? toSay("That name and recovery code open nothing here; look at both once more.")
        : toSay("That name and password open nothing here; look at both once more."));
    }
    if (error.code === "rate") {
      const seconds = Math.ceil((error.retryMs ?? 0) / 1000);
      throw new ClientError("conflict", seconds > 90
        ? toSay("That was tried too often; try again in {minutes} minutes.", { minutes: Math.ceil(seconds / 60) })
        : toSay("That was tried too often; try again in {seconds} s.", { seconds: Math.max(seconds, 1) }));
    }
    throw error;
  }
}

/**
 * Open an enclave by one of its slots.
 * @param {any} enclave
 * @param {{name: string, kind: "password" | "recovery", wrap: Uint8Array}} how
 */
export async function openWith(enclave, { name, kind, wrap }) {
  try {
    const key = await slotKey(enclave, kind, { wrap });
    return { name, key, enclave, ...(await openEnclave(enclave, key, { name })) };
  } catch (error) {
    throw error instanceof RemoteError
      ? new ClientError("bad_sig", toSay("What the hub gave is not your vault, so it was not used; ask the hub's operator."))
      : error;
  }
}

/** The key of the hub, as the page came with it. @param {unknown} text */
export function readHubKey(text) {
  return readTyped(() => b64decode(String(text).replace(/\s/g, ""), 32), NOT_KEY);
}
