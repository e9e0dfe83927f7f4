/**
 * Joining by an invite link (protocol.md section 8).
 *
 * The new keys are stored before the claim is sent. Whatever happens in between, the same link again finishes: where
 * the claim has arrived the new key can log in. A circle's link has several places; a claim that was begun keeps to its
 * own, so that tries of a code are counted where they are shown.
 */

import { makeCertificate } from "../accord/certs.js";
import { b64encode, canonical } from "../accord/encoding.js";
import { AccordError, RemoteError } from "../accord/errors.js";
import { isPlaceholder, makeProof, normalizeCode, parseLink, temporaryKey } from "../accord/invites.js";
import { fingerprint, generateSigningKey } from "../accord/keys.js";
import { checkType, readBody } from "../accord/message_types.js";
import { createMessage, readMessage } from "../accord/messages.js";
import { normalizeName } from "../accord/names.js";
import { toSay } from "../words/tosay.js";
import { Account } from "./account.js";
import { Connection, LoginRefused } from "./connection.js";
import { ClientError } from "./errors.js";
import { ORIGIN, readHub, WrongKey } from "./hub.js";
import { forgetNew, keepNew } from "./vault_records.js";
import { beginVault } from "./vault_open.js";

const MAX_OWN_MESSAGES = 50;
/** Why a link opens nothing, the word that says most to whoever holds a circle's first. */
const ENDS = ["locked", "frozen", "withdrawn", "expired", "used"];

/**
 * What an invite says: whose it is, the name that it suggests ("" for none), whether it needs a code, where it leads.
 * @typedef {{inviter: string, suggestion: string, needsCode: boolean, expires: number, channels: string[]}} Offer
 */

function read(link) {
  try {
    return parseLink(String(link));
  } catch (error) {
    throw error instanceof RemoteError ? new ClientError("bad_link") : error;
  }
}

function readName(name) {
  try {
    return normalizeName(String(name).trim());
  } catch (error) {
    if (error instanceof RemoteError) {
      throw new ClientError("bad_request", toSay("A name has 3 to 32 letters a to z, digits, dots, dashes and underscores."));
    }
    throw error;
  }
}

function readCode(code) {
  try {
    return code ? normalizeCode(String(code)) : "";
  } catch (error) {
    throw error instanceof RemoteError ? new ClientError("bad_code") : error;
  }
}

/**
 * The temporary keys of a link: first the one that was begun with, the others from a random one on.
 * @param {import("../accord/invites.js").InviteLink} invite
 * @param {string | undefined} first
 */
async function placesOf(invite, first) {
  const keys = await Promise.all(invite.places.map((place) => temporaryKey(invite.secret, place)));
  const start = Math.floor(Math.random() * keys.length);
  const turned = [...keys.slice(start), ...keys.slice(0, start)];
  return turned.sort((a, b) => Number(b.publicText === first) - Number(a.publicText === first));
}

/** A session of a temporary account; where the hub does not let it in, the reason that it gives. */
export async function logInWith(temporary, hubKey, clock) {
  const device = await generateSigningKey();
  const certificate = await makeCertificate(temporary, {
    clientKey: device.publicKey,
    servers: [hubKey],
    issuedAt: clock.hubNow(),
  });
  return open({ device, certificate, hubKey });
}

/** A session, or the reason why the hub lets nobody in. */
export async function open(who) {
  try {
    return { connection: await Connection.open(who), reason: "" };
  } catch (error) {
    if (error.code === "wrong_server") {
      throw new WrongKey(fingerprint(who.hubKey), null);
    }
    if (error instanceof LoginRefused && error.authenticated && ["denied", "unauthorized"].includes(error.code)) {
      return { connection: null, reason: error.reason };
    }
    throw error instanceof LoginRefused || error instanceof AccordError ? new ClientError("offline") : error;
  }
}

