/**
 * How a vault comes into this browser's storage: begun with a new key, or opened by its name. What becomes of it then is
 * in vault.js.
 */

import { b64encode } from "../accord/encoding.js";
import { bodyKey, sealEnclave } from "../accord/vault.js";

/** Where it lies in the store "vault". */
export const RECORD = "mine";
/** The newest version that was seen here; it outlives the rest. */
export const SEEN = "seen";

/**
 * The record of a vault that has just begun: its first version, not sent yet.
 * @param {import("./storage.js").Storage} storage
 * @param {import("./account.js").Account} account
 * @param {Awaited<ReturnType<typeof import("./vault_open.js").beginVault>>} begun
 */
export async function keepNew(storage, account, { name, locks, auth, recovery, isUnset }) {
  const { body, slots, params, keys } = locks;
  const content = { keys, ...(isUnset ? { unset: true } : {}) };
  const enclave = await sealEnclave(account.user, { name, version: 1, params, slots, body, content });
  await storage.put("vault", {
    name, body, enclave, version: 0, saved: "", isDirty: true, auth: b64encode(auth), recovery: b64encode(recovery),
    savedAt: 0, isUnset,
  }, RECORD);
}

/** Forget a vault that was begun and has come to nothing. @param {import("./storage.js").Storage} storage */
export function forgetNew(storage) {
  return storage.remove("vault", RECORD);
}

/**
 * The record of a vault that was opened by its name; with `renewed` it has other locks from its next version on.
 * @param {import("./storage.js").Storage} storage
 * @param {import("./account.js").Account} account
 * @param {Awaited<ReturnType<typeof import("./vault_open.js").openByName>>} opened
 * @param {{locks: Awaited<ReturnType<typeof import("./vault_open.js").makeLocks>>, auth: Uint8Array} | null} renewed
 */
export async function keepOpened(storage, account, { name, key, enclave, version, content }, renewed) {
  const seen = await storage.get("vault", SEEN);
  const known = seen?.name === name ? Math.max(seen.version, version) : version;
  const kept = {
    name, body: await bodyKey(key), enclave, version: known, saved: enclave.signature, isDirty: false, auth: "",
    recovery: "", savedAt: 0, isFresh: true,
  };
  if (renewed) {
    const { body, slots, params, keys } = renewed.locks;
    const { secret: _, unset: __, ...rest } = content;
    const what = { name, version: known + 1, params, slots, body, content: { ...rest, keys } };
    Object.assign(kept, { body, isDirty: true, auth: b64encode(renewed.auth) });
    kept.enclave = await sealEnclave(account.user, what);
  }
  await storage.put("vault", kept, RECORD);
}
