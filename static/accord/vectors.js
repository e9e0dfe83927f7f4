// Check the test vectors of the protocol, as accord/vectors.py does (tests/vectors/protocol.json).
//
// One key a section, each a list of cases or one case. Every case is one entry; an entry passes when these modules give
// exactly what the case says, refusals included. The hub's side of the login is not mirrored here: its part of the
// handshake's entry is that the client answers the hub's recorded messages with its recorded ones. Sections that this
// version does not build are listed, not counted.

import { verifyCertificate } from "./certs.js";
import {
  b64decode, b64encode, canonical, canonicalText, isRising, parseCanonical,
} from "./encoding.js";
import { RemoteError } from "./errors.js";
import { FrameOpener, FrameSealer } from "./frames.js";
import {
  hashCode, makeProof, normalizeCode, parseLink, showCode, temporarySeed, verifyProof,
} from "./invites.js";
import { signingKeyFromSeed, verifyRaw } from "./keys.js";
import { ClientLogin, transcript1, transcript2, transcript3 } from "./login.js";
import { checkType } from "./message_types.js";
import { messageUuid, parseEnvelope, readMessage, verifyEnvelope } from "./messages.js";
import { challengeHash, checkWork, work } from "./pow.js";
import { expand, labelledHash, OneTimeKey } from "./primitives.js";
import { makeStatement, verifyStatement } from "./statements.js";
import { openChannelId } from "./topics.js";
import { BLOB_SECTIONS } from "./vectors_of_blobs.js";
import { KEY_SECTIONS } from "./vectors_of_keys.js";
import { SEALING_SECTIONS } from "./vectors_of_sealing.js";
import { SPACE_SECTIONS } from "./vectors_of_spaces.js";
import { TREE_SECTIONS } from "./vectors_of_trees.js";
import { VAULT_SECTIONS } from "./vectors_of_vault.js";
import { readTicket, readVoucher, showVoucher, verifyVoucher } from "./vouchers.js";

const NOT_CASES = new Set(["about", "labels_prk"]);
const MAX_REJECT_BYTES = 4096;

/** @typedef {[name: string, check: () => any]} Entry */

/**
 * @param {string} hex
 * @returns {Uint8Array}
 */
export function fromHex(hex) {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => parseInt(hex.slice(i * 2, i * 2 + 2), 16));
}

/**
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {unknown} actual
 * @param {unknown} expected texts, numbers and booleans; bytes are compared as text
 */
function same(actual, expected) {
  if (actual !== expected) throw new Error(`${actual} instead of ${expected}`.slice(0, 300));
}

/**
 * @param {() => any} call
 * @param {string} [code]
 */
async function refused(call, code) {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    if (code !== undefined) same(error.code, code);
    return;
  }
  throw new Error("accepted");
}

/**
 * @param {Record<string, any>} value
 * @param {...string} names
 * @returns {Record<string, any>} the value without these fields
 */
function without(value, ...names) {
  return Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));
}

const seedKey = (/** @type {string} */ hex) => signingKeyFromSeed(fromHex(hex));

