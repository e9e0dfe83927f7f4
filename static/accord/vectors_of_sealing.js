// Checks of the sections of a vector file about sealing and private channels (vectors.js; protocol.md section 7).

import { createEncrypted, messageKey, openBody, openWithMessageKey, pad, unpad } from "./bodies.js";
import { connectionEpoch, connectionKey, connectionTopic, firstAccept } from "./connections.js";
import { livingDevices } from "./devices.js";
import { b64encode, canonicalText, concat } from "./encoding.js";
import {
  epochKid, epochLine, firstWindowKey, isLate, nextWindowKey, openEpoch, openHistory, wholeEpochs,
} from "./epochs.js";
import { RemoteError } from "./errors.js";
import { openBox, seal } from "./hpke.js";
import { signingKeyFromSeed } from "./keys.js";
import { checkType, readBody, readPlaintext } from "./message_types.js";
import { readMessage } from "./messages.js";
import { importAesKey, importHmacKey, OneTimeKey, open, seal as sealAes } from "./primitives.js";
import { fromHex, refused, same, toHex } from "./vector_checks.js";

const NONE = new Uint8Array(0);

const boxKey = (/** @type {string} */ hex) => OneTimeKey.fromSeed(fromHex(hex));
const windowKey = (/** @type {string} */ hex) => importHmacKey(fromHex(hex));

/** @param {unknown} envelope */
async function checked(envelope) {
  const message = await readMessage(envelope);
  checkType(message);
  return message;
}

/** @param {import("./messages.js").Message} message what epochs.js and connections.js look at */
function fact(message) {
  const { idText: id, createdAt: at, type, author, topic } = message;
  return { id, at, type, author, topic: topic.name, body: readBody(message) };
}

/**
 * What a device finds in an epoch or a history, in hex.
 * @param {any} envelope
 * @param {{private: string, user: string}} device
 */
async function opened(envelope, { private: seed, user }) {
  const message = await checked(envelope);
  const own = await boxKey(seed);
  const { epoch, win, kid, members } = readBody(message);
  const boxkey = b64encode(own.publicKey);
  const box = members.find((/** @type {any} */ one) =>
    b64encode(one.user) === user && b64encode(one.boxkey) === boxkey)?.box;
  if (!box) throw new RemoteError("not_found", "nothing in it is for this device");
  const bound = { topic: message.topic.name, from: message.author, epoch, user, boxkey, box };
  return toHex(await (kid ? openEpoch({ ...bound, kid }, own) : openHistory({ ...bound, win }, own)));
}

