/** Ctrl-K: one field that leads to every channel, person and action. A listbox that the field drives. */

import { t } from "../words/words.js";
import { restoreFocus } from "./dialog.js";
import { h, icon } from "./dom.js";
import { best, entries } from "./palette_entries.js";

const MAX_SHOWN = 50;
const LIST_ID = "palette-list";

/**
 * @param {import("./app.js").App} app
 * @param {{only?: "people"}} [options]
 */
export function openPalette(app, { only } = {}) {
  if (!document.querySelector("dialog.palette")) {
    new Palette(entries(app, only), only === "people" ? t("Message someone") : t("Go to a channel, a person or an action"));
  }
}

/**
 * The same for a choice among entries of one's own.
 * @param {import("./palette_entries.js").Entry[]} all
 * @param {string} label
 */
export function openPicker(all, label) {
  new Palette(all, label);
}

class Palette {
  #all;
  /** @type {import("./palette_entries.js").Entry[]} */
  #found = [];
  #at = 0;
  #before = document.activeElement;
  #input;
  #list;
  #nothing = h("p", { class: "palette-nothing dim", role: "status" });
  #dialog;

  /** @param {import("./palette_entries.js").Entry[]} all @param {string} label */
  constructor(all, label) {
    this.#all = all;
    this.#input = field(label);
    this.#list = h("div", { id: LIST_ID, role: "listbox", "aria-label": label });
    const top = h("div", { class: "palette-field" }, icon("search"), this.#input);
    this.#dialog = /** @type {HTMLDialogElement} */ (
      h("dialog", { class: "palette", "aria-label": label }, top, this.#list, this.#nothing)
    );
    this.#input.addEventListener("input", () => this.#show());
    this.#input.addEventListener("keydown", (event) => this.#key(event));
    this.#dialog.addEventListener("mousedown", (event) => event.target === this.#dialog && this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#closed());
    document.body.append(this.#dialog);
    this.#dialog.showModal();
    this.#show();
    this.#input.focus();
  }

  #show() {
    const query = this.#input.value.trim().replace(/^[#@]/, "");
    this.#found = best(this.#all, query, MAX_SHOWN);
    this.#list.replaceChildren(...this.#found.map((entry, index) => this.#row(entry, index)));
    const isEmpty = this.#found.length === 0;
    this.#list.hidden = isEmpty;
    const why = query ? t("Nothing here is called \"{query}\".", { query }) : t("Nobody else is here yet. Invite someone.");
    this.#nothing.textContent = isEmpty ? why : "";
    this.#select(0);
  }

  #row(entry, index) {
    const on = {
      click: () => this.#run(entry),
      pointermove: () => this.#at !== index && this.#select(index),
    };
    return h(
      "div",
      { role: "option", id: `palette-${index}`, class: "palette-row", on },
      entry.picture(),
      h("span", { class: "clip palette-title" }, entry.title),
      h("span", { class: "clip grow meta" }, entry.note),
      h("span", { class: "meta palette-kind" }, entry.kind),
    );
  }

  #select(index) {
    this.#at = index;
    [...this.#list.children].forEach((row, each) => row.setAttribute("aria-selected", String(each === index)));
    const row = this.#list.children[index];
    if (row) {
      this.#input.setAttribute("aria-activedescendant", row.id);
      row.scrollIntoView({ block: "nearest" });
    } else {
      this.#input.removeAttribute("aria-activedescendant");
    }
  }

  #key(event) {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const count = this.#found.length;
    if (event.altKey || event.isComposing || count === 0) {
      return;
    }
    if (step !== 0) {
      event.preventDefault();
      this.#select((this.#at + step + count) % count);
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.#run(this.#found[this.#at]);
    }
  }

  /** The focus goes back first, so that what is run finds it there. */
  #run(entry) {
    this.#dialog.close();
    this.#closed();
    entry.run();
  }

  #closed() {
    if (this.#dialog.isConnected) {
      this.#dialog.remove();
      restoreFocus(this.#before);
    }
  }
}

function field(label) {
  return /** @type {HTMLInputElement} */ (
    h("input", {
      type: "text",
      role: "combobox",
      "aria-label": label,
      placeholder: label,
      "aria-expanded": "true",
      "aria-controls": LIST_ID,
      "aria-autocomplete": "list",
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      enterkeyhint: "go",
    })
  );
}
