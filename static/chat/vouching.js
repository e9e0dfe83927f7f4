/** Vouch for somebody who has no account here: the form, the voucher to pass on, and for whom one vouches now. */

import { locale, rich, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { copyButton } from "./copy.js";
import { openDialog } from "./dialog.js";
import { groups, h } from "./dom.js";
import { block } from "./trouble.js";
import { reason } from "./words.js";

const DAY_MS = 24 * 3600 * 1000;
const DAYS = [[1, t("1 day")], [7, t("7 days")], [30, t("30 days")]];
const USUAL_DAYS = 7;
const UNTIL = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });

/**
 * @param {any} client
 * @param {string} [key] of the stranger, where it is known
 */
export function openVouching(client, key = "") {
  const typed = /** @type {HTMLInputElement} */ (h("input", {
    type: "text", required: true, autocomplete: "off", autocapitalize: "off", spellcheck: "false", value: key,
    "aria-describedby": "vouch-hint",
  }));
  const life = /** @type {HTMLSelectElement} */ (h("select", null,
    DAYS.map(([days, words]) => h("option", { value: days, selected: days === USUAL_DAYS }, words))));
  const error = h("p", { class: "error", role: "alert" });
  const made = h("div", null);
  const given = h("section", { hidden: true });
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    error.textContent = "";
    try {
      const voucher = await client.call("voucher.make", { key: typed.value, lifeMs: Number(life.value) * DAY_MS });
      made.replaceChildren(voucherBox(voucher));
      announce(t("The voucher is made"));
      await showGiven(client, given);
    } catch (failure) {
      made.replaceChildren();
      error.textContent = reason(failure);
    }
  };
  openDialog(
    { title: t("Vouch for somebody") },
    h("p", { class: "dialog-lead" },
      t("For somebody without an account here. With your voucher they may write to people of this hub at once, "
        + "without the work or the waiting that strangers have; three messages to each, until they are answered. "
        + "The hub sees whose voucher it is. It ends with its time, or at once when you block them.")),
    h(
      "form",
      { class: "stack", on: { submit } },
      h("label", { class: "field" }, h("span", null, t("Their key")), typed),
      h("p", { class: "meta", id: "vouch-hint" }, rich("They find it on {page} under “Somebody here knows you?”, "
        + "and send it to you.", { page: h("span", { class: "vouch-page" }, pageOf(client)) })),
      h("label", { class: "field" }, h("span", null, t("For how long")), life),
      error,
      h("div", null, h("button", { type: "submit", class: "button primary" }, t("Make voucher"))),
    ),
    made,
    h("div", { class: "sections" }, given),
  );
  typed.focus();
  showGiven(client, given);
}

function pageOf({ state }) {
  return `${state.hub.url}/to/${state.me?.name ?? ""}`;
}

function voucherBox({ text, link, expires }) {
  const field = /** @type {HTMLInputElement} */ (h("input", {
    type: "text", readonly: true, value: link, "aria-label": t("Link with the voucher"), class: "link-field",
    on: { focus: () => field.select() },
  }));
  return h(
    "section",
    { class: "link-box", "aria-label": t("Voucher") },
    h(
      "div",
      { class: "stack grow" },
      field,
      h("div", { class: "row wrap" },
        copyButton(link, t("Copy link"), { word: t("Copy link"), class: "primary" }),
        copyButton(text, t("Copy text"), { word: t("Copy text") })),
      h("p", { class: "meta" }, t("Good until {moment}, for that key only. They open the link in the browser in "
        + "which their key was made, or paste the text on the page of whoever they write to.", { moment: UNTIL.format(expires) })),
    ),
  );
}

async function showGiven(client, section) {
  const items = await client.call("voucher.list", {}).catch(() => []);
  const counting = items.filter(({ key }) => client.state.marks[key] !== "blocked");
  section.hidden = counting.length === 0;
  section.replaceChildren(
    h("h3", null, t("You vouch for")),
    h("ul", { class: "cards" }, counting.map(({ key, expires }) => {
      const stop = async () => {
        if (await block(client, key)) {
          await showGiven(client, section);
        }
      };
      return h("li", { class: "card row" },
        h("span", { class: "grow" }, h("span", { class: "key" }, groups(key)),
          h("small", { class: "meta vouch-until" }, t("until {moment}", { moment: UNTIL.format(expires) }))),
        h("button", { type: "button", class: "button", "aria-label": t("Block {key}", { key: key.slice(0, 8) }), on: { click: stop } }, t("Block")));
    })),
    h("p", { class: "meta" }, t("Those of this browser. Unblocked, a voucher whose time is not over holds again.")),
  );
}
