// The client's side of the login handshake (protocol.md section 3), sans-IO.
//
// The machine takes the hub's messages and gives events: what to send, what it has proved. The hub proves itself first;
// the client's identity travels sealed. Not here: the hub's side, time limits, sockets.
//
//     request()  -> send        (a text message)
//     receive()  -> send        (the response, a text message)
//     receive()  -> logged_in / refused

import { b64encode, canonical, canonicalText, concat, equal, isObject, parseCanonical } from "./encoding.js";
import { HTTP_STATUS, RemoteError } from "./errors.js";
import * as fields from "./fields.js";
import { FrameOpener, FrameSealer, MAX_FRAME_BYTES } from "./frames.js";
import { verify } from "./keys.js";
import { expand, extract, hmac, importAesKey, labelledHash, lp, OneTimeKey, seal } from "./primitives.js";

export const MAX_LOGIN_BYTES = 8 * 1024;
export const HANDSHAKE_TIMEOUT_SECONDS = 10;
export const LOGIN_ERRORS = Object.freeze(["bad_request", "unsupported", "wrong_server", "busy"]);

const NONCE = new Uint8Array(12);
const CHALLENGE = fields.table({
  v: fields.exactly(1),
  type: fields.exactly("login_challenge"),
  suite: fields.exactly(1),
  onetimekey: fields.key,
  serverkey: fields.key,
  auth: fields.octets(64),
  mac: fields.octets(32),
});
const ERROR = fields.table({
  v: fields.exactly(1),
  type: fields.exactly("login_error"),
  code: fields.oneOf(...LOGIN_ERRORS),
});
const checkVersion = fields.exactly(1);
const WORD = /^[a-z][a-z_]{0,31}$/;

/**
 * `reason` and `until` of a login_result or a `bye`, "" and 0 where they are not there or not of their form.
 * @param {Record<string, any>} value
 * @returns {{reason: string, until: number}}
 */
export function readReason({ reason, until }) {
  return {
    reason: typeof reason === "string" && WORD.test(reason) ? reason : "",
    until: Number.isSafeInteger(until) && until >= 0 && until <= fields.MAX_TIME_MS ? until : 0,
  };
}

/** Where a login stands. */
export const State = Object.freeze({
  START: "start",
  CHALLENGED: "challenged",
  PROVED: "proved",
  DONE: "done",
  FAILED: "failed",
});

/** @type {Readonly<Record<string, readonly string[]>>} */
export const TRANSITIONS = Object.freeze({
  [State.START]: [State.CHALLENGED, State.FAILED],
  [State.CHALLENGED]: [State.PROVED, State.FAILED],
  [State.PROVED]: [State.DONE, State.FAILED],
  [State.DONE]: [],
  [State.FAILED]: [],
});

/**
 * What `receive` gives. `send`: a text message for the hub. `logged_in`: `server` is the hub key that was proved,
 * `result` the login_result with ok true. `refused`: the hub said no with a key of HTTP_STATUS; `authenticated` is
 * false for a login_error, which anyone on the way could have sent: it moves no pin. `reason` is a word of section 3
 * where the hub gives one, `until` (ms) when it may be otherwise; 0: not said.
 * @typedef {{kind: "send", data: string}
 *   | {kind: "logged_in", server: Uint8Array, result: Record<string, any>}
 *   | {kind: "refused", code: string, authenticated: boolean, reason: string, until: number}} LoginEvent
 */

/** @typedef {{c2s: Uint8Array, s2c: Uint8Array, exporter: Uint8Array}} SessionKeys 32 bytes each */

/**
 * th1; `challenge` with or without auth and mac.
 * @param {Record<string, any>} request
 * @param {Record<string, any>} challenge
 * @returns {Promise<Uint8Array>}
 */
export function transcript1(request, { auth, mac, ...unsigned }) {
  return labelledHash("login", lp(canonical(request)), lp(canonical(unsigned)));
}