/** @type {Record<string, (cases: any) => [name: string, check: () => any][]>} */
export const SEALING_SECTIONS = {
  hpke: (vector) => [["key schedule", async () => {
    // RFC 9180's context gives key and nonce; what they encrypt without aad must be what a single shot opens.
    const raw = Object.fromEntries(Object.entries(vector).map(([name, hex]) => [name, fromHex(String(hex))]));
    const cipher = await importAesKey(raw.key);
    same(toHex(await open(cipher, raw.base_nonce, raw.ciphertext, raw.aad)), vector.plaintext);
    const own = await boxKey(vector.private);
    const box = concat(raw.enc, await sealAes(cipher, raw.base_nonce, raw.plaintext, NONE));
    same(toHex(await openBox(own, raw.info, box)), vector.plaintext);
    same(toHex(own.publicKey), vector.public);
  }]],

  channel: (vector) => {
    const keyOf = (/** @type {number} */ win) => windowKey(vector.window_keys[win - vector.first_window]);
    return [
      ["windows", async () => {
        const secret = fromHex(vector.epoch_secret);
        same(toHex(await epochKid(secret)), vector.epoch_kid);
        let raw = await firstWindowKey(secret, vector.first_window);
        for (const [i, expected] of vector.window_keys.entries()) {
          same(toHex(raw), expected);
          raw = await nextWindowKey(await importHmacKey(raw), vector.first_window + i);
        }
      }],
      ["body", async () => {
        const message = await checked(vector.envelope);
        const key = await keyOf(message.header.enc.win);
        const plaintext = await openBody(message, key, { windowMs: vector.window_ms });
        same(toHex(plaintext), vector.plaintext);
        readPlaintext(message.type, plaintext);
        const own = await messageKey(key, /** @type {Uint8Array} */ (message.salt), message.authorKey);
        same(b64encode(own), vector.message_key);
        same(toHex(await openWithMessageKey(message, own)), vector.plaintext);
      }],
      ["made again", async () => {
        const { type, createdAt, salt, header } = await checked(vector.envelope);
        const { epoch, win } = header.enc;
        const again = await createEncrypted(await signingKeyFromSeed(fromHex(vector.author)), {
          type, to: header.to, createdAt, salt: /** @type {Uint8Array} */ (salt), epoch, win,
          windowKey: await keyOf(win), body: fromHex(vector.plaintext),
        });
        same(canonicalText(again), canonicalText(vector.envelope));
      }],
      ...vector.neighbours.map((/** @type {any} */ one) => [one.why, async () => {
        const key = await windowKey(one.window_key);
        same(toHex(await openBody(await checked(one.envelope), key, { windowMs: vector.window_ms })), vector.plaintext);
      }]),
      ...vector.padded.map((/** @type {any} */ row) => [`padding ${row.plaintext_length}`, () => {
        const padded = pad(new Uint8Array(row.plaintext_length).fill(0x80));
        same(padded.length, row.padded_length);
        same(unpad(padded).length, row.plaintext_length);
      }]),
      ...vector.unpad_reject.map((/** @type {any} */ row) =>
        [row.why, () => refused(() => unpad(fromHex(row.padded)), "bad_request")]),
    ];
  },

  channel_reject: ({ window_ms: windowMs, cases }) => cases.map((/** @type {any} */ one) => [one.why, async () => {
    const [message, key] = await Promise.all([checked(one.envelope), windowKey(one.window_key)]);
    await refused(() => openBody(message, key, { windowMs }), one.code);
  }]),

  epoch_box: (vector) => [["box", async () => {
    const [own, info] = [await boxKey(vector.boxkey_private), fromHex(vector.info)];
    same(toHex(await openBox(own, info, fromHex(vector.box))), vector.plaintext);
    same(toHex(await openBox(own, info, await seal(own.publicKey, info, fromHex(vector.plaintext)))), vector.plaintext);
  }]],

  epochs: (vector) => {
    const line = async () => {
      const messages = await Promise.all(Object.values(vector.messages).map(checked));
      const names = Object.keys(vector.messages);
      const nameOf = new Map(messages.map(({ idText }, i) => [idText, names[i]]));
      const held = messages.filter(({ type }) => type === "space.epoch").map(fact);
      for (const order of [held, [...held].reverse()]) {
        const found = epochLine(wholeEpochs(order));
        same(found.map(({ id }) => nameOf.get(id)).join(), vector.line.join());
        same(found.map(({ recipients }) => recipients.length).join(), vector.recipients.join());
        for (const late of vector.late) same(isLate(found, late.epoch, late.created_at), late.late);
      }
    };
    return [
      ["line", line],
      ...vector.opens.map((/** @type {any} */ one) => [`${one.message} opens`, async () =>
        same(await opened(vector.messages[one.message], one), one.secret)]),
      ...vector.reject.map((/** @type {any} */ one) => [one.why, () =>
        refused(() => opened(vector.messages[one.message], one), one.code)]),
    ];
  },

  devices: (vector) => vector.cases.map((/** @type {any} */ one) => [one.why, async () => {
    const feed = await Promise.all(one.messages.map(async (/** @type {string} */ name) =>
      fact(await checked(vector.messages[name]))));
    for (const order of [feed, [...feed].reverse()]) {
      same(livingDevices(order, one.now).map(({ boxkey }) => boxkey).join(), one.living.join());
    }
  }]),

  connection: (vector) => [
    ["key", async () => {
      const [request, accept] = await Promise.all([checked(vector.request), checked(vector.accept)]);
      const [asker, asked] = await Promise.all([boxKey(vector.requester_private), boxKey(vector.accepter_private)]);
      same(b64encode(asker.publicKey), b64encode(readBody(request).conn_pub));
      same(b64encode(asked.publicKey), b64encode(readBody(accept).conn_pub));
      same(firstAccept(fact(request), [fact(accept)])?.id, accept.idText);
      for (const [own, other] of [[asker, asked], [asked, asker]]) {
        const key = await connectionKey(own, other.publicKey, request, accept);
        same(toHex(key), vector.key);
        same(toHex((await connectionEpoch(key, accept.createdAt)).secret), vector.epoch_secret);
      }
      same(await connectionTopic(request.id, accept.id), vector.topic);
    }],
    ["first accept", async () => {
      const request = fact(await checked(vector.request));
      const answers = await Promise.all(vector.answers.map(async (/** @type {any} */ one) => fact(await checked(one))));
      same(firstAccept(request, answers)?.id, vector.first);
    }],
    ...vector.no_accept.map((/** @type {any} */ one) => [one.why, async () => {
      const [request, answer] = await Promise.all([checked(vector.request), checked(one.envelope)]);
      same(firstAccept(fact(request), [fact(answer)]), null);
    }]),
  ],
};
