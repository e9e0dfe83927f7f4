/** A new space: its name, what it is for, how long its messages live. */

import { lifeField } from "./burning.js";
import { h } from "./dom.js";
import { openForm, textField } from "./form.js";

const MAX_NAME_CHARS = 80;
const MAX_ABOUT_CHARS = 1_000;

/** @param {import("./app.js").App} app */
export function openNewSpace(app) {
  const name = textField("Name", { required: true, maxlength: MAX_NAME_CHARS });
  const about = textField("What it is for", { maxlength: MAX_ABOUT_CHARS });
  const life = lifeField(null);
  openForm(
    {
      title: "New space",
      verb: "Make space",
      submit: () => app.client.call("space.create", {
        name: name.input.value, about: about.input.value, burnMs: life.value(),
      }),
      then: ({ conversation }) => app.openWhenThere(conversation),
    },
    h("p", { class: "note" }, "Encrypted: only its members can read what is said there, the hub cannot. You decide who "
      + "they are."),
    name.element, about.element, life.element,
  );
}