/**
 * th2: what the client signs.
 * @param {Uint8Array} th1
 * @param {Uint8Array} auth
 * @param {Uint8Array} mac
 * @returns {Promise<Uint8Array>}
 */
export function transcript2(th1, auth, mac) {
  return labelledHash("login-2", th1, auth, mac);
}

/**
 * th3: the whole handshake, under which the session's keys stand.
 * @param {Uint8Array} th2
 * @param {Uint8Array} box
 * @returns {Promise<Uint8Array>}
 */
export function transcript3(th2, box) {
  return labelledHash("login-3", th2, lp(box));
}

/**
 * The hub's proof that it holds the agreed secret and means this signature.
 * @param {Uint8Array} prk
 * @param {Uint8Array} th1
 * @param {Uint8Array} server
 * @param {Uint8Array} auth
 * @returns {Promise<Uint8Array>}
 */
export async function serverMac(prk, th1, server, auth) {
  return hmac(await expand(prk, "login-server-mac"), concat(th1, server, auth));
}

/**
 * The keys of both directions, and the exporter.
 * @param {Uint8Array} prk
 * @param {Uint8Array} th3
 * @returns {Promise<SessionKeys>}
 */
export async function sessionKeys(prk, th3) {
  const labels = ["login-c2s", "login-s2c", "login-session"];
  const [c2s, s2c, exporter] = await Promise.all(labels.map((label) => expand(prk, label, th3)));
  return { c2s, s2c, exporter };
}

/**
 * The client's side. RemoteError from `receive` means that the hub is not to be talked to: `wrong_server` where its key
 * is another.
 */
export class ClientLogin {
  #client;
  #certificate;
  #expected;
  #onetime;
  /** @type {Record<string, any>} */
  #request = {};
  #isBusy = false;

  /**
   * `certificate` is as on the wire, null for a guest; `expected` is the pinned or invited hub key, null on first
   * sight.
   * @param {import("./keys.js").SigningKey} client
   * @param {{certificate?: Record<string, any> | null, expected?: Uint8Array | null, sealed?: boolean,
   *   onetime?: OneTimeKey | null}} [options]
   */
  constructor(client, { certificate = null, expected = null, sealed = true, onetime = null } = {}) {
    this.#client = client;
    this.#certificate = certificate;
    this.#expected = expected;
    this.#onetime = onetime;
    this.state = State.START;
    this.sealed = sealed;
    /** @type {Uint8Array | null} the hub key that was proved */
    this.server = null;
    /** @type {SessionKeys | null} */
    this.keys = null;
    /** @type {FrameSealer | null} of the session, where its frames are sealed */
    this.sealer = null;
    /** @type {FrameOpener | null} */
    this.opener = null;
  }

