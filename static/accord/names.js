// Names of accounts: one spelling each (protocol.md section 9).

import { RemoteError } from "./errors.js";

export const NAME_PATTERN = /^[a-z0-9_.-]{3,32}$/;
const MAX_TYPED_CHARS = 200;

/**
 * The one spelling of a name that a person typed: NFKC, A-Z to a-z; RemoteError("bad_request") if there is none.
 * @param {string} name
 * @returns {string}
 */
export function normalizeName(name) {
  const typed = Array.from(name.slice(0, MAX_TYPED_CHARS * 2)).slice(0, MAX_TYPED_CHARS).join("");
  const normal = typed.normalize("NFKC").replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  if (!NAME_PATTERN.test(normal)) {
    throw new RemoteError("bad_request", "a name has 3 to 32 of a-z, 0-9, dot, dash and underscore");
  }
  return normal;
}
