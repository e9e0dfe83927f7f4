/** The head of a conversation: what it is called, who can read it, pins and people. */

import { avatar, h, icon, iconButton } from "./dom.js";
import { nameOf } from "./message.js";

const OPEN_WORDS = "open: this hub can read it";
const OPEN_TITLE =
  "Messages here are signed, so nobody can forge them, but not encrypted: the hub and whoever runs it can read them.";

export class Header {
  #mark = h("span", { class: "talk-mark" });
  #name = h("bdi", { class: "clip" });
  #status = h("span", { class: "talk-status meta" });
  #about = h("p", { class: "talk-about clip", dir: "auto" });
  #people;
  #pins;
  #person = "";

  /**
   * @param {object} host
   * @param {() => void} host.back
   * @param {(from: Element) => void} host.openPins
   * @param {() => void} host.togglePeople
   * @param {(key: string) => void} host.openPerson
   */
  constructor(host) {
    this.title = h("h1", { tabindex: "-1" }, this.#mark, this.#name);
    this.#people = iconButton("people", "People", () => host.togglePeople(), { "aria-expanded": "false" });
    this.#pins = iconButton("pin", "Pinned messages", () => host.openPins(this.#pins), { "aria-haspopup": "dialog",
      "aria-expanded": "false" });
    this.#mark.addEventListener("click", () => this.#person !== "" && host.openPerson(this.#person));
    this.element = h("header", { class: "talk-head" },
      iconButton("back", "Back to the list", () => host.back(), { class: "talk-back" }),
      h("div", { class: "talk-names" }, h("div", { class: "talk-title" }, this.title, this.#status),
        h("span", { class: "seal", title: OPEN_TITLE }, icon("open"), h("span", { class: "clip" }, OPEN_WORDS))),
      this.#about, this.#pins, this.#people);
  }

  /** @param {boolean} isShown */
  set peopleShown(isShown) {
    this.#people.setAttribute("aria-expanded", String(isShown));
  }

  /**
   * @param {any} state of the client
   * @param {any} conversation
   */
  show(state, conversation) {
    const isDirect = conversation?.kind === "direct";
    const key = conversation?.with ?? conversation?.author ?? "";
    const person = state.people[key];
    this.#person = key;
    this.#pins.hidden = isDirect;
    this.#mark.classList.toggle("is-person", key !== "");
    this.#mark.replaceChildren(key
      ? avatar(person ?? { key, name: conversation.name }, { small: true, presence: isDirect })
      : icon("hash"));
    this.#name.textContent = key ? nameOf(key, state, conversation.name) : (conversation?.name ?? "");
    this.#status.textContent = isDirect ? (person?.presence ?? "") : key ? "posts" : "";
    const about = isDirect ? (person?.status ?? "") : (conversation?.about ?? "");
    this.#about.textContent = about;
    this.#about.title = about;
  }
}
