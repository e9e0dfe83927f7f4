// Checks of the sections of a vector file about spaces (vectors.js; protocol.md section 7).

import { b64decode, b64encode, compareBytes } from "./encoding.js";
import { RemoteError } from "./errors.js";
import { makeJoinProof, parseSpaceLink, spaceInviteKey, verifyJoinProof } from "./space_invites.js";
import { channelId, spaceId, SpaceView } from "./spaces.js";

const BYTES = new Set(["nonce", "user", "channel", "pubkey", "proof"]); // fields of bodies
const byBytes = (/** @type {string} */ a, /** @type {string} */ b) => compareBytes(b64decode(a), b64decode(b));
const toHex = (/** @type {Uint8Array} */ bytes) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** @param {any} actual @param {any} expected both with their fields in one order */
function same(actual, expected) {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (got !== wanted) throw new Error(`${got} instead of ${wanted}`.slice(0, 600));
}

/** @param {any} value {id, from, type, created_at, body, prev?} @returns {import("./spaces.js").Deed} */
function readDeed({ id, from, type, created_at: at, body, prev = [] }) {
  const read = Object.entries(body).map(([name, item]) => [name, BYTES.has(name) ? b64decode(item) : item]);
  return { id, author: from, type, prev, at, body: Object.fromEntries(read) };
}

/** A value with the fields of its objects in one order. @param {any} value @returns {any} */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name])]));
}

/** @param {string} channel @param {import("./spaces.js").Channel} facts */
function channelJson(channel, { name, about, voice, burnMs, private: isPrivate, closed }) {
  return {
    channel, name, ...(about ? { about } : {}), ...(voice ? { voice } : {}), ...(isPrivate ? { private: true } : {}),
    ...(closed ? { closed } : {}), ...(burnMs === null ? {} : { burn_ms: burnMs }),
  };
}

/** A view as a case has it: keys and ids rising, admins in the order of their standing. @param {SpaceView} view */
function viewJson(view) {
  const rising = (/** @type {Map<string, any>} */ map) => [...map.keys()].sort(byBytes);
  return {
    name: view.name,
    about: view.about,
    members: rising(view.members).map((user) => ({ user, role: view.members.get(user) })),
    admins: view.admins,
    channels: rising(view.channels).map((id) => channelJson(id, /** @type {any} */ (view.channels.get(id)))),
    invites: rising(view.invites).map((pubkey) => {
      const { expires, left, by } = /** @type {any} */ (view.invites.get(pubkey));
      return { pubkey, expires, left, by };
    }),
    effect: view.order.filter((id) => view.effect.has(id)),
    waiting: view.waiting,
    heads: view.heads,
  };
}

/** @param {() => any} call */
async function refused(call) {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    same(error.code, "bad_request");
    return;
  }
  throw new Error("accepted");
}

/** @type {Record<string, (cases: any) => [name: string, check: () => any][]>} */
export const SPACE_SECTIONS = {
  spaces: (cases) => cases.map((/** @type {any} */ one) => [one.why, async () => {
    const deeds = one.messages.map(readDeed);
    for (const order of [deeds, deeds.toReversed()]) {
      const view = await SpaceView.of(one.space, order);
      same(view.order, one.linear);
      same(sorted(viewJson(view)), sorted(one.view));
    }
  }]),

  space_invite: (vector) => [["ids, link, proof", async () => {
    const [creator, nonce, space] = [vector.creator, vector.nonce, vector.space].map((text) => b64decode(text));
    same(b64encode(await spaceId(creator, nonce)), vector.space);
    same(b64encode(await channelId(creator, nonce, space)), vector.channel);
    const link = parseSpaceLink(vector.link);
    same([toHex(link.secret), b64encode(link.space), b64encode(link.hub)], [vector.secret, vector.space, vector.hub]);
    same(link.toString(), vector.link);
    const key = await spaceInviteKey(link.secret);
    same(key.publicText, vector.pubkey);
    const who = { space: vector.space, user: vector.user };
    same(b64encode(await makeJoinProof(key, who)), vector.proof);
    await verifyJoinProof(b64decode(vector.proof), { ...who, pubkey: key.publicKey });
  }]],

  space_links_reject: (cases) => cases.map((/** @type {any} */ one) => [one.why, () => refused(() => parseSpaceLink(one.link))]),
};
