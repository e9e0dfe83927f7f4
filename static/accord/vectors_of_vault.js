// Checks of the sections of a vector file about the vault (vectors.js; protocol.md section 9).

import { b64decode, b64encode, canonicalText } from "./encoding.js";
import { attachId, openPackage, sealPackage } from "./handover.js";
import { signingKeyFromSeed } from "./keys.js";
import { labelledHash } from "./primitives.js";
import {
  authKey, bodyKey, openBody, openEnclave, readParams, recoveryRoot, rootKey, sealEnclave, sealKeys, slotKey,
  VAULT_CODE, vaultSalt, wrapKey,
} from "./vault.js";
import { fromHex, refused, same, toHex } from "./vector_checks.js";

/** @param {Uint8Array} root */
async function bothKeys(root) {
  return `${toHex(await authKey(root))} ${toHex(await wrapKey(root))}`;
}

/** @param {any} one */
async function openCase({ enclave, kind, wrap, name }) {
  const key = await slotKey(enclave, kind, { wrap: fromHex(wrap) });
  return { key, ...(await openEnclave(enclave, key, { name })) };
}

/** What was opened, sealed anew as a browser does that is logged in, opens again. */
async function sealAgain(/** @type {any} */ { enclave, name }, /** @type {any} */ { key, seed, recovery, content }) {
  const [user, body] = [await signingKeyFromSeed(seed), await bodyKey(key)];
  const { slots, kdf, version } = enclave;
  const what = { name, version: version + 1, params: readParams(kdf), slots, body };
  const again = await sealEnclave(user, { ...what, content });
  same(canonicalText(await openBody(again, body, { name })), canonicalText(content));
  const keys = await sealKeys(key, { name, seed, recovery });
  const whole = await openEnclave(await sealEnclave(user, { ...what, content: { ...content, keys } }), key, { name });
  same(toHex(whole.seed), toHex(seed));
  same(whole.version, version + 1);
}

/** @type {Record<string, (cases: any) => [name: string, check: () => any][]>} */
export const VAULT_SECTIONS = {
  vault: (vector) => [["password, secret key", async () => {
    const salt = await vaultSalt(fromHex(vector.hub), vector.name, fromHex(vector.salt));
    const root = await rootKey(vector.password, salt, vector.iterations);
    same(await bothKeys(root), `${vector.auth} ${vector.wrap}`);
    same(toHex(await labelledHash("vault-auth-hash", await authKey(root))), vector.auth_hash);
    const secretKey = fromHex(vector.secret_key);
    const withKey = await rootKey(vector.password, salt, vector.iterations, { secretKey });
    same(await bothKeys(withKey), `${vector.secret_auth} ${vector.secret_wrap}`);
  }]],

  vault_code: (vector) => [
    ["code, its keys", async () => {
      const code = fromHex(vector.code);
      same((await VAULT_CODE.groups(code)).join(" "), vector.groups.join(" "));
      for (const typed of vector.typed) same(toHex(await VAULT_CODE.parse(typed)), vector.code);
      same(await bothKeys(await recoveryRoot(code)), `${vector.auth} ${vector.wrap}`);
    }],
    ...vector.reject.map((/** @type {string} */ typed, /** @type {number} */ i) =>
      [`reject ${i}`, () => refused(() => VAULT_CODE.parse(typed), "bad_request")]),
  ],

  vault_params_reject: (cases) => cases.map((/** @type {any} */ one) =>
    [one.why, () => refused(() => readParams(one.params), "bad_request")]),

  vault_enclave: (cases) => cases.map((/** @type {any} */ one) => [one.why, async () => {
    const opened = await openCase(one);
    const { keys: _, ...rest } = opened.content;
    same(canonicalText(rest), canonicalText(one.content));
    same(`${toHex(opened.seed)} ${opened.version}`, `${one.user} ${one.enclave.version}`);
    same(opened.recovery && toHex(opened.recovery), one.recovery ?? null);
    await sealAgain(one, opened);
  }]),

  handover: (vector) => {
    const how = { code: fromHex(vector.code), hub: b64decode(vector.hub) };
    const check = async () => {
      same(b64encode(await attachId(how.code, how.hub)), vector.id_attach);
      const shown = (/** @type {any} */ { name, auth, wrap }) => `${name} ${toHex(auth)} ${toHex(wrap)}`;
      const found = await openPackage(b64decode(vector.body), how);
      same(shown(found), `${vector.name} ${vector.auth} ${vector.wrap}`);
      same(shown(await openPackage(await sealPackage(found, how), how)), shown(found));
    };
    return [["package", check], ...vector.reject.map((/** @type {any} */ bad) => [bad.why, () => refused(() =>
      openPackage(b64decode(bad.body ?? vector.body), {
        code: fromHex(bad.code ?? vector.code), hub: b64decode(bad.hub ?? vector.hub),
      }), bad.code_of_error)])];
  },

  vault_enclave_reject: (cases) => cases.map((/** @type {any} */ one) =>
    [one.why, () => refused(() => openCase(one), one.code)]),
};
