/** My profile: what others see of me beside my name, which stays. */

import { t } from "../words/words.js";
import { announce } from "./announcer.js";
import { openDialog } from "./dialog.js";
import { avatar, h } from "./dom.js";
import { keyBox } from "./person.js";
import { reason } from "./words.js";

const MAX_NAME_CHARS = 80;
const MAX_STATUS_CHARS = 120;
const MAX_ABOUT_CHARS = 1_000;

/** @param {import("./app.js").App} app */
export function openProfile(app) {
  const { me } = app.client.state;
  const displayName = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "text",
      value: me.displayName,
      maxlength: MAX_NAME_CHARS,
      placeholder: me.name,
      autocomplete: "nickname",
    })
  );
  const status = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "text",
      value: me.status,
      maxlength: MAX_STATUS_CHARS,
      placeholder: t("What you are up to"),
      autocomplete: "off",
    })
  );
  const about = /** @type {HTMLTextAreaElement} */ (
    h("textarea", { value: me.about, rows: 3, maxlength: MAX_ABOUT_CHARS })
  );
  const error = h("p", { class: "error", role: "alert" });
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await app.client.call("profile.set", {
        displayName: displayName.value.trim() || me.name,
        about: about.value.trim(),
        status: status.value.trim(),
      });
      close();
      announce(t("Profile saved"));
    } catch (failure) {
      error.textContent = reason(failure);
      button.disabled = false;
    }
  };
  const { close, setFooter } = openDialog(
    { title: t("Profile") },
    h(
      "form",
      { id: "profile", class: "stack", on: { submit: save } },
      h(
        "div",
        { class: "person-card" },
        avatar(me, { large: true }),
        h(
          "div",
          { class: "grow" },
          h("p", { class: "profile-name" }, `@${me.name}`),
          h("p", { class: "meta" }, t("Your name on this hub; it stays.")),
        ),
      ),
      h("label", { class: "field" }, h("span", null, t("Shown as")), displayName),
      h("label", { class: "field" }, h("span", null, t("Status")), status),
      h("label", { class: "field" }, h("span", null, t("About you")), about),
      h("p", { class: "meta" }, t("Everyone on this hub can see this, and so can the hub.")),
      error,
      keyBox(t("Your key"), me.key, t("Others compare this with what they see in your card.")),
    ),
  );
  const button = /** @type {HTMLButtonElement} */ (
    h("button", { type: "submit", form: "profile", class: "button primary" }, t("Save"))
  );
  setFooter(h("button", { type: "button", class: "button", on: { click: close } }, t("Cancel")), button);
  displayName.focus();
}
