/** Editing a message where it stands: its text in a field, Enter saves, Esc leaves it as it was. */

import { t } from "../words/words.js";
import { h } from "./dom.js";
import { mentionable, trimmed } from "./composer.js";
import { Field } from "./field.js";
import { mentionsIn } from "./inline.js";
import { reason } from "./words.js";

/**
 * @param {any} client
 * @param {any} item
 * @param {() => void} done the editor is to go
 * @returns {{element: HTMLElement, focus: () => void}}
 */
export function makeEditor(client, item, done) {
  const error = h("p", { class: "composer-error", role: "alert", hidden: true });
  const show = (sentence) => {
    error.textContent = sentence;
    error.hidden = sentence === "";
  };
  const save = async () => {
    const text = trimmed(field.text);
    if (text === item.text) {
      done();
    } else if (text === "") {
      show(t("A message cannot be empty. To take it back, delete it."));
    } else if (field.isTooLong) {
      show(t("This is too long for one message (256 KiB at most)."));
    } else {
      const mentions = mentionsIn(text, mentionable(client.state));
      const params = { conversation: item.conversation, id: item.id, text, mentions };
      try {
        await client.call("message.edit", params);
        done();
      } catch (failure) {
        show(reason(failure));
      }
    }
  };
  const field = new Field({
    label: t("Edit message"),
    people: () => Object.values(client.state.people),
    onSubmit: save,
    onInput: () => show(""),
    onKey: (event) => {
      if (event.key === "Escape") {
        done();
        return true;
      }
      return false;
    },
  });
  field.text = item.text;
  const element = h("div", { class: "editor" }, field.completion, h("div", { class: "composer-box" }, field.area),
    h("div", { class: "editor-verbs" },
      h("button", { type: "button", class: "button small primary", on: { click: save } }, t("Save")),
      h("button", { type: "button", class: "button small", on: { click: done } }, t("Cancel")),
      h("span", { class: "meta editor-hint" }, t("Enter saves, Esc leaves it as it was"))),
    error);
  return {
    element,
    focus: () => {
      field.fit();
      field.focusEnd();
    },
  };
}
