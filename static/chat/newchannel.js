/** A new channel, open to everyone on the hub; only the admin may make one. */

import { t } from "../words/words.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { reason } from "./words.js";

const MAX_NAME_CHARS = 80;
const MAX_ABOUT_CHARS = 1_000;

/** @param {import("./app.js").App} app */
export function openNewChannel(app) {
  const name = /** @type {HTMLInputElement} */ (
    h("input", { type: "text", required: true, maxlength: MAX_NAME_CHARS, autocomplete: "off", autocapitalize: "off" })
  );
  const about = /** @type {HTMLInputElement} */ (
    h("input", { type: "text", maxlength: MAX_ABOUT_CHARS, autocomplete: "off" })
  );
  const error = h("p", { class: "error", role: "alert" });
  const form = h(
    "form",
    { id: "new-channel", class: "stack", on: { submit: (event) => create(event) } },
    h("label", { class: "field" }, h("span", null, t("Name")), name),
    h("label", { class: "field" }, h("span", null, t("What it is for")), about),
    h("p", { class: "note" }, t("Open: everyone on this hub can read and write in it, and the hub can read it.")),
    error,
  );
  const { close, setFooter } = openDialog({ title: t("New channel"), narrow: true }, form);
  const button = /** @type {HTMLButtonElement} */ (
    h("button", { type: "submit", form: "new-channel", class: "button primary" }, t("Make channel"))
  );
  setFooter(h("button", { type: "button", class: "button", on: { click: close } }, t("Cancel")), button);
  name.focus();
  const create = async (/** @type {Event} */ event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      const { conversation } = await app.client.call("channel.create", {
        name: name.value.trim(),
        about: about.value.trim(),
      });
      close();
      app.open(conversation);
    } catch (failure) {
      error.textContent = reason(failure);
      button.disabled = false;
      name.focus();
    }
  };
}
