/**
 * The part of the page `/to/<name>` for those whom a member knows: the own key to send to them, and the voucher that
 * comes back. Not here: what a voucher is (voucher.js).
 */

import { copyButton } from "../chat/copy.js";
import { groups, h } from "../chat/dom.js";
import { asClientError } from "../client/errors.js";
import { clockLocale, said, t } from "../words/words.js";
import { MARK } from "./voucher.js";

const REFUSED = t("The hub no longer takes that voucher: whoever gave it to you has left, or has taken it back.");
const until = new Intl.DateTimeFormat(clockLocale, { dateStyle: "medium", timeStyle: "short" });

/** @param {import("./letters.js").Letters} letters */
export function knowsPart(letters) {
  let shownKey = "";
  const keyRow = h("div", { class: "row to-key", role: "group", "aria-label": t("Your key") });
  const area = /** @type {HTMLTextAreaElement} */ (
    h("textarea", { rows: 3, required: true, autocomplete: "off", spellcheck: "false" })
  );
  const error = h("p", { class: "error", role: "alert" });
  const held = h("p", { class: "meta" });
  const use = async (/** @type {string} */ given) => {
    error.textContent = "";
    try {
      await letters.useVoucher(given);
      area.value = "";
    } catch (failure) {
      error.textContent = said(asClientError(failure).words);
    }
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    use(area.value);
  };
  const toggle = () => element.open && letters.keepKeys();
  const element = /** @type {HTMLDetailsElement} */ (h(
    "details",
    { class: "to-knows", on: { toggle } },
    h("summary", null, t("Somebody here knows you?")),
    h(
      "div",
      { class: "stack" },
      h("p", null, t("Anybody with an account here can vouch for you; then your messages go out at once, without "
        + "work or waiting. Send them your key in another way:")),
      keyRow,
      h("p", { class: "meta" }, t("It was made in this browser, and what they give you for it works in this browser "
        + "only.")),
      h(
        "form",
        { class: "stack", on: { submit } },
        h("label", { class: "field" }, h("span", null, t("The voucher that you got, or its link")), area),
        error,
        h("div", null, h("button", { type: "submit", class: "button" }, t("Use voucher"))),
      ),
      held,
    ),
  ));
  /** A voucher in the page's address is taken out of it, so that it is not passed on with it. */
  const takeFragment = () => {
    if (location.hash.startsWith(MARK)) {
      const given = location.hash;
      history.replaceState(null, "", location.pathname);
      element.open = true;
      use(given);
    }
  };
  const show = () => {
    element.hidden = letters.isOpenToAll;
    if (letters.ownKey !== shownKey) {
      shownKey = letters.ownKey;
      keyRow.replaceChildren(h("p", { class: "key grow" }, groups(shownKey)), copyButton(shownKey, t("Copy your key")));
    }
    held.textContent = letters.vouchedUntil
      ? t("You have a voucher, good until {moment}.", { moment: until.format(letters.vouchedUntil) })
      : letters.isVoucherRefused ? REFUSED : "";
  };
  return { element, show, takeFragment };
}
