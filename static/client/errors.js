/**
 * What can go wrong, for people: an error with a stable code and one plain sentence (protocol.md section 1, "Error
 * codes").
 *
 * Codes are those of the protocol plus `bad_link`, `offline`, `wrong_key`, `storage`, and those of invites. Not here:
 * errors of the protocol's own code (accord/errors.js), which `asClientError` turns into these.
 */

const SENTENCES = {
  bad_request: "The hub did not understand that, so nothing was changed; reload the page and try again.",
  bad_encoding: "The hub did not understand that, so nothing was changed; reload the page and try again.",
  bad_sig: "A signature did not fit, so nothing was changed; reload the page and try again.",
  unauthorized: "The hub no longer knows this session, so nothing was changed; try again in a moment.",
  denied: "You may not do that here, so nothing was changed.",
  not_member: "Only members may do that, so nothing was changed.",
  quota: "Your allowance on this hub is used up; what you wrote is kept here until there is room again.",
  not_found: "The hub does not have that any more, so nothing was changed.",
  conflict: "Somebody else was faster, or the name is taken; choose another.",
  burned: "Its time had run out, so it was not sent.",
  gone: "The hub finds that too old; try again.",
  too_big: "That is too long for one message; what you wrote is kept, send it in parts.",
  wrong_server: "Another hub answers at this address, so nothing was sent; ask the hub's operator.",
  future: "This computer's clock is ahead of the hub's, so nothing was sent; set the clock and try again.",
  unsupported: "The hub does not know how to do that, so nothing was changed.",
  pow_needed: "The hub asks for more work than this page does, so nothing was sent.",
  rate: "The hub asks to go slower; what you wrote is kept, try again in a moment.",
  internal: "Something failed, nothing was lost; try again, and tell the hub's operator if that does not help.",
  busy: "The hub is busy; what you wrote is kept, try again in a moment.",
  bad_link: "That invite link is not whole; copy it to its last letter and try again.",
  used_invite: "This invite has been used; ask whoever invited you for a new one.",
  full_invite: "Everyone for whom this invite was has joined; ask whoever invited you for a new one.",
  expired_invite: "This invite has run out; ask whoever invited you for a new one.",
  withdrawn_invite: "This invite was withdrawn; ask whoever invited you for a new one.",
  locked_invite: "The wrong code was given too often, so this invite is locked; ask for a new one.",
  frozen_invite: "The account of whoever invited you is halted just now, so this invite waits; try again later.",
  need_code: "This invite needs a code that whoever invited you tells you by other means.",
  wrong_code: "That is not the code of this invite.",
  bad_code: "A code has ten letters and digits, as in XXXXX-XXXXX.",
  offline: "There is no connection to the hub now; what you wrote is kept, try again when it is back.",
  wrong_key:
    "The hub at this address is not the one you know, so nothing was sent to it; ask its operator by other means.",
  storage: "This browser does not let the page keep its key; allow storage for this address or use another browser.",
};

/** A refusal for the page: `code` is stable, `detail` is one sentence for a person. */
export class ClientError extends Error {
  /**
   * @param {string} code
   * @param {string} [detail] left out: the sentence of the code
   * @param {number} [retryMs]
   */
  constructor(code, detail, retryMs) {
    super(detail || sentenceOf(code));
    this.name = "ClientError";
    this.code = code;
    this.detail = this.message;
    this.retryMs = retryMs;
  }
}

/**
 * The sentence of a code.
 * @param {string} code
 * @returns {string}
 */
export function sentenceOf(code) {
  return SENTENCES[code] ?? SENTENCES.internal;
}

/**
 * Any error as one for the page; those that are nobody's refusal are our own faults and are written to the console.
 * @param {unknown} error
 * @returns {ClientError}
 */
export function asClientError(error) {
  if (error instanceof ClientError) {
    return error;
  }
  if (error instanceof Error && typeof error.code === "string" && error.code in SENTENCES) {
    return new ClientError(error.code, undefined, error.retryMs ?? undefined);
  }
  console.error(error);
  return new ClientError("internal");
}