/** What the `add_user` behind a temporary account says; null where the hub does not show one that holds. */
async function readOffer(connection, temporary, hubKey) {
  const topic = `hub:${b64encode(hubKey)}`;
  const { messages = [] } = await connection.request("fetch", { topic, limit: MAX_OWN_MESSAGES });
  for (const item of messages) {
    try {
      const message = await readMessage(item?.message);
      checkType(message);
      const body = message.type === "add_user" && message.topic.name === topic ? readBody(message) : null;
      if (body && b64encode(body.pubkey) === temporary.publicText) {
        return {
          inviter: message.author,
          suggestion: isPlaceholder(body.account_name) ? "" : body.account_name,
          needsCode: body.code_hash !== undefined,
          expires: body.expires ?? 0,
          channels: (body.channels ?? []).map((ident) => `chan:${b64encode(ident)}`),
        };
      }
    } catch (error) {
      if (!(error instanceof RemoteError)) {
        throw error;
      }
    }
  }
  return null;
}

/** Why none of the places lets anyone in: one of ENDS, "full" for a circle of which all have joined, "" unknown. */
function endOf(reasons, invite) {
  if (invite.people > 1 && reasons.every((reason) => reason === "used")) {
    return "full";
  }
  return ENDS.find((reason) => reasons.includes(reason)) ?? "";
}

/** The first place of a link that lets in, or why none does. */
async function firstPlace(invite, keys, clock) {
  const reasons = [];
  for (const temporary of keys) {
    const { connection, reason } = await logInWith(temporary, invite.hub, clock);
    if (connection) {
      return { temporary, connection, end: "" };
    }
    reasons.push(reason);
  }
  return { temporary: null, connection: null, end: endOf(reasons, invite) };
}

/**
 * What stands behind a link: `status` is "waiting", or why it no longer works ("gone" where the hub does not say).
 * @param {{link: string}} params
 * @param {import("./clock.js").Clock} clock
 * @param {Account | null} account an unfinished one
 */
export async function check({ link }, clock, account) {
  const invite = read(link);
  const isHere = invite.origin === ORIGIN;
  const hub = { name: "", key: b64encode(invite.hub), fingerprint: fingerprint(invite.hub), url: invite.origin };
  if (!isHere) { // this page may talk to its own hub only
    return { hub, isHere, status: "waiting", people: invite.people, offer: null };
  }
  hub.name = (await readHub(invite.hub, clock)).name;
  const { temporary, connection, end } = await firstPlace(invite, await placesOf(invite, account?.temporary), clock);
  if (!connection) {
    const isMine = account !== null && await wasBegun(invite, account) && (await isTaken(account, clock));
    return { hub, isHere, status: isMine ? "waiting" : end || "gone", people: invite.people, offer: null };
  }
  try {
    const offer = await readOffer(connection, temporary, invite.hub);
    return { hub, isHere, status: "waiting", people: invite.people, offer };
  } finally {
    connection.close();
  }
}

async function wasBegun(invite, account) {
  const keys = await placesOf(invite, account.temporary);
  return keys[0].publicText === account.temporary;
}

/**
 * Claim the account behind a link. It gets a vault, opened by the password, where one is given, and by the recovery code
 * in the answer.
 * @param {{link: string, name: string, code?: string, password?: string}} params
 * @param {{storage: import("./storage.js").Storage, clock: import("./clock.js").Clock, account: Account | null}} parts
 *   `account` is an unfinished one
 * @returns {Promise<{account: Account, vaultCode: Uint8Array | null}>} `account`: joined; no code where an earlier claim
 *   has arrived after all
 */
