/**
 * What can go wrong, for people: an error with a stable code and one plain sentence (protocol.md section 1, "Error
 * codes").
 *
 * Codes are those of the protocol plus `bad_link`, `offline`, `wrong_key`, `storage`, `full`, and those of invites. Not here:
 * errors of the protocol's own code (accord/errors.js), which `asClientError` turns into these.
 */

import { filled, toSay } from "../words/tosay.js";

const SENTENCES = {
  bad_request: toSay("The hub did not understand that, so nothing was changed; reload the page and try again."),
  bad_encoding: toSay("The hub did not understand that, so nothing was changed; reload the page and try again."),
  bad_sig: toSay("A signature did not fit, so nothing was changed; reload the page and try again."),
  unauthorized: toSay("The hub no longer knows this session, so nothing was changed; try again in a moment."),
  denied: toSay("You may not do that here, so nothing was changed."),
  not_member: toSay("Only members may do that, so nothing was changed."),
  quota: toSay("Your allowance on this hub is used up; what you wrote is kept here until there is room again."),
  not_found: toSay("The hub does not have that any more, so nothing was changed."),
  conflict: toSay("Somebody else was faster, or the name is taken; choose another."),
  burned: toSay("Its time had run out, so it was not sent."),
  gone: toSay("The hub finds that too old; try again."),
  too_big: toSay("That is too long for one message; what you wrote is kept, send it in parts."),
  wrong_server: toSay("Another hub answers at this address, so nothing was sent; ask the hub's operator."),
  future: toSay("This computer's clock is ahead of the hub's, so nothing was sent; set the clock and try again."),
  unsupported: toSay("The hub does not know how to do that, so nothing was changed."),
  pow_needed: toSay("The hub asks for more work than this page does, so nothing was sent."),
  rate: toSay("The hub asks to go slower; what you wrote is kept, try again in a moment."),
  internal: toSay("Something failed, nothing was lost; try again, and tell the hub's operator if that does not help."),
  busy: toSay("The hub is busy; what you wrote is kept, try again in a moment."),
  bad_link: toSay("That invite link is not whole; copy it to its last letter and try again."),
  used_invite: toSay("This invite has been used; ask whoever invited you for a new one."),
  full_invite: toSay("Everyone for whom this invite was has joined; ask whoever invited you for a new one."),
  expired_invite: toSay("This invite has run out; ask whoever invited you for a new one."),
  withdrawn_invite: toSay("This invite was withdrawn; ask whoever invited you for a new one."),
  locked_invite: toSay("The wrong code was given too often, so this invite is locked; ask for a new one."),
  frozen_invite: toSay("The account of whoever invited you is halted just now, so this invite waits; try again later."),
  need_code: toSay("This invite needs a code that whoever invited you tells you by other means."),
  wrong_code: toSay("That is not the code of this invite."),
  bad_code: toSay("A code has ten letters and digits, as in XXXXX-XXXXX."),
  offline: toSay("There is no connection to the hub now; what you wrote is kept, try again when it is back."),
  wrong_key:
    toSay("The hub at this address is not the one you know, so nothing was sent to it; ask its operator by other means."),
  full: toSay("This browser has no room left for this page; nothing was changed. Make room on this computer, then try again."),
  storage: toSay("This browser does not let the page keep its key; allow storage for this address or use another browser."),
};

/** A refusal for the page: `code` is stable, `detail` one sentence in English, `words` the same for the page to say. */
export class ClientError extends Error {
  /**
   * @param {string} code
   * @param {import("../words/tosay.js").Words} [words] left out: the sentence of the code
   * @param {number} [retryMs]
   */
  constructor(code, words, retryMs) {
    const known = words || sentenceOf(code);
    super(typeof known === "string" ? known : filled(known.text, known.values));
    this.name = "ClientError";
    this.code = code;
    this.detail = this.message;
    this.words = known;
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
