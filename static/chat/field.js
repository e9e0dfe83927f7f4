/**
 * The text field in which messages are written and edited: it grows with its text, completes mentions, and knows which
 * keys send. Input methods are left alone while they compose.
 */

import { h } from "./dom.js";
import { MentionMenu } from "./mention_menu.js";

const GROWS_BY_ITSELF = CSS.supports("field-sizing", "content");
const TOUCH = matchMedia("(hover: none) and (pointer: coarse)");
const MAX_BODY_BYTES = 256 * 1024;
const OTHER_BODY_BYTES = 64; // the body's other fields
const MAX_BYTES_PER_CHAR = 6;

export class Field {
  #menu;

  /**
   * @param {object} options
   * @param {string} options.label
   * @param {() => any[]} options.people whom a mention can name
   * @param {() => void} options.onSubmit
   * @param {() => void} [options.onInput]
   * @param {(event: KeyboardEvent) => boolean} [options.onKey] keys that are neither for the completion nor for
   *   sending; true if it used one
   */
  constructor({ label, people, onSubmit, onInput = () => {}, onKey = () => false }) {
    this.area = /** @type {HTMLTextAreaElement} */ (h("textarea", { rows: 1, "aria-label": label, autocomplete: "off",
      dir: "auto", enterkeyhint: TOUCH.matches ? "enter" : "send", spellcheck: "true" }));
    this.#menu = new MentionMenu(this.area, people);
    this.completion = this.#menu.element;
    this.area.addEventListener("input", () => {
      this.fit();
      this.#menu.update();
      onInput();
    });
    this.area.addEventListener("click", () => this.#menu.update());
    this.area.addEventListener("keydown", (event) => {
      if (event.isComposing || event.keyCode === 229 || this.#menu.onKey(event)) {
        return;
      }
      const sends = event.key === "Enter" && !event.shiftKey && !event.altKey
        && (!TOUCH.matches || event.ctrlKey || event.metaKey);
      if (sends) {
        onSubmit();
      }
      if (sends || onKey(event)) {
        event.preventDefault();
        event.stopPropagation();
      }
    });
    this.area.addEventListener("keyup", (event) => {
      if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
        this.#menu.update();
      }
    });
  }

  get text() {
    return this.area.value;
  }

  set text(text) {
    this.area.value = text;
    this.#menu.close();
    this.fit();
  }

  get isEmpty() {
    return this.area.value === "";
  }

  /** Whether a message's body cannot hold the text, as JSON. */
  get isTooLong() {
    const { value } = this.area;
    const most = MAX_BODY_BYTES - OTHER_BODY_BYTES;
    return value.length * MAX_BYTES_PER_CHAR > most && new TextEncoder().encode(JSON.stringify(value)).length > most;
  }

  /** Put a text where the cursor is. @param {string} text */
  insert(text) {
    const { selectionStart, selectionEnd } = this.area;
    this.area.setRangeText(text, selectionStart, selectionEnd, "end");
    this.area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** As high as the text, where the browser does not see to it itself; the style sets the limits. */
  fit() {
    if (!GROWS_BY_ITSELF) {
      this.area.style.height = "auto";
      this.area.style.height = `${this.area.scrollHeight}px`;
    }
  }

  focusEnd() {
    this.area.focus();
    this.area.setSelectionRange(this.area.value.length, this.area.value.length);
  }
}
