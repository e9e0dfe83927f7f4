/**
 * Completion in a text field: people after @, emoji after a colon. The field keeps the focus, the chosen one is told by
 * aria-activedescendant; arrow keys choose, Tab and Enter take, Esc closes. A field of several lines may not have the
 * role of a combobox, so that there is a list is announced.
 */

import { plural, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { avatar, h } from "./dom.js";
import { emojiUsed, findEmoji } from "./emoji.js";

const MAX_SHOWN = 8;
const MIN_EMOJI_CHARS = 2;
const BEFORE = /(?:^|[\s([{"'>*_~])([@:])([\p{L}\p{N}_.+-]{0,32})$/u;
const LOOK_BACK_CHARS = 40;

let count = 0;

export class MentionMenu {
  #field;
  #people;
  #id = `completion-${(count += 1)}`;
  #element;
  /** @type {{insert: string, element: HTMLElement, taken?: () => void}[]} */
  #options = [];
  #active = 0;
  #from = 0;
  #closedAt = -1;

  /**
   * @param {HTMLTextAreaElement} field
   * @param {() => any[]} people whom a mention can name
   */
  constructor(field, people) {
    this.#field = field;
    this.#people = people;
    this.#element = h("div", { class: "completion menu", id: this.#id, role: "listbox", "aria-label": t("Suggestions"),
      hidden: true });
    this.#element.addEventListener("pointerdown", (event) => {
      const option = event.target.closest("[role=option]");
      event.preventDefault(); // the field keeps the focus
      if (option !== null) {
        this.#take(Number(option.dataset.index));
      }
    });
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", this.#id);
    field.addEventListener("blur", () => this.close());
  }

  get element() {
    return this.#element;
  }

  get isOpen() {
    return !this.#element.hidden;
  }

  /** After each change of the text or the cursor. */
  update() {
    const { selectionStart: at, selectionEnd: end, value } = this.#field;
    const found = at === end ? BEFORE.exec(value.slice(Math.max(0, at - LOOK_BACK_CHARS), at)) : null;
    const from = found === null ? -1 : at - found[2].length - 1;
    if (from < 0 || from === this.#closedAt) {
      this.#closedAt = from < 0 ? -1 : this.#closedAt;
      this.close();
      return;
    }
    this.#from = from;
    this.#show(found[1] === "@" ? this.#peopleFor(found[2]) : emojiFor(found[2]));
  }

  close() {
    this.#element.hidden = true;
    this.#element.replaceChildren();
    this.#options = [];
    this.#field.removeAttribute("aria-activedescendant");
  }

  /** @returns {boolean} whether the key was for the list */
  onKey(event) {
    if (!this.isOpen || event.ctrlKey || event.metaKey || event.altKey) {
      return false;
    }
    switch (event.key) {
      case "ArrowDown":
      case "ArrowUp":
        this.#choose(this.#active + (event.key === "ArrowDown" ? 1 : -1));
        break;
      case "Tab":
      case "Enter":
        if (event.shiftKey || (event.key === "Enter" && this.#isWritten(this.#active))) {
          this.close();
          return false;
        }
        this.#take(this.#active);
        break;
      case "Escape":
        this.#closedAt = this.#from;
        this.close();
        break;
      default:
        return false;
    }
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  /** Whether the name stands there in full already: then Enter is meant for the message. */
  #isWritten(index) {
    const { value, selectionEnd } = this.#field;
    return value.slice(this.#from, selectionEnd).toLowerCase() === this.#options[index].insert.trim().toLowerCase();
  }

  #peopleFor(query) {
    const wanted = query.toLowerCase();
    const ranked = [];
    for (const person of this.#people()) {
      const rank = rankOf(person, wanted);
      if (rank < 3 && !person.isMe && !person.hub) { // a name is an account name of this hub
        ranked.push({ person, rank: rank * 2 + (person.presence === "offline" ? 1 : 0) });
      }
    }
    ranked.sort((a, b) => a.rank - b.rank || (a.person.name < b.person.name ? -1 : 1));
    return ranked.slice(0, MAX_SHOWN).map(({ person }) => ({
      insert: `@${person.name} `,
      face: [avatar(person, { small: true, presence: true }),
        h("bdi", { class: "clip" }, person.displayName || person.name),
        h("span", { class: "meta clip" }, `@${person.name}`)],
    }));
  }

  #show(options) {
    if (options.length === 0) {
      this.close();
      return;
    }
    this.#options = options.map(({ insert, face, taken }, index) => ({
      insert,
      taken,
      element: h("div", { role: "option", id: `${this.#id}-${index}`, "data-index": index, "aria-selected": "false" },
        face),
    }));
    this.#element.replaceChildren(...this.#options.map(({ element }) => element));
    if (!this.isOpen) {
      announce(plural("{count} suggestion", "{count} suggestions", options.length));
    }
    this.#element.hidden = false;
    this.#choose(0);
  }

  #choose(to) {
    const index = (to + this.#options.length) % this.#options.length;
    this.#options[this.#active]?.element.setAttribute("aria-selected", "false");
    this.#active = index;
    const { element } = this.#options[index];
    element.setAttribute("aria-selected", "true");
    this.#field.setAttribute("aria-activedescendant", element.id);
  }

  #take(index) {
    const { insert, taken } = this.#options[index];
    const { selectionEnd } = this.#field;
    taken?.();
    this.close();
    this.#field.setRangeText(insert, this.#from, selectionEnd, "end");
    this.#field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

/** 0: the name begins so, 1: the display name or one of its words does, 2: it is in one of them, 3: not at all. */
function rankOf({ name, displayName }, wanted) {
  const shown = (displayName || "").toLowerCase();
  if (name.toLowerCase().startsWith(wanted)) {
    return 0;
  }
  if (shown.startsWith(wanted) || shown.includes(` ${wanted}`)) {
    return 1;
  }
  return name.toLowerCase().includes(wanted) || shown.includes(wanted) ? 2 : 3;
}

function emojiFor(query) {
  if (query.length < MIN_EMOJI_CHARS || !/^\p{L}/u.test(query)) {
    return [];
  }
  return findEmoji(query, MAX_SHOWN).map(({ emoji, name }) => ({
    insert: `${emoji} `,
    face: [h("span", { class: "emoji" }, emoji), h("span", { class: "clip" }, name)],
    taken: () => emojiUsed(emoji),
  }));
}
