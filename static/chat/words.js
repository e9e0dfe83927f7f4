/** Errors in words for the person who meets them. */

import { said, t } from "../words/words.js";

const WORDS = {
  offline: t("The hub is out of reach. Nothing was changed; try again when you are connected."),
  busy: t("The hub is busy. Nothing was changed; try again in a moment."),
  rate: t("That was too often. Nothing was changed; try again in a moment."),
  internal: t("Something failed here. Nothing was changed; try again, and tell the hub's operator if that does not help."),
};

/**
 * One sentence for a person.
 * @param {any} error a ClientError, or anything else that was thrown
 * @returns {string}
 */
export function reason(error) {
  const known = WORDS[error?.code];
  if (known) {
    return known;
  }
  return error?.detail ? sentence(said(error.words ?? error.detail)) : WORDS.internal;
}

/** A text as a sentence: a capital at its start, a full stop at its end. @param {string} text */
export function sentence(text) {
  const trimmed = text.trim();
  return trimmed === "" ? "" : trimmed[0].toUpperCase() + trimmed.slice(1) + (/[.!?…]$/.test(trimmed) ? "" : ".");
}