/** @type {Record<string, (cases: any, whole: any) => Entry[]>} a section's entries; what is no list is one case */
const SECTIONS = {
  canonical_accept: (cases) => cases.map(({ value, bytes }, i) => [`${i}`, () => {
    same(toHex(canonical(value)), bytes);
    const data = fromHex(bytes);
    same(canonicalText(parseCanonical(data, data.length)), canonicalText(value));
  }]),

  canonical_reject: (cases) => cases.map(({ bytes, why }) =>
    [why, () => refused(() => parseCanonical(fromHex(bytes), MAX_REJECT_BYTES), "bad_encoding")]),

  base64url_reject: (cases) => cases.map((value) =>
    [JSON.stringify(value), () => refused(() => b64decode(value))]),

  order: (items) => [["rising by raw bytes", () => same(isRising(items.map((item) => b64decode(item))), true)]],

  labels: (cases, whole) => cases.map(({ label, data, hash, expand: expanded }) => [label, async () => {
    same(toHex(await labelledHash(label, fromHex(data))), hash);
    same(toHex(await expand(fromHex(whole.labels_prk), label)), expanded);
  }]),

  ids: (ids) => [["open_channel", async () => {
    const id = await openChannelId(b64decode(ids.creator), b64decode(ids.nonce), b64decode(ids.hub));
    same(b64encode(id), ids.open_channel);
  }]],

  cert: certEntries,
  login: loginEntries,

  messages: (cases) => cases.map((vector, i) => [`${i}`, async () => {
    const message = await verifyEnvelope(await parseEnvelope(vector.envelope));
    checkType(message);
    same(toHex(message.headerBytes), vector.canonical);
    same(message.idText, vector.id);
    same(messageUuid(message.id), vector.uuid);
    same((await readMessage(vector.envelope)).idText, vector.id);
    const author = await seedKey(vector.author);
    same(author.publicText, message.author);
    same(toHex(await author.sign("event", message.headerBytes)), toHex(message.sig));
  }]),

  messages_reject: (cases) => cases.map(({ envelope, code, why }) => [why, async () => {
    await refused(async () => verifyEnvelope(await parseEnvelope(envelope)), code);
    await refused(() => readMessage(envelope), code);
  }]),

  message_types_reject: (cases) => cases.map(({ envelope, code, why }) => [why, async () => {
    const message = await readMessage(envelope);
    await refused(() => checkType(message), code);
  }]),

  statement: ({ server, statement }) => [["statement", async () => {
    const key = await seedKey(server);
    const read = await verifyStatement(statement, { hub: key.publicKey });
    const rest = /** @type {any} */ (without(read, "v", "hub", "sig"));
    same(canonicalText(await makeStatement(key, rest)), canonicalText(statement));
  }]],

  statements_reject: (cases) => cases.map(({ statement, code, why }) =>
    [why, () => refused(() => verifyStatement(statement), code)]),

  pow: powEntries,
  voucher: voucherEntries,
  ticket: ticketEntries,

  invite: (vector) => [["claim", async () => {
    const seed = await temporarySeed(fromHex(vector.secret));
    same(toHex(seed), vector.temporary_private);
    const temp = (await signingKeyFromSeed(seed)).publicKey;
    const hub = b64decode(vector.hub);
    const newKey = await seedKey(vector.new_private);
    same(b64encode(await makeProof(newKey, { hub, temp })), vector.proof);
    await verifyProof(b64decode(vector.proof), { hub, temp, newKey: newKey.publicKey });
  }]],

  invite_links_reject: (cases) => cases.map(({ link, why }) =>
    [why, () => refused(() => parseLink(link), "bad_request")]),

  invite_circle: (vector) => [
    ["link", () => {
      const parsed = parseLink(vector.link);
      same(String(parsed), vector.link);
      same(`${toHex(parsed.secret)} ${parsed.people}`, `${vector.secret} ${vector.people}`);
    }],
    ...vector.temporary_privates.map((/** @type {any} */ each) => [`place ${each.place}`, async () =>
      same(toHex(await temporarySeed(fromHex(vector.secret), each.place)), each.private)]),
  ],

  claim_codes: (cases) => cases.map(({ typed, code, shown, temp, hash }) => [typed, async () => {
    same(normalizeCode(typed), code);
    same(showCode(code), shown);
    same(b64encode(await hashCode(code, b64decode(temp))), hash);
  }]),

  claim_codes_reject: (cases) => cases.map(({ typed, why }) =>
    [why, () => refused(() => normalizeCode(typed), "bad_request")]),

  ...KEY_SECTIONS,
  ...SEALING_SECTIONS,
  ...SPACE_SECTIONS,
  ...VAULT_SECTIONS,
  ...BLOB_SECTIONS,
  ...TREE_SECTIONS,

  signatures: (cases) => cases.map(({ key, message, signature, valid, why }) => {
    const verify = () => verifyRaw(fromHex(key), fromHex(message), fromHex(signature));
    return [why, valid ? verify : () => refused(verify, "bad_sig")];
  }),
};

/**
 * @param {any} vector
 * @returns {Entry[]}
 */
function certEntries(vector) {
  const now = vector.cert.issued_at;
  const server = async () => (await seedKey(vector.server)).publicKey;
  const accepted = async () => {
    const [user, peer] = await Promise.all([seedKey(vector.user), seedKey(vector.peer)]);
    const certificate = await verifyCertificate(vector.cert, now, await server());
    same(b64encode(certificate.user), user.publicText);
    same(b64encode(certificate.client), peer.publicText);
    const signature = await user.sign("cert", canonical(without(vector.cert, "signature")));
    same(b64encode(signature), vector.cert.signature);
  };
  const rejects = vector.reject.map((/** @type {any} */ value, /** @type {number} */ i) =>
    [`reject ${i}`, () => refused(async () => verifyCertificate(value, now, await server()))]);
  return [["cert", accepted], ...rejects];
}

/**
 * @param {any} vector
 * @param {any} whole
 * @returns {Entry[]}
 */
