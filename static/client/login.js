/**
 * Coming to an account by its name and password in a browser that has none of its keys, and leaving a browser so that
 * it has none (protocol.md section 9).
 *
 * Not here: the vault itself (vault.js), coming back under another key (recover.js).
 */

import { Account } from "./account.js";
import { openByDevice } from "./handover.js";
import { readHub } from "./hub.js";
import { keepOpened, RECORD, SEEN } from "./vault_records.js";
import { checkNewPassword, makeLocks, openByName, passwordWay, readHubKey } from "./vault_open.js";

const LOCKED = "locked";

/**
 * Open the vault of a name and enter with what it holds. With the recovery code comes a new password.
 * @param {{hub: string, name?: string, password?: string, secret?: string, code?: string, newPassword?: string,
 *   device?: string}} params `hub`: its key, as the page came with it; `device`: the code that another device shows
 * @param {{storage: import("./storage.js").Storage, clock: import("./clock.js").Clock}} parts
 * @returns {Promise<Account>} joined
 */
export async function logIn({ hub, newPassword = "", device = "", ...typed }, { storage, clock }) {
  const hubKey = await readHubKey(hub);
  await readHub(hubKey, clock);
  if (typed.code) {
    checkNewPassword(newPassword, String(typed.name).trim().toLowerCase());
  }
  const opened = device
    ? await openByDevice(hubKey, device) : await openByName({ name: "", ...typed, hub: hubKey });
  const { name, seed, recovery, content } = opened;
  let renewed = null;
  if (typed.code) {
    const way = await passwordWay({ hub: hubKey, name, password: newPassword });
    renewed = { locks: await makeLocks({ name, seed, way, recovery }), auth: way.auth };
  }
  const locked = await storage.get("vault", LOCKED);
  const account = await Account.restore(storage, {
    hub: hubKey, name, seed, joinedAt: content.joined_at ?? clock.hubNow(), inviter: content.inviter ?? "",
    device: locked?.name === name ? locked.device : null,
  });
  await keepOpened(storage, account, opened, renewed);
  await storage.remove("vault", LOCKED);
  return account;
}

/** The name that this browser is locked to; "" for none. @param {import("./storage.js").Storage} storage */
export async function isLockedTo(storage) {
  return (await storage.get("vault", LOCKED))?.name ?? "";
}

/**
 * Forget the account but for its name, this device's own key and the version of the vault, so that none older passes.
 * @param {import("./storage.js").Storage} storage
 * @param {Account} account
 */
export async function lockAway(storage, account) {
  const { name, version } = await storage.get("vault", RECORD);
  await storage.clear();
  await storage.put("vault", { name: account.name, device: account.storedDevice }, LOCKED);
  await storage.put("vault", { name, version }, SEEN);
}
