/** How much one may store on the hub, how much of it is used, and what to do when there is no room left, in words. */

import { language, locale, plural, t } from "../words/words.js";
import { numberText, sizeText } from "./branch_words.js";
import { h } from "./dom.js";

/** What a short message takes beside its text: header, signature, salt. */
const WRAPPING_BYTES = 1_500;
// The hub counts anew at midnight UTC.
const DAY = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", timeZone: "UTC" });
const AND = new Intl.ListFormat(language, { type: "conjunction" });

/**
 * What there is and what is used: "You may store 500 messages and 2.0 MiB on this hub; 120 and 410 KiB are used. ..."
 * @param {any} allowance as in the client's state
 * @returns {string} empty where there is no limit, or none is known
 */
export function allowanceText(allowance) {
  const { messagesLimit = null, messagesUsed, bytesLimit = null, bytesUsed, resetsAt } = allowance ?? {};
  const may = [];
  const used = [];
  if (messagesLimit !== null) {
    may.push(plural("{count} message", "{count} messages", messagesLimit));
    used.push(numberText(messagesUsed));
  }
  if (bytesLimit !== null) {
    may.push(sizeText(bytesLimit));
    used.push(sizeText(bytesUsed));
  }
  if (may.length === 0) {
    return "";
  }
  const isUnused = (messagesLimit === null || messagesUsed === 0) && (bytesLimit === null || bytesUsed === 0);
  const isOne = used.length === 1 && (messagesLimit === null || messagesUsed === 1);
  const given = { may: AND.format(may), used: AND.format(used) };
  const says = isUnused
    ? t("You may store {may} on this hub; nothing is used yet.", { may: given.may })
    : isOne
      ? t("You may store {may} on this hub; {used} is used.", given)
      : t("You may store {may} on this hub; {used} are used.", given);
  return resetsAt === null ? says : `${says} ${t("It is counted anew on {day}.", { day: DAY.format(resetsAt) })}`;
}

/**
 * Why a message was refused with `quota`, what became of it, and what helps.
 * @param {any} allowance as in the client's state
 * @param {string} text of the message
 */
export function fullText(allowance, text) {
  const { messagesLimit = null, messagesUsed, bytesLimit = null, bytesUsed, resetsAt = null } = allowance ?? {};
  const left = bytesLimit === null ? Infinity : bytesLimit - bytesUsed;
  const isUsedUp = allowance === null || left <= 0 || (messagesLimit !== null && messagesUsed >= messagesLimit);
  if (!isUsedUp && left >= WRAPPING_BYTES + new TextEncoder().encode(text).length) {
    return t("There is room again on this hub: what you wrote is kept here, try again.");
  }
  const why = isUsedUp
    ? t("Your allowance on this hub is used up.")
    : t("You have {size} left on this hub, which is too little for this.", { size: sizeText(left) });
  const when = resetsAt === null
    ? t("What you wrote is kept here, in this browser; whoever invited you can give you more room, then try again.")
    : t("What you wrote is kept here, in this browser; there is room again on {day}, or when whoever invited you gives "
      + "you more; then try again.", { day: DAY.format(resetsAt) });
  return `${why} ${when}`;
}

/**
 * A paragraph about the own allowance that follows it; nothing where there is no limit.
 * @param {any} client
 * @param {AbortSignal} signal ends it
 * @param {(says: string) => void} [onChanged]
 */
export function allowanceNote(client, signal, onChanged) {
  const note = h("p", { class: "meta", hidden: true });
  const show = () => {
    note.textContent = allowanceText(client.state.allowance);
    note.hidden = note.textContent === "";
    onChanged?.(note.textContent);
  };
  client.addEventListener("state", ({ detail }) => detail.allowance && show(), { signal });
  client.call("allowance.look").catch(() => {}); // what was known before stands there
  show();
  return note;
}