function loginEntries(vector, whole) {
  const handshake = async () => {
    const peer = new ClientLogin(await seedKey(whole.cert.peer), {
      certificate: vector.inside_box.clientcert ?? null,
      expected: (await seedKey(whole.cert.server)).publicKey,
      onetime: await OneTimeKey.fromSeed(fromHex(vector.client_onetime)),
    });
    same((await peer.request()).data, canonicalText(vector.login_request));
    const response = await peer.receive(canonicalText(vector.login_challenge));
    same(response.kind === "send" && response.data, canonicalText(vector.login_response));
    const keys = /** @type {import("./login.js").SessionKeys} */ (peer.keys);
    same([keys.c2s, keys.s2c, keys.exporter].map(toHex).join(), [vector.c2s, vector.s2c, vector.session].join());
  };
  const transcripts = async () => {
    const { login_request: request, login_challenge: challenge, login_response: response } = vector;
    const th1 = await transcript1(request, challenge);
    same(toHex(th1), vector.th1);
    const th2 = await transcript2(th1, b64decode(challenge.auth), b64decode(challenge.mac));
    same(toHex(th2), vector.th2);
    same(toHex(await transcript3(th2, b64decode(response.box))), vector.th3);
  };
  const frames = vector.frames.map((/** @type {any} */ frame, /** @type {number} */ i) => [`frame ${i}`, async () => {
    const key = fromHex(vector[frame.direction]);
    const opener = new FrameOpener(key, frame.counter);
    if (frame.type !== 1) {
      await refused(() => opener.open(fromHex(frame.frame)), "unsupported");
      return;
    }
    same(toHex(await new FrameSealer(key, frame.counter).seal(fromHex(frame.plaintext))), frame.frame);
    same(toHex(await opener.open(fromHex(frame.frame))), frame.plaintext);
  }]);
  return [["handshake", handshake], ["transcripts", transcripts], ...frames];
}

/**
 * @param {any} vector
 * @returns {Entry[]}
 */
function powEntries({ challenge, bind, ch, counter, hash, reject_counter: wrong }) {
  const accepted = async () => {
    const computed = await challengeHash(challenge, fromHex(bind));
    same(toHex(computed), ch);
    same(toHex(await work(computed, counter)), hash);
    await checkWork(computed, counter, challenge.difficulty);
  };
  const rejected = async () => {
    const computed = await challengeHash(challenge, fromHex(bind));
    await refused(() => checkWork(computed, wrong, challenge.difficulty), "pow_needed");
  };
  return [["solution", accepted], ["reject", rejected]];
}

/**
 * @param {any} vector
 * @returns {Entry[]}
 */
function voucherEntries({ hub, user, stranger, now, voucher, text, reject, reject_texts: rejectTexts }) {
  const context = { hub: b64decode(hub), stranger: b64decode(stranger), now };
  const accepted = async () => {
    const key = await seedKey(user);
    same(b64encode((await verifyVoucher(voucher, context)).user), key.publicText);
    same(b64encode(await key.sign("voucher", canonical(without(voucher, "sig")))), voucher.sig);
    same(showVoucher(voucher), text);
    same(showVoucher(readVoucher(text)), text);
  };
  const rejects = reject.map((/** @type {any} */ bad) =>
    [bad.why, () => refused(() => verifyVoucher(bad.voucher, context), bad.code)]);
  const texts = rejectTexts.map((/** @type {any} */ bad) => [bad.why, () => refused(() => readVoucher(bad.text), bad.code)]);
  return [["voucher", accepted], ...rejects, ...texts];
}

/**
 * @param {any} vector
 * @returns {Entry[]}
 */
function ticketEntries({ server, key, id, ticket, good_from: goodFrom, good_until: goodUntil, reject }) {
  const context = { hub: b64decode(server), key: b64decode(key), id: b64decode(id) };
  const accepted = () => {
    const read = readTicket(ticket, context);
    same(read.goodFrom, goodFrom);
    same(read.goodUntil, goodUntil);
  };
  const rejects = reject.map((/** @type {any} */ bad) =>
    [bad.why, () => refused(() => readTicket(bad.ticket, context), bad.code)]);
  return [["ticket", accepted], ...rejects];
}

/**
 * Check every entry of a vector file, as parsed.
 * @param {Record<string, any>} file
 * @returns {Promise<{passed: number, failed: {section: string, name: string, why: string}[], notRun: string[],
 *   sections: Record<string, number>}>} `sections`: how many entries each section has
 */
export async function run(file) {
  const failed = [];
  const notRun = [];
  /** @type {Record<string, number>} */
  const sections = {};
  let passed = 0;
  for (const section of Object.keys(file)) {
    if (NOT_CASES.has(section)) continue;
    if (!Object.hasOwn(SECTIONS, section)) {
      notRun.push(section);
      continue;
    }
    /** @type {Entry[]} */
    let entries;
    try {
      entries = SECTIONS[section](file[section], file);
    } catch (error) {
      entries = [["malformed", () => { throw error; }]];
    }
    sections[section] = entries.length;
    for (const [name, check] of entries) {
      try {
        await check();
        passed += 1;
      } catch (error) {
        failed.push({ section, name, why: String(error) });
      }
    }
  }
  return { passed, failed, notRun, sections };
}
