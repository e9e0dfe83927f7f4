/**
 * Coming back to an account in a browser that has none of its keys (protocol.md section 8): at once by the recovery
 * code, or with the word of people who know one.
 *
 * The new keys are stored before anything is sent, as in joining; the code and what follows from it never are.
 */

import { b64decode, b64encode, canonical } from "../accord/encoding.js";
import { RemoteError } from "../accord/errors.js";
import { createMessage } from "../accord/messages.js";
import { normalizeName } from "../accord/names.js";
import { makeReplacementProof, RECOVERY_CODE, recoveryKey, vouchLink } from "../accord/replacing.js";
import { keyWords } from "../accord/words.js";
import { toSay } from "../words/tosay.js";
import { Account } from "./account.js";
import { ClientError } from "./errors.js";
import { ORIGIN, readHub } from "./hub.js";
import { logInWith, newVault, open } from "./join.js";
import { forgetNew, keepNew } from "./vault_records.js";
import { codeTrouble, NOT_NAME, readTyped } from "./vault_open.js";
import { readFacts } from "./verify.js";

const PAGE_MESSAGES = 50;
const CODE_CHARS = 56;
const NOT_KNOWN = toSay("This hub knows no account with that code: compare it with what you wrote down. "
  + "Nothing was changed.");

function readKey(text) {
  try {
    return b64decode(String(text).replace(/\s/g, ""), 32);
  } catch (error) {
    throw error instanceof RemoteError ? new ClientError("bad_request", toSay("That is no key: copy it whole.")) : error;
  }
}

async function readCode(code) {
  try {
    return await RECOVERY_CODE.parse(String(code));
  } catch (error) {
    throw error instanceof RemoteError ? new ClientError("bad_request", codeTrouble(code, CODE_CHARS)) : error;
  }
}

/** Whether the account's new key can log in by now. */
async function isTaken(account, clock) {
  const { device, hubKey } = account;
  const { connection } = await open({ device, hubKey, certificate: await account.certificate(clock.hubNow()) });
  connection?.close();
  return connection !== null;
}

/**
 * The key for which a recovery key was set, by what the account itself has signed; a code that nobody has set is of an
 * owner's link, for the admin's account, and whose that is the hub has signed.
 */
async function oldKeyOf(connection, recovery, hubText, admin) {
  const topic = `hub:${hubText}`;
  const answer = await connection.request("fetch", { topic, limit: PAGE_MESSAGES });
  const facts = await readFacts(answer.messages, (header) => header.type === "set_recovery");
  const fact = facts.find(({ body, topic: to }) => to === topic && b64encode(body.recovery) === recovery.publicText);
  if (!fact && !admin) {
    throw new ClientError("denied", NOT_KNOWN);
  }
  return fact?.author ?? admin.user;
}

/** Whether a name is that of the account behind a key; the hub answers for every name. */
async function checkName(connection, name, key) {
  const answer = await connection.request("to", { name });
  if (answer.key !== key) {
    throw new ClientError("bad_request", toSay("The account of that code is not called {name}. Nothing was changed.", { name }));
  }
}

/**
 * New keys take the account's place at once; where the account's name is told they get a vault, with a password or not.
 * @param {{hub: string, code: string, name?: string, password?: string}} params the hub's key as the page came with it;
 *   the account's name is needed for a vault, and for a password
 * @param {{storage: import("./storage.js").Storage, clock: import("./clock.js").Clock, account: Account | null}} parts
 *   `account` is an unfinished one
 * @returns {Promise<{account: Account, vaultCode: Uint8Array | null}>} `account`: joined
 */
