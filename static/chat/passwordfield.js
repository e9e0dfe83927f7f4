/** Fields for passwords and codes: shown on wish, and a new one with its strength. */

import { t } from "../words/words.js";
import { h } from "./dom.js";
import { strengthOf } from "./strength.js";
import { reason } from "./words.js";

const MIN_CHARS = 8;
let count = 0;

/**
 * @param {{label: string, isNew?: boolean, hint?: string, optional?: boolean, isFirst?: boolean}} options
 * @returns {{element: HTMLElement, input: HTMLInputElement, read: () => string | null, refuse: (why: string) => void}}
 *   `read` gives null, and says why, for a new one that will not do
 */
export function passwordField({ label, isNew = false, hint = "", optional = false, isFirst = false }) {
  const id = `password-${(count += 1)}`;
  const input = /** @type {HTMLInputElement} */ (h("input", {
    type: "password", autocomplete: isNew ? "new-password" : "current-password", required: !optional,
    "aria-describedby": `${id}-hint ${id}-error`, "data-first": isFirst || null,
  }));
  const says = h("span", { class: "meta", id: `${id}-hint` }, hint);
  const error = h("span", { class: "error", id: `${id}-error`, role: "alert" });
  const meter = /** @type {HTMLMeterElement} */ (h("meter", { min: 0, max: 4, low: 2, high: 3, optimum: 4, hidden: true,
    "aria-label": t("Strength") }));
  const show = h("input", { type: "checkbox", on: { change: (/** @type {any} */ event) => {
    input.type = event.target.checked ? "text" : "password";
  } } });
  const refuse = (/** @type {string} */ why) => {
    error.textContent = why;
    input.setAttribute("aria-invalid", "true");
    input.focus();
  };
  input.addEventListener("input", () => {
    error.textContent = "";
    input.removeAttribute("aria-invalid");
    if (isNew) {
      const { step, word } = strengthOf(input.value);
      meter.hidden = input.value === "";
      meter.value = step + 0.4;
      says.textContent = input.value === "" ? hint : `${t("This password is {word}.", { word })} ${step < 3
        ? t("Longer is better: four or five words that have nothing to do with each other.") : ""}`.trim();
    }
  });
  const read = () => {
    if (optional && input.value === "") {
      return "";
    }
    if (isNew && Array.from(input.value.normalize("NFKC")).length < MIN_CHARS) {
      refuse(t("A password has at least {least} characters.", { least: MIN_CHARS }));
      return null;
    }
    if (isNew && strengthOf(input.value).step < 1) {
      refuse(t("That is guessed within minutes. Take a longer one, or several words."));
      return null;
    }
    if (input.value === "") {
      refuse(t("Type the password."));
      return null;
    }
    return input.value;
  };
  const element = h("div", { class: "field" },
    h("label", { class: "field" }, h("span", null, label), input), meter, says, error,
    h("label", { class: "row meta" }, show, t("Show it")));
  return { element, input, read, refuse };
}

/**
 * A field for a code of letters in groups.
 * @param {{label: string, hint?: string, isFirst?: boolean}} options
 */
export function codeField({ label, hint = "", isFirst = false }) {
  const input = /** @type {HTMLInputElement} */ (h("input", {
    type: "text", class: "code-field vault-code", autocomplete: "off", autocapitalize: "characters",
    spellcheck: "false", required: true, "data-first": isFirst || null,
  }));
  const element = h("label", { class: "field" }, h("span", null, label), input, h("span", { class: "meta" }, hint));
  return { element, input };
}

/**
 * A form that sends, says what goes wrong, and waits meanwhile.
 * @param {{verb: string, busy: string, send: () => Promise<any>, isBig?: boolean}} options
 * @param {...any} fields
 * @returns {HTMLElement}
 */
export function sendForm({ verb, busy, send, isBig = false }, ...fields) {
  const failed = h("p", { class: "error", role: "alert" });
  const button = /** @type {HTMLButtonElement} */ (h("button",
    { type: "submit", class: isBig ? "button primary big" : "button primary" }, verb));
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    failed.textContent = "";
    button.disabled = true;
    button.textContent = busy;
    try {
      await send();
    } catch (failure) {
      failed.textContent = reason(failure);
    }
    button.disabled = false;
    button.textContent = verb;
  };
  return h("form", { class: "stack", novalidate: true, on: { submit } }, ...fields, failed, button);
}
