/** Joining a space by a link: what it is, as far as the hub tells, then the button. */

import { plural, t } from "../words/words.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { textField } from "./form.js";
import { reason } from "./words.js";

const FORM = "join-space";
const PATIENCE_MS = 10_000;

/**
 * @param {import("./app.js").App} app
 * @param {string} [link] that was followed
 */
export function openJoinSpace(app, link = "") {
  const { client } = app;
  const field = textField(t("Link to the space"), { required: true, value: link, spellcheck: "false", inputmode: "url" });
  const found = h("div", { role: "status" });
  const error = h("p", { class: "error", role: "alert" });
  const button = /** @type {HTMLButtonElement} */ (
    h("button", { type: "submit", form: FORM, class: "button primary" }, t("Look"))
  );
  let looked = "";
  const act = async () => {
    const wanted = field.input.value.trim();
    if (looked !== wanted) {
      const what = await client.call("space.look", { link: wanted });
      looked = wanted;
      found.replaceChildren(...shown(what));
      button.textContent = what.isMember ? t("Open") : t("Join");
      return;
    }
    button.textContent = t("Joining …");
    const { space, conversation } = await client.call("space.join", { link: wanted });
    close();
    app.openSpace(space);
    if (conversation) {
      app.openWhenThere(conversation);
    }
  };
  const submit = async () => {
    error.textContent = "";
    button.disabled = true;
    try {
      await act();
    } catch (failure) {
      error.textContent = reason(failure);
      button.textContent = looked ? t("Join") : t("Look");
    }
    button.disabled = false;
    button.focus();
  };
  field.input.addEventListener("input", () => {
    looked = "";
    found.replaceChildren();
    button.textContent = t("Look");
  });
  const form = h("form", { id: FORM, class: "stack", on: { submit: (event) => {
    event.preventDefault();
    submit();
  } } }, field.element, found, error);
  const { close, setFooter } = openDialog({ title: t("Join a space"), narrow: true }, form);
  setFooter(h("button", { type: "button", class: "button", on: { click: close } }, t("Cancel")), button);
  if (link) {
    onceOnline(client).then(submit);
  } else {
    field.input.focus();
  }
}

/** When the hub is reached, or will not be soon: a link is followed to a page that has only just begun. */
function onceOnline(client) {
  return new Promise((resolve) => {
    const look = () => {
      if (client.state.link.status === "online") {
        client.removeEventListener("state", look);
        resolve(undefined);
      }
    };
    client.addEventListener("state", look);
    setTimeout(resolve, PATIENCE_MS);
    look();
  });
}

function shown({ name, about, members, isMember, isElsewhere }) {
  return [
    h("h3", { class: "profile-name" }, h("bdi", null, name)),
    about ? h("p", { dir: "auto" }, about) : null,
    h("p", { class: "meta" }, isMember ? t("You are in it already.") : plural(
      "{count} person is in it. They see that you join; what was said before, you do not see.",
      "{count} people are in it. They see that you join; what was said before, you do not see.", members)),
    isElsewhere ? h("p", { class: "meta" }, t("It is a space of another hub; yours will keep a copy and bring what you write there.")) : null,
  ].filter(Boolean);
}
