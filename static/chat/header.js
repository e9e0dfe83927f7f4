/** The head of a conversation: what it is called, who can read it, pins and people. */

import { t } from "../words/words.js";
import { avatar, h, icon, iconButton } from "./dom.js";
import { channelIcon } from "./lists.js";
import { lockFace } from "./lock.js";
import { nameOf } from "./message.js";

const PRESENCE = { online: t("online"), away: t("away"), offline: t("offline") };

export class Header {
  #mark = h("span", { class: "talk-mark" });
  #name = h("bdi", { class: "clip" });
  #status = h("span", { class: "talk-status meta" });
  #about = h("p", { class: "talk-about clip", dir: "auto" });
  #people;
  #pins;
  #person = "";
  #seal;
  #sealFace = "";

  /**
   * @param {object} host
   * @param {() => void} host.back
   * @param {(from: Element) => void} host.openPins
   * @param {() => void} host.togglePeople
   * @param {() => void} host.search
   * @param {(key: string) => void} host.openPerson
   * @param {() => void} host.openLock who can read it
   */
  constructor(host) {
    this.title = h("h1", { tabindex: "-1" }, this.#mark, this.#name);
    this.#people = iconButton("people", t("People"), () => host.togglePeople(), { "aria-expanded": "false" });
    this.#pins = iconButton("pin", t("Pinned messages"), () => host.openPins(this.#pins), { "aria-haspopup": "dialog",
      "aria-expanded": "false" });
    this.#seal = h("button", { type: "button", class: "seal", title: t("Who can read this"), on: { click: () => host.openLock() } });
    const search = iconButton("search", t("Search messages"), () => host.search(), { "aria-haspopup": "dialog" });
    this.#mark.addEventListener("click", () => this.#person !== "" && host.openPerson(this.#person));
    this.element = h("header", { class: "talk-head" },
      iconButton("back", t("Back to the list"), () => host.back(), { class: "talk-back" }),
      h("div", { class: "talk-names" }, h("div", { class: "talk-title" }, this.title, this.#status),
        this.#seal),
      this.#about, search, this.#pins, this.#people);
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
      : icon(channelIcon({ state }, conversation)));
    this.#showSeal(conversation);
    this.#name.textContent = key ? nameOf(key, state, conversation.name) : (conversation?.name ?? "");
    this.#status.textContent = isDirect ? (PRESENCE[person?.presence] ?? "") : key ? t("posts") : "";
    const about = isDirect ? (person?.status ?? "") : (conversation?.about ?? "");
    this.#about.textContent = about;
    this.#about.title = about;
  }

  #showSeal(conversation) {
    const face = lockFace(conversation);
    if (this.#sealFace !== face.words) {
      this.#sealFace = face.words;
      this.#seal.className = `seal ${face.state}`;
      this.#seal.replaceChildren(icon(face.icon), h("span", { class: "clip" }, face.words));
    }
  }
}
