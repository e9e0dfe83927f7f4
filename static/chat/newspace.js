/** A new space: its name, what it is for, how long its messages live. And what one is called from now on. */

import { t } from "../words/words.js";
import { announce } from "./announcer.js";
import { lifeField } from "./burning.js";
import { h } from "./dom.js";
import { openForm, textField } from "./form.js";

const MAX_NAME_CHARS = 80;
const MAX_ABOUT_CHARS = 1_000;

function fields({ name = "", about = "" } = {}) {
  return {
    name: textField(t("Name"), { required: true, maxlength: MAX_NAME_CHARS, value: name, dir: "auto" }),
    about: textField(t("What it is for"), { maxlength: MAX_ABOUT_CHARS, value: about, dir: "auto" }),
  };
}

/** @param {import("./app.js").App} app */
export function openNewSpace(app) {
  const { name, about } = fields();
  const life = lifeField(null);
  openForm(
    {
      title: t("New space"),
      verb: t("Make space"),
      submit: () => app.client.call("space.create", {
        name: name.input.value, about: about.input.value, burnMs: life.value(),
      }),
      then: ({ conversation }) => app.openWhenThere(conversation),
    },
    h("p", { class: "note" }, t("Encrypted: only its members can read what is said there, the hub cannot. You decide "
      + "who they are.")),
    name.element, about.element, life.element,
  );
}

/** For its admins. @param {import("./app.js").App} app @param {any} space as in `client.state.spaces` */
export function openRenameSpace(app, space) {
  const { name, about } = fields(space);
  openForm(
    {
      title: t("Name and purpose"),
      verb: t("Save"),
      submit: () => app.client.call("space.rename", { space: space.id, name: name.input.value, about: about.input.value }),
      then: () => announce(t("Every member sees it")),
    },
    h("p", { class: "note" }, t("Not encrypted: the hub sees what a space is called and what it is for.")),
    name.element, about.element,
  );
}
