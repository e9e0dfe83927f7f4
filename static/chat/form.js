/** A dialog with one form: fields, an error in words, a button that says what it does. */

import { t } from "../words/words.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { reason } from "./words.js";

let count = 0;

/** A line of text with its label. @param {string} label @param {Record<string, any>} [props] */
export function textField(label, props = {}) {
  const input = /** @type {HTMLInputElement} */ (h("input", { type: "text", autocomplete: "off", ...props }));
  return { element: h("label", { class: "field" }, h("span", null, label), input), input };
}

/** A box to tick, and what it means. @param {string} label @param {string} hint @param {boolean} isOn */
export function checkField(label, hint, isOn = false) {
  const input = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox" }));
  input.checked = isOn;
  return { element: h("label", { class: "check" }, input, h("span", null, label, h("small", { class: "meta" }, hint))), input };
}

/**
 * @param {{title: string, verb: string, submit: () => Promise<any>, then?: (value: any) => void}} options `submit` does
 *   it; where it fails the dialog stays, with the reason; `then` comes after it is closed
 * @param {...any} fields
 */
export function openForm({ title, verb, submit, then = () => {} }, ...fields) {
  const id = `form-${(count += 1)}`;
  const error = h("p", { class: "error", role: "alert" });
  const form = h("form", { id, class: "stack" }, ...fields, error);
  const { close, setFooter, body } = openDialog({ title, narrow: true }, form);
  const button = /** @type {HTMLButtonElement} */ (h("button", { type: "submit", form: id, class: "button primary" }, verb));
  setFooter(h("button", { type: "button", class: "button", on: { click: close } }, t("Cancel")), button);
  /** @type {HTMLElement | null} */ (body.querySelector("input, select, textarea"))?.focus();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    error.textContent = "";
    try {
      const value = await submit();
      close();
      then(value);
    } catch (failure) {
      error.textContent = reason(failure);
      button.disabled = false;
    }
  });
}
