/**
 * A new device from an old one, by a code or its QR picture (protocol.md section 9, "Handover"): the old one leaves what
 * the password became on the hub, sealed under the code, for ten minutes; the new one fetches it.
 *
 * Not here: what follows from it, which is a login like any other (login.js).
 */

import { b64decode, b64encode } from "../accord/encoding.js";
import { RemoteError } from "../accord/errors.js";
import { attachId, MAX_LIFE_MS, openPackage, sealPackage } from "../accord/handover.js";
import { sha256 } from "../accord/primitives.js";
import { VAULT_CODE } from "../accord/vault.js";
import { toSay } from "../words/tosay.js";
import { ClientError } from "./errors.js";
import { ORIGIN } from "./hub.js";
import { askOpenly } from "./rest.js";
import { openByAuth, readCode } from "./vault_open.js";

/** Less than the longest, so that clocks may differ. */
const LIFE_MS = MAX_LIFE_MS - 30_000;

/**
 * Leave a code for a new device.
 * @param {{vault: import("./vault.js").Vault, rest: import("./rest.js").Rest, clock: import("./clock.js").Clock,
 *   account: import("./account.js").Account}} member
 * @param {{password: string, secret?: string}} typed
 * @returns {Promise<{groups: string[], link: string, until: number}>} `until` by this computer's clock
 */
export async function offerCode({ vault, rest, clock, account }, typed) {
  const { name, way } = await vault.locks.prove(typed);
  const [code, hub] = [VAULT_CODE.make(), account.hubKey];
  const body = await sealPackage({ name, auth: way.auth, wrap: way.wrap }, { code, hub });
  await rest.ask("POST", "shards", {
    id: b64encode(await sha256(body)),
    id_attach: b64encode(await attachId(code, hub)),
    body: b64encode(body),
    burn_at: clock.hubNow() + LIFE_MS,
  });
  const groups = await VAULT_CODE.groups(code);
  return { groups, link: `${ORIGIN}/#device=${groups.join("")}`, until: clock.local() + LIFE_MS };
}

/**
 * Open the vault to which a code of another device leads. ClientError.
 * @param {Uint8Array} hub
 * @param {unknown} typed the code
 */
export async function openByDevice(hub, typed) {
  const code = await readCode(typed);
  const { items = [] } = await askOpenly("GET", `shards?attach=${b64encode(await attachId(code, hub))}`);
  for (const item of items) {
    try {
      const { name, auth, wrap } = await openPackage(b64decode(item?.body), { code, hub });
      return await openByAuth({ name, kind: "password", way: { auth, wrap } });
    } catch (error) {
      if (!(error instanceof RemoteError)) {
        throw error;
      }
    }
  }
  throw new ClientError("not_found", toSay("Nothing waits for that code: it works for ten minutes. Make another one."));
}