export async function useCode({ hub, code, name: typed = "", password = "" }, { storage, clock, account }) {
  const hubKey = readKey(hub);
  const recovery = await recoveryKey(await readCode(code), hubKey);
  const { admin } = await readHub(hubKey, clock);
  const isSame = account?.temporary === recovery.publicText;
  if (isSame && (await isTaken(account, clock))) { // what was sent before has arrived
    await account.change({ joinedAt: clock.hubNow() });
    return { account, vaultCode: null };
  }
  const name = password || String(typed).trim()
    ? await readTyped(() => normalizeName(String(typed).trim()), NOT_NAME) : "";
  const { connection } = await logInWith(recovery, hubKey, clock);
  if (!connection) {
    throw new ClientError("denied", NOT_KNOWN);
  }
  try {
    const hubText = b64encode(hubKey);
    const old = await oldKeyOf(connection, recovery, hubText, admin);
    let vault = null;
    const keepSeed = async (/** @type {Uint8Array} */ seed) => {
      await checkName(connection, name, old);
      vault = await newVault({ hub: hubKey, name, password }, seed);
    };
    const claim = { hub: hubKey, temporary: recovery.publicText, name };
    const mine = isSame && !name ? account : await Account.make(storage, claim, name ? keepSeed : undefined);
    await (vault ? keepNew(storage, mine, vault) : forgetNew(storage));
    try {
      await replace(connection, recovery, mine, old, clock);
    } catch (error) {
      if (error.code !== "offline" || !(await isTaken(mine, clock))) { // it may have arrived without an answer
        throw error;
      }
    }
    await mine.change({ joinedAt: clock.hubNow() });
    return { account: mine, vaultCode: vault?.code ?? null };
  } finally {
    connection.close();
  }
}

async function replace(connection, recovery, account, old, clock) {
  const proof = await makeReplacementProof(account.user, { hub: account.hubKey, old: b64decode(old, 32) });
  const envelope = await createMessage(recovery, {
    type: "replace_account",
    to: `hub:${account.hubText}`,
    body: canonical({ new_pubkey: account.key, proof: b64encode(proof), pubkey: old }),
    createdAt: clock.hubNow(),
  });
  const { results } = await connection.request("publish", { messages: [envelope] });
  const { status, code } = results?.[0] ?? {};
  if (status !== "stored" && status !== "duplicate") {
    throw new ClientError(code ?? "internal");
  }
}

/**
 * What one shows to people who are to vouch: the link, and the words of old and new key.
 * @param {Account} account
 */
async function requestOf(account) {
  const old = b64decode(account.asked, 32);
  const proof = await makeReplacementProof(account.user, { hub: account.hubKey, old });
  const link = vouchLink(ORIGIN, { old, newKey: account.user.publicKey, proof });
  return { old: account.asked, link, words: await keyWords(old, account.user.publicKey) };
}

/**
 * Make new keys and ask for them to be vouched for; the same ones where it was asked before.
 * @param {{hub: string, old: string}} params
 * @param {{storage: import("./storage.js").Storage, clock: import("./clock.js").Clock, account: Account | null}} parts
 */
export async function ask({ hub, old }, { storage, clock, account }) {
  const hubKey = readKey(hub);
  const asked = b64encode(readKey(old));
  await readHub(hubKey, clock);
  if (account?.asked === asked) {
    return { account, request: await requestOf(account) };
  }
  const made = await Account.make(storage, { hub: hubKey, temporary: "", name: "" });
  await made.change({ asked });
  return { account: made, request: await requestOf(made) };
}

/** What was asked for in this browser before; null for nothing. @param {Account | null} account */
export async function asked(account) {
  return account?.asked ? requestOf(account) : null;
}

/**
 * Whether the new keys have been accepted; then the account is joined.
 * @param {Account | null} account
 * @param {import("./clock.js").Clock} clock
 */
export async function look(account, clock) {
  if (!account?.asked) {
    throw new ClientError("not_found");
  }
  await readHub(account.hubKey, clock);
  if (!(await isTaken(account, clock))) {
    return false;
  }
  await account.change({ joinedAt: clock.hubNow(), asked: "" });
  return true;
}