export async function claim({ link, name, code = "", password = "" }, { storage, clock, account }) {
  const invite = read(link);
  const accountName = readName(name);
  const typed = readCode(code);
  if (invite.origin !== ORIGIN) {
    throw new ClientError("bad_link", toSay("This invite is for another hub; open the link itself to join there."));
  }
  await readHub(invite.hub, clock);
  const isBegun = account !== null && await wasBegun(invite, account);
  if (isBegun && (await isTaken(account, clock))) {
    await account.change({ joinedAt: clock.hubNow() });
    return { account, vaultCode: null };
  }
  /** @type {Awaited<ReturnType<typeof beginVault>> | null} */
  let vault = null;
  const begin = { hub: invite.hub, temporary: isBegun ? account.temporary : "", name: accountName };
  const keepSeed = async (/** @type {Uint8Array} */ seed) => {
    vault = await newVault({ hub: invite.hub, name: accountName, password }, seed);
  };
  // A key that was made before, of which the hub has nothing, makes room: its vault's code is no longer here
  await forgetNew(storage);
  const mine = await Account.make(storage, begin, keepSeed);
  if (vault) {
    await keepNew(storage, mine, vault);
  }
  await claimPlace(mine, invite, { accountName, code: typed }, clock);
  await mine.change({ joinedAt: clock.hubNow() });
  return { account: mine, vaultCode: /** @type {any} */ (vault)?.code ?? null };
}

/** A vault for a new key; whoever wants no password joins all the same where the hub does not speak of vaults here. */
export async function newVault(what, seed) {
  try {
    return await beginVault(what, seed);
  } catch (error) {
    if (what.password === "" && ["denied", "not_found"].includes(error.code)) {
      return null;
    }
    throw error;
  }
}

/** Whether an earlier claim has arrived: the new key can log in. */
async function isTaken(account, clock) {
  const { device, hubKey } = account;
  const { connection } = await open({ device, hubKey, certificate: await account.certificate(clock.hubNow()) });
  connection?.close();
  return connection !== null;
}

/** Claim one of the places; another, where somebody else was faster at the first. */
async function claimPlace(account, invite, wanted, clock) {
  const keys = await placesOf(invite, account.temporary);
  for (let tried = 0; tried <= keys.length; tried += 1) { // who was too late is told so at the next login
    const { temporary, connection, end } = await firstPlace(invite, keys, clock);
    if (!connection) {
      throw new ClientError(end ? `${end}_invite` : "used_invite");
    }
    try {
      const offer = await readOffer(connection, temporary, invite.hub);
      const kept = { inviter: offer?.inviter ?? "", led: offer?.channels ?? [], isLed: offer !== null };
      await account.change({ temporary: temporary.publicText, name: wanted.accountName, ...kept });
      if (await send(account, temporary, connection, wanted, clock)) {
        return;
      }
    } finally {
      connection.close();
    }
  }
  throw new ClientError("used_invite");
}

/** Send the claim; false where the place has been taken meanwhile. */
async function send(account, temporary, connection, { accountName, code }, clock) {
  const proof = await makeProof(account.user, { hub: account.hubKey, temp: temporary.publicKey });
  const body = {
    new_pubkey: account.key, account_name: accountName, proof: b64encode(proof), ...(code ? { code } : {}),
  };
  const envelope = await createMessage(temporary, {
    type: "replace_account",
    to: `hub:${account.hubText}`,
    body: canonical(body),
    createdAt: clock.hubNow(),
  });
  let results;
  try {
    ({ results } = await connection.request("publish", { messages: [envelope] }));
  } catch (error) {
    if (error.code === "offline" && (await isTaken(account, clock))) { // only the answer has been lost
      return true;
    }
    throw error;
  }
  return judge(results?.[0] ?? {}, accountName, code);
}

function judge({ status, code, tries }, accountName, claimCode) {
  if (status === "stored" || status === "duplicate") {
    return true;
  }
  if (code === "conflict") {
    throw new ClientError("conflict", toSay("The name {name} is taken; choose another, the invite is still good.",
      { name: accountName }));
  }
  if (code === "denied" && Number.isSafeInteger(tries)) {
    if (tries <= 0) {
      throw new ClientError("locked_invite");
    }
    if (claimCode === "") {
      throw new ClientError("need_code");
    }
    throw new ClientError("wrong_code", tries === 1
      ? toSay("That is not the code: one try is left. After the last wrong one the invite is locked.")
      : toSay("That is not the code: {tries} tries are left. After the last wrong one the invite is locked.", { tries }));
  }
  if (code === "denied") {
    return false;
  }
  throw new ClientError(code ?? "internal");
}
