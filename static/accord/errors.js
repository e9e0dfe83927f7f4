// Stable error codes and the errors that carry them (protocol.md section 1, "Error codes").
//
// The same table as accord/errors.py: a code leads to its HTTP status. Not here: what a client does with an error.

/** @type {Readonly<Record<string, number>>} */
export const HTTP_STATUS = Object.freeze(Object.assign(Object.create(null), {
  bad_request: 400,
  bad_encoding: 400,
  bad_sig: 400,
  unauthorized: 401,
  denied: 403,
  not_member: 403,
  quota: 403,
  not_found: 404,
  conflict: 409,
  burned: 410,
  gone: 410,
  too_big: 413,
  wrong_server: 421,
  future: 422,
  unsupported: 422,
  pow_needed: 428,
  rate: 429,
  internal: 500,
  busy: 503,
}));

/** Why a hub closes a WebSocket. */
export const CloseCode = Object.freeze({
  UNPARSABLE: 4400,
  LOGIN: 4401,
  REVOKED: 4403,
  SLOW_READER: 4408,
  FRAME_TOO_BIG: 4413,
  FLOOD: 4429,
});

/**
 * A refusal with a stable code: `code` is a key of HTTP_STATUS, `detail` one sentence for a person, `retryMs` says when
 * another try makes sense (null where nothing is known of that).
 */
export class AccordError extends Error {
  /**
   * @param {string} code
   * @param {string} [detail]
   * @param {{retryMs?: number | null, cause?: unknown}} [options]
   */
  constructor(code, detail = "", { retryMs = null, cause } = {}) {
    if (!(code in HTTP_STATUS)) throw new TypeError(`unknown error code ${code}`);
    super(detail ? `${code}: ${detail}` : code, cause === undefined ? undefined : { cause });
    this.name = "AccordError";
    this.code = code;
    this.detail = detail;
    this.retryMs = retryMs;
  }

  /** The HTTP status that goes with the code. */
  get httpStatus() {
    return HTTP_STATUS[this.code];
  }
}

/** What a remote sent is wrong: never a fault of the program that throws it. */
export class RemoteError extends AccordError {
  /**
   * @param {string} code
   * @param {string} [detail]
   * @param {{retryMs?: number | null, cause?: unknown}} [options]
   */
  constructor(code, detail, options) {
    super(code, detail, options);
    this.name = "RemoteError";
  }
}
