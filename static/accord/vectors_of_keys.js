// Checks of the sections of a vector file about new keys for accounts (vectors.js; protocol.md section 8).

import { b64decode, b64encode } from "./encoding.js";
import { readFormer, verifyChange } from "./former.js";
import { signingKeyFromSeed } from "./keys.js";
import {
  makeRecoveryProof, makeReplacementProof, parseVouchLink, RECOVERY_CODE, recoverySeed, verifyRecoveryProof,
  verifyReplacementProof, vouchLink,
} from "./replacing.js";
import { isAdminKey, readAdmin } from "./statements.js";
import { keyWords, word } from "./words.js";
import { fromHex, refused, same, toHex } from "./vector_checks.js";

/** @type {Record<string, (cases: any) => [name: string, check: () => any][]>} */
export const KEY_SECTIONS = {
  recovery: (vector) => [["code, key, proof", async () => {
    const [code, hub, user] = [fromHex(vector.code), b64decode(vector.hub), b64decode(vector.user)];
    same((await RECOVERY_CODE.groups(code)).join(" "), vector.groups.join(" "));
    for (const typed of vector.typed) same(toHex(await RECOVERY_CODE.parse(typed)), vector.code);
    const seed = await recoverySeed(code, hub);
    same(toHex(seed), vector.recovery_private);
    const key = await signingKeyFromSeed(seed);
    same(b64encode(await makeRecoveryProof(key, { hub, user })), vector.proof);
    await verifyRecoveryProof(b64decode(vector.proof), { hub, user, recoveryKey: key.publicKey });
  }]],

  recovery_reject: (cases) => cases.map((/** @type {any} */ one) => [one.why, () => {
    if (one.typed !== undefined) return refused(() => RECOVERY_CODE.parse(one.typed), "bad_request");
    const [hub, user, recoveryKey] = [one.hub, one.user, one.recovery].map((key) => b64decode(key));
    return refused(() => verifyRecoveryProof(b64decode(one.proof), { hub, user, recoveryKey }), "bad_sig");
  }]),

  replacement: (vector) => [["proof, link", async () => {
    const [hub, old] = [b64decode(vector.hub), b64decode(vector.old)];
    const newKey = await signingKeyFromSeed(fromHex(vector.new_private));
    const proof = await makeReplacementProof(newKey, { hub, old });
    same(b64encode(proof), vector.proof);
    await verifyReplacementProof(proof, { hub, old, newKey: newKey.publicKey });
    const link = parseVouchLink(vector.link);
    same(vouchLink(link.origin, link), vector.link);
    same(b64encode(link.newKey), newKey.publicText);
  }]],

  replacement_reject: (cases) => cases.map((/** @type {any} */ one) => [one.why, () => {
    if (one.link !== undefined) return refused(() => parseVouchLink(one.link));
    const [hub, old, newKey] = [one.hub, one.old, one.new].map((key) => b64decode(key));
    return refused(() => verifyReplacementProof(b64decode(one.proof), { hub, old, newKey }), "bad_sig");
  }]),

  former: (cases) => cases.map((/** @type {any} */ one) => [one.why, async () => {
    const found = await readFormer(one.former, { hub: b64decode(one.hub), user: one.user });
    const shown = found.map(({ key, way, by, signedAt }) => ({ key, way, by, signed_at: signedAt }));
    same(JSON.stringify(shown), JSON.stringify(one.proved));
  }]),

  former_reject: (cases) => cases.map((/** @type {any} */ one) => [one.why, () =>
    refused(() => verifyChange(one.change, { hub: b64decode(one.hub), old: one.old, newKey: one.new })),
  ]),

  hub_admin: (cases) => cases.map((/** @type {any} */ one) => [one.why, async () => {
    const admin = await readAdmin(one.statement);
    same(admin.user, one.user);
    for (const { key, at, is } of one.stands) same(isAdminKey(admin, key, at), is);
  }]),

  hub_admin_reject: (cases) => cases.map((/** @type {any} */ one) => [one.why, () =>
    refused(() => readAdmin(one.statement)),
  ]),

  key_words: (vector) => [["words", async () => {
    const [one, other] = vector.keys.map((/** @type {string} */ key) => b64decode(key));
    same((await keyWords(one, other)).join(" "), vector.words.join(" "));
    same((await keyWords(other, one)).join(" "), vector.words.join(" "));
    same([0, 1, 2, 1023, 2047].map(word).join(" "), vector.list.join(" "));
  }]],
};
