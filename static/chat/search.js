/**
 * Search in what was said: one field, what is found as it is typed, and the way to each message. The browser searches,
 * not the hub. Not here: the index (the engine).
 */

import { plural, rich, t } from "../words/words.js";
import { openDialog } from "./dialog.js";
import { agoText, avatar, dateText, h, icon } from "./dom.js";
import { titleOf } from "./lists.js";
import { nameOf } from "./message.js";
import { reason } from "./words.js";

const TYPING_MS = 120;
const REFRESH_MS = 700;
const RECENT_MS = 7 * 24 * 3600 * 1000;

/** What is marked in a result: every place where one of the words stands. @param {string} text @param {string[]} words */
export function marked(text, words) {
  const plain = Array.from(text, (char) => char.normalize("NFKD").replace(/\p{M}+/gu, "").toLowerCase());
  const at = [0];
  plain.forEach((part, index) => at.push(at[index] + part.length));
  const chars = Array.from(text);
  const isMarked = new Array(chars.length).fill(false);
  const joined = plain.join("");
  for (const word of words.filter(Boolean)) {
    for (let from = joined.indexOf(word); from >= 0; from = joined.indexOf(word, from + word.length)) {
      chars.forEach((_, index) => {
        isMarked[index] ||= at[index] < from + word.length && at[index + 1] > from;
      });
    }
  }
  const parts = [];
  for (let from = 0, to = 0; from < chars.length; from = to) {
    while (to < chars.length && isMarked[to] === isMarked[from]) {
      to += 1;
    }
    const said = chars.slice(from, to).join("");
    parts.push(isMarked[from] ? h("mark", null, said) : said);
  }
  return parts;
}

/** @param {import("./app.js").App} app */
export function openSearch(app) {
  if (document.querySelector("dialog.search-dialog")) {
    return;
  }
  new SearchDialog(app);
}

class SearchDialog {
  #app;
  #asked = 0;
  #timer = 0;
  #input = /** @type {HTMLInputElement} */ (h("input", { type: "search", "aria-label": t("Search messages"),
    placeholder: t("Search messages"), autocomplete: "off", spellcheck: "false", enterkeyhint: "search",
    maxlength: "200" }));
  #here = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox" }));
  #says = h("p", { class: "meta search-says", role: "status" });
  #list = h("ul", { class: "search-results", "aria-label": t("Found messages") });
  #close;

  constructor(app) {
    this.#app = app;
    const conversation = app.client.state.conversations[app.current];
    const onState = (event) => event.detail.search && this.#later(REFRESH_MS);
    const { close } = openDialog(
      {
        title: t("Search messages"), class: "search-dialog",
        onClose: () => {
          clearTimeout(this.#timer);
          app.client.removeEventListener("state", onState);
        },
      },
      h("div", { class: "search-field" }, icon("search"), this.#input),
      conversation ? h("label", { class: "row" }, this.#here, h("span", null,
        rich("Only in {place}", { place: h("bdi", null, titleOf(app.client, conversation)) }))) : null,
      this.#says,
      this.#list,
    );
    this.#close = close;
    app.client.addEventListener("state", onState);
    this.#input.addEventListener("input", () => this.#later(TYPING_MS));
    this.#here.addEventListener("change", () => this.#ask());
    this.#input.addEventListener("keydown", (event) => this.#fromField(event));
    this.#list.addEventListener("keydown", (event) => this.#fromList(event));
    this.#input.focus();
    this.#ask();
  }

  #later(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), ms);
  }

  async #ask() {
    clearTimeout(this.#timer);
    const number = (this.#asked += 1);
    const params = { text: this.#input.value, conversation: this.#here.checked ? this.#app.current : null };
    try {
      const found = await this.#app.client.call("search.query", params);
      if (number === this.#asked) {
        this.#show(found);
      }
    } catch (error) {
      this.#says.textContent = reason(error);
    }
  }

  #show({ items, count, texts, isReading, words }) {
    const read = isReading
      ? plural("Still reading older ones: {count} message so far.", "Still reading older ones: {count} messages so far.", texts)
      : "";
    const found = count > items.length
      ? t("{count} found, the newest {shown} are shown.", { count, shown: items.length }) : t("{count} found.", { count });
    const says = words.length === 0
      ? t("This browser searches in what it can read, encrypted or not; the hub learns nothing of it.")
      : count === 0 ? t("Nothing found.") : found;
    this.#says.textContent = `${says} ${read}`.trim();
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset.id;
    this.#list.replaceChildren(...items.map((item) => this.#row(item, words)));
    if (focused) {
      [...this.#list.querySelectorAll("button")].find((button) => button.dataset.id === focused)?.focus();
    }
  }

  #row(item, words) {
    const { client } = this.#app;
    const { state } = client;
    const conversation = state.conversations[item.conversation];
    const who = state.people[item.author] ? nameOf(item.author, state, item.authorName) : item.authorName;
    const when = Date.now() - item.at < RECENT_MS ? agoText(item.at) : dateText(item.at);
    const isHidden = state.marks[item.author] === "blocked";
    return h("li", null, h("button", { type: "button", class: "search-result", "data-id": item.id,
      on: { click: () => this.#go(item) } },
    avatar(state.people[item.author] ?? { key: item.author, name: who }, { small: true }),
    h("span", { class: "search-words" },
      h("span", { class: "search-head" }, h("bdi", { class: "quote-who" }, who),
        h("span", { class: "meta clip" }, conversation ? titleOf(client, conversation) : ""),
        h("time", { class: "meta", datetime: new Date(item.at).toISOString() }, when)),
      h("span", { class: "search-text", dir: "auto" }, isHidden ? t("hidden message") : marked(item.text, words)))));
  }

  #go(item) {
    this.#close();
    this.#app.open(item.conversation, { message: item.id });
  }

  #fromField(event) {
    const first = this.#list.querySelector("button");
    if (event.key === "Escape" && !event.isComposing) {
      event.preventDefault(); // else it would only empty the field
      this.#close();
    } else if (event.key === "ArrowDown" && first) {
      event.preventDefault();
      first.focus();
    } else if (event.key === "Enter" && !event.isComposing && first) {
      event.preventDefault();
      first.click();
    }
  }

  #fromList(event) {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0) {
      return;
    }
    event.preventDefault();
    const buttons = [...this.#list.querySelectorAll("button")];
    const next = buttons[buttons.indexOf(/** @type {any} */ (document.activeElement)) + step];
    (next ?? (step < 0 ? this.#input : buttons.at(-1)))?.focus();
  }
}
