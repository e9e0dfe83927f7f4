/** A link into a space: for how many, for how long; then the link to pass on. For its admins. */

import { t } from "../words/words.js";
import { announce } from "./announcer.js";
import { copyButton } from "./copy.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { qrPicture } from "./qr.js";
import { reason } from "./words.js";

const DAY_MS = 24 * 3_600_000;
const FORM = "space-invite";
const USES = [[1, t("1 person")], [10, t("10 people")], [100, t("100 people")], [1000, t("1,000 people")]];
const LIVES = [[1, t("1 day")], [7, t("1 week")], [30, t("30 days")]];

function choice(label, options, chosen) {
  const select = /** @type {HTMLSelectElement} */ (h("select", null,
    options.map(([value, words]) => h("option", { value, selected: value === chosen }, words))));
  return { select, element: h("label", { class: "field grow" }, h("span", null, label), select) };
}

/**
 * @param {import("./app.js").App} app
 * @param {string} space
 */
export function openSpaceInvite(app, space) {
  const { name } = app.client.state.spaces[space];
  const uses = choice(t("For"), USES, 10);
  const life = choice(t("Works for"), LIVES, 7);
  const made = h("div", null);
  const error = h("p", { class: "error", role: "alert" });
  const button = /** @type {HTMLButtonElement} */ (
    h("button", { type: "submit", form: FORM, class: "button primary" }, t("Make link"))
  );
  const make = async (/** @type {Event} */ event) => {
    event.preventDefault();
    button.disabled = true;
    error.textContent = "";
    try {
      const { link } = await app.client.call("space.invite", {
        space, uses: Number(uses.select.value), expiresInMs: Number(life.select.value) * DAY_MS,
      });
      made.replaceChildren(linkBox(link));
      button.textContent = t("Make another link");
      button.classList.remove("primary");
      announce(t("The link is ready"));
      /** @type {HTMLElement} */ (made.querySelector("button")).focus();
    } catch (failure) {
      error.textContent = reason(failure);
    }
    button.disabled = false;
  };
  const { close, setFooter } = openDialog({ title: t("Invite to {name}", { name }), narrow: true },
    h("form", { id: FORM, class: "stack", on: { submit: make } },
      h("p", { class: "note" }, t("Whoever has the link and an account on this hub, or on one that is linked with "
        + "it, can join. Send it in private.")),
      h("div", { class: "row" }, uses.element, life.element), error),
    made);
  setFooter(h("button", { type: "button", class: "button", on: { click: close } }, t("Done")), button);
}

function linkBox(link) {
  const field = /** @type {HTMLInputElement} */ (h("input", { type: "text", readonly: true, value: link,
    "aria-label": t("Link to the space"), class: "link-field", on: { focus: () => field.select() } }));
  return h("section", { class: "link-box", "aria-label": t("New link") },
    qrPicture(link, t("The link as a QR code")),
    h("div", { class: "stack grow" }, field,
      h("div", { class: "row wrap" }, copyButton(link, t("Copy link"), { word: t("Copy link"), class: "primary" }))));
}
