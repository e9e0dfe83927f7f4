/**
 * Joining by an invite link (protocol.md section 8).
 *
 * The new keys are stored before the claim is sent. Whatever happens in between, the same link again finishes: where
 * the
 * claim has arrived the new key can log in.
 */

import { makeCertificate } from "../accord/certs.js";
import { b64encode, canonical } from "../accord/encoding.js";
import { AccordError, RemoteError } from "../accord/errors.js";
import { makeProof, parseLink, temporaryKey } from "../accord/invites.js";
import { fingerprint, generateSigningKey } from "../accord/keys.js";
import { createMessage } from "../accord/messages.js";
import { normalizeName } from "../accord/names.js";
import { Account } from "./account.js";
import { Connection, LoginRefused } from "./connection.js";
import { ClientError } from "./errors.js";
import { ORIGIN, readHub, WrongKey } from "./hub.js";

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
      throw new ClientError("bad_request", "A name has 3 to 32 letters a to z, digits, dots, dashes and underscores.");
    }
    throw error;
  }
}

/** A session of the temporary account; null where the hub does not know it (any more). */
async function logInWith(temporary, hubKey, clock) {
  const device = await generateSigningKey();
  const certificate = await makeCertificate(temporary, {
    clientKey: device.publicKey,
    servers: [hubKey],
    issuedAt: clock.hubNow(),
  });
  return open({ device, certificate, hubKey });
}

async function open(who) {
  try {
    return await Connection.open(who);
  } catch (error) {
    if (error.code === "wrong_server") {
      throw new WrongKey(fingerprint(who.hubKey), null);
    }
    if (error instanceof LoginRefused && error.authenticated && ["denied", "unauthorized"].includes(error.code)) {
      return null;
    }
    throw error instanceof LoginRefused || error instanceof AccordError ? new ClientError("offline") : error;
  }
}

/**
 * What stands behind a link.
 * @param {{link: string}} params
 * @param {import("./clock.js").Clock} clock
 */
export async function check({ link }, clock) {
  const invite = read(link);
  const isHere = invite.origin === ORIGIN;
  const hub = { name: "", key: b64encode(invite.hub), fingerprint: fingerprint(invite.hub), url: invite.origin };
  if (!isHere) { // this page may talk to its own hub only
    return { hub, isHere, status: "waiting" };
  }
  hub.name = (await readHub(invite.hub, clock)).name;
  const connection = await logInWith(await temporaryKey(invite.secret), invite.hub, clock);
  connection?.close();
  return { hub, isHere, status: connection ? "waiting" : "used" };
}

/**
 * Claim the account behind a link. Gives the account, joined, and the name as it was typed.
 * @param {{link: string, name: string}} params
 * @param {{storage: import("./storage.js").Storage, clock: import("./clock.js").Clock, account: Account | null}} parts
 *   `account` is an unfinished one
 */
export async function claim({ link, name }, { storage, clock, account }) {
  const invite = read(link);
  const accountName = readName(name);
  if (invite.origin !== ORIGIN) {
    throw new ClientError("bad_link", "This invite is for another hub; open the link itself to join there.");
  }
  await readHub(invite.hub, clock);
  const temporary = await temporaryKey(invite.secret);
  const isSame = account?.temporary === temporary.publicText;
  const mine = isSame ? account : await Account.make(storage, {
    hub: invite.hub, temporary: temporary.publicText, name: accountName,
  });
  if (!isSame || !(await isTaken(mine, clock))) {
    await send(mine, temporary, accountName, clock);
    await mine.change({ name: accountName });
  }
  await mine.change({ joinedAt: clock.hubNow() });
  return mine;
}

/** Whether an earlier claim has arrived: the new key can log in. */
async function isTaken(account, clock) {
  const { device, hubKey } = account;
  const connection = await open({ device, hubKey, certificate: await account.certificate(clock.hubNow()) });
  connection?.close();
  return connection !== null;
}

async function send(account, temporary, accountName, clock) {
  const connection = await logInWith(temporary, account.hubKey, clock);
  if (!connection) {
    throw new ClientError("used_invite");
  }
  try {
    const proof = await makeProof(account.user, { hub: account.hubKey, temp: temporary.publicKey });
    const body = { new_pubkey: account.key, account_name: accountName, proof: b64encode(proof) };
    const envelope = await createMessage(temporary, {
      type: "replace_account",
      to: `hub:${account.hubText}`,
      body: canonical(body),
      createdAt: clock.hubNow(),
    });
    const { results } = await connection.request("publish", { messages: [envelope] });
    judge(results?.[0] ?? {}, accountName);
  } finally {
    connection.close();
  }
}

function judge({ status, code }, accountName) {
  if (status === "stored" || status === "duplicate") {
    return;
  }
  if (code === "conflict") {
    throw new ClientError("conflict", `The name ${accountName} is taken; choose another, the invite is still good.`);
  }
  if (code === "denied") {
    throw new ClientError("used_invite");
  }
  throw new ClientError(code ?? "internal");
}
