/**
 * One logged-in session with the hub over its WebSocket (protocol.md sections 3 and 4).
 *
 * Answers find their request by `ref`; everything else goes to `onFrame` in the order of arrival. Not here: who logs in
 * and what follows from a refusal (link.js), what frames mean (feed.js).
 */

import { parseJson, utf8 } from "../accord/encoding.js";
import { AccordError, CloseCode, HTTP_STATUS, RemoteError } from "../accord/errors.js";
import { MAX_FRAME_BYTES } from "../accord/frames.js";
import { ClientLogin, HANDSHAKE_TIMEOUT_SECONDS } from "../accord/login.js";
import { ClientError } from "./errors.js";
import { IS_SEALED, WS_URL } from "./hub.js";

const REQUEST_TIMEOUT_MS = 60_000;

/**
 * The hub refused the login. `authenticated` is false where anyone on the way could have said so; `reason` and `until`
 * as the login gives them.
 */
export class LoginRefused extends Error {
  /** @param {{code: string, authenticated: boolean, reason: string, until: number}} event */
  constructor({ code, authenticated, reason, until }) {
    super(`login refused: ${code}`);
    this.code = code;
    this.authenticated = authenticated;
    this.reason = reason;
    this.until = until;
  }
}

/** The session ended, or there was none. */
export class ConnectionLost extends ClientError {
  constructor() {
    super("offline");
  }
}

function refusal(frame) {
  const code = frame.code in HTTP_STATUS ? frame.code : "internal";
  const retryMs = Number.isSafeInteger(frame.retry_ms) && frame.retry_ms >= 0 ? frame.retry_ms : null;
  return new AccordError(code, String(frame.detail ?? "").slice(0, 500), { retryMs });
}

/** A session. `closed` is a promise of the close code. */
export class Connection {
  /** The fields of login_result. */
  result = {};
  /** When its certificate ends, by the hub's clock; set by who logs in. */
  expires = 0;
  lastHeardAt = Date.now();
  #socket;
  #login;
  #onFrame = (_frame) => {};
  #ref = 0;
  /** @type {Map<number, {resolve: (frame: any) => void, reject: (error: Error) => void, timer: number}>} */
  #pending = new Map();
  #incoming = Promise.resolve();
  #outgoing = Promise.resolve();
  #isOpen = true;
  #faultCode = 0;
  #close;

  constructor(socket, login) {
    this.#socket = socket;
    this.#login = login;
    this.closed = new Promise((resolve) => (this.#close = resolve));
  }

  /**
   * Open the socket and log in. LoginRefused; RemoteError (not to be talked to; wrong_server for another key);
   * ConnectionLost (no hub there now).
   * @param {{device: import("../accord/keys.js").SigningKey, certificate: object, hubKey: Uint8Array}} who
   * @returns {Promise<Connection>}
   */
  static async open({ device, certificate, hubKey }) {
    const login = new ClientLogin(device, { certificate, expected: hubKey, sealed: IS_SEALED });
    const socket = new WebSocket(WS_URL);
    socket.binaryType = "arraybuffer";
    const connection = new Connection(socket, login);
    const timer = setTimeout(() => socket.close(), HANDSHAKE_TIMEOUT_SECONDS * 1000);
    try {
      await connection.#logIn();
      return connection;
    } catch (error) {
      socket.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #logIn() {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      const fail = (error) => {
        this.#isOpen = false;
        reject(error);
      };
      socket.onopen = () => this.#login.request().then(({ data }) => socket.send(data), fail);
      socket.onclose = () => fail(new ConnectionLost());
      socket.onmessage = ({ data }) => {
        this.#incoming = this.#incoming.then(() => this.#loginStep(data)).then((done) => done && resolve(), fail);
      };
    });
  }

  async #loginStep(data) {
    if (!this.#isOpen) {
      return false;
    }
    if (this.#login.state === "done") { // a frame right behind the result
      this.#take(await this.#decode(data));
      return false;
    }
    const event = await this.#login.receive(typeof data === "string" ? data : new Uint8Array(data));
    if (event.kind === "send") {
      this.#socket.send(event.data);
      return false;
    }
    if (event.kind === "refused") {
      throw new LoginRefused(event);
    }
    this.result = event.result;
    this.#socket.onmessage = (message) => this.#receive(message.data);
    this.#socket.onclose = ({ code }) => this.#end(this.#faultCode || code);
    return true;
  }

  /** The number that the next request will have. */
  get nextRef() {
    return this.#ref + 1;
  }

  get isOpen() {
    return this.#isOpen;
  }

  /** Take frames that answer nothing, from now on. @param {(frame: any) => void} onFrame */
  listen(onFrame) {
    this.#onFrame = onFrame;
  }

  /** End the session; what waits for an answer is rejected. */
  close() {
    this.#socket.close(1000);
    this.#end(1000);
  }

  /**
   * Ask, and give the answer with the same ref. AccordError (the hub refused), ConnectionLost.
   * @param {string} type
   * @param {object} [fields]
   * @param {number} [timeoutMs] the session is given up without an answer by then
   * @returns {Promise<any>}
   */
  request(type, fields = {}, timeoutMs = REQUEST_TIMEOUT_MS) {
    if (!this.#isOpen) {
      return Promise.reject(new ConnectionLost());
    }
    this.#ref += 1;
    const ref = this.#ref;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.close(), timeoutMs);
      this.#pending.set(ref, { resolve, reject, timer });
      this.send({ type, ref, ...fields });
    });
  }

  /** Send a frame that is not answered. @param {object} frame */
  send(frame) {
    const sealer = this.#login.sealer;
    const text = JSON.stringify(frame);
    if (!sealer) {
      this.#socket.send(text);
      return;
    }
    const sealed = sealer.seal(utf8(text)); // frames go out in the order of their counters
    this.#outgoing = this.#outgoing.then(async () => this.#socket.send(await sealed));
  }

  #receive(data) {
    this.lastHeardAt = Date.now();
    const frame = this.#decode(data);
    this.#incoming = this.#incoming.then(async () => this.#take(await frame)).catch((error) => this.#fault(error));
    frame.catch(() => {}); // looked at in its turn
  }

  async #decode(data) {
    const opener = this.#login.opener;
    if (opener ? typeof data === "string" : typeof data !== "string") {
      throw new RemoteError("bad_request", "a frame of the other kind");
    }
    const frame = parseJson(opener ? await opener.open(new Uint8Array(data)) : data, MAX_FRAME_BYTES);
    if (typeof frame !== "object" || frame === null) {
      throw new RemoteError("bad_request", "a frame is an object");
    }
    return frame;
  }

  #take(frame) {
    const request = this.#pending.get(frame.ref);
    if (request === undefined || frame.type === "live") {
      this.#onFrame(frame);
      return;
    }
    this.#pending.delete(frame.ref);
    clearTimeout(request.timer);
    if (frame.type === "error") {
      request.reject(refusal(frame));
    } else {
      request.resolve(frame);
    }
  }

  #fault(error) {
    console.warn("the hub sent a frame that cannot be read:", error?.code ?? error);
    this.#faultCode = CloseCode.UNPARSABLE;
    this.#socket.close(1000);
    this.#end(this.#faultCode);
  }

  #end(code) {
    if (!this.#isOpen) {
      return;
    }
    this.#isOpen = false;
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(new ConnectionLost());
    }
    this.#pending.clear();
    this.#close(code);
  }
}