  /** @param {string} state */
  #become(state) {
    if (!TRANSITIONS[this.state].includes(state)) throw new Error(`login: ${this.state} cannot become ${state}`);
    this.state = state;
  }

  /**
   * The first message.
   * @returns {Promise<{kind: "send", data: string}>}
   */
  async request() {
    this.#become(State.CHALLENGED);
    this.#isBusy = true;
    this.#onetime ??= await OneTimeKey.generate();
    this.#isBusy = false;
    this.#request = {
      v: 1,
      type: "login_request",
      suite: 1,
      frames: this.sealed ? "sealed" : "clear",
      onetimekey: b64encode(this.#onetime.publicKey),
    };
    if (this.#expected !== null) this.#request.serverkey = b64encode(this.#expected);
    return { kind: "send", data: canonicalText(this.#request) };
  }

  /**
   * A message of the hub (text, or bytes of a binary frame): the response to send, then the hub's word.
   * @param {string | Uint8Array} data
   * @returns {Promise<LoginEvent>}
   */
  async receive(data) {
    const isAwaited = !this.#isBusy && (this.state === State.CHALLENGED || this.state === State.PROVED);
    this.#isBusy = true;
    try {
      if (!isAwaited) throw new RemoteError("bad_request", "not the time for a login message");
      if (this.state === State.PROVED) return await this.#readResult(data);
      return await this.#respond(parseCanonical(data, MAX_LOGIN_BYTES));
    } catch (error) {
      if (this.state !== State.DONE) this.state = State.FAILED;
      throw error;
    } finally {
      this.#isBusy = false;
    }
  }

  /**
   * @param {any} value
   * @returns {LoginEvent | null}
   */
  #refusedEarly(value) {
    if (!isObject(value) || value.type !== "login_error") return null;
    const { code } = fields.read(value, ERROR, "login_error");
    this.#become(State.FAILED);
    return { kind: "refused", code, authenticated: false, reason: "", until: 0 };
  }

  /**
   * @param {any} challenge
   * @returns {Promise<LoginEvent>}
   */
  async #respond(challenge) {
    const refused = this.#refusedEarly(challenge);
    if (refused) return refused;
    const checked = fields.read(challenge, CHALLENGE, "login_challenge");
    const server = checked.serverkey;
    if (this.#expected !== null && !equal(server, this.#expected)) {
      throw new RemoteError("wrong_server", "the hub's key is not the one expected");
    }
    const th1 = await transcript1(this.#request, challenge);
    const onetime = /** @type {OneTimeKey} */ (this.#onetime);
    const prk = await extract(th1, await onetime.agree(checked.onetimekey));
    if (!equal(await serverMac(prk, th1, server, checked.auth), checked.mac)) {
      throw new RemoteError("bad_sig", "the challenge was changed on its way");
    }
    await verify(server, "login-challenge", th1, checked.auth);
    const th2 = await transcript2(th1, checked.auth, checked.mac);
    /** @type {Record<string, any>} */
    const inside = {
      clientkey: this.#client.publicText,
      auth: b64encode(await this.#client.sign("login-response", th2)),
    };
    if (this.#certificate !== null) inside.clientcert = this.#certificate;
    const box = await seal(await importAesKey(await expand(prk, "login-client")), NONCE, canonical(inside), th2);
    this.server = server;
    this.keys = await sessionKeys(prk, await transcript3(th2, box));
    this.#become(State.PROVED);
    return { kind: "send", data: canonicalText({ v: 1, type: "login_response", box: b64encode(box) }) };
  }

  /**
   * @param {string | Uint8Array} data
   * @returns {Promise<any>} the value of the result, or of a refusal
   */
  async #openResult(data) {
    if (!this.sealed || typeof data === "string") return parseCanonical(data, MAX_FRAME_BYTES);
    const keys = /** @type {SessionKeys} */ (this.keys);
    this.sealer = new FrameSealer(keys.c2s);
    this.opener = new FrameOpener(keys.s2c);
    return parseCanonical(await this.opener.open(data), MAX_FRAME_BYTES);
  }

  /**
   * @param {string | Uint8Array} data
   * @returns {Promise<LoginEvent>}
   */
  async #readResult(data) {
    const value = await this.#openResult(data);
    if (this.opener === null) {
      const refused = this.#refusedEarly(value);
      if (refused) return refused;
      if (this.sealed) throw new RemoteError("bad_request", "a sealed login_result was agreed on");
    }
    if (!isObject(value) || value.type !== "login_result" || typeof value.ok !== "boolean") {
      throw new RemoteError("bad_request", "login_result expected");
    }
    checkVersion(value.v);
    if (!value.ok) {
      this.#become(State.FAILED);
      const code = typeof value.code === "string" && value.code in HTTP_STATUS ? value.code : "unauthorized";
      return { kind: "refused", code, authenticated: true, ...readReason(value) };
    }
    this.#become(State.DONE);
    return { kind: "logged_in", server: /** @type {Uint8Array} */ (this.server), result: value };
  }
}
