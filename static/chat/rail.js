/**
 * The rail at the far left: this hub with its open channels and direct conversations, then the spaces one is in, each
 * with what waits there, and the way to a new one.
 */

import { t } from "../words/words.js";
import { h, hueOf, icon, initials } from "./dom.js";
import { openJoinSpace } from "./joinspace.js";
import { countText, spacesOf, waitingIn } from "./lists.js";
import { openMenu } from "./float.js";
import { openNewSpace } from "./newspace.js";

const HOME = "";

export class Rail {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.client = app.client;
    /** @type {Map<string, {element: HTMLElement, button: HTMLElement, face: string}>} */
    this.rows = new Map();
    this.list = h("ul", null);
    const add = h("button", { type: "button", class: "rail-button rail-add", "aria-label": t("New space"),
      title: t("New space"), "aria-haspopup": "menu", on: { click: () => this.#menu(add) } }, icon("plus"));
    this.element = h("nav", { class: "rail", "aria-label": t("Spaces"), on: { keydown: (event) => this.#move(event) } },
      this.list, add);
    this.update({ spaces: [], conversations: [] });
  }

  /** @param {any} detail what changed */
  update(detail) {
    if (detail.spaces || detail.conversations || detail.hub || detail.connections) {
      this.#show();
    }
  }

  #show() {
    const { state } = this.client;
    const wanted = [{ id: HOME, name: state.hub?.name ?? "" }, ...spacesOf(this.client)];
    const ids = new Set(wanted.map((each) => each.id));
    for (const [id, row] of this.rows) {
      if (!ids.has(id)) {
        row.element.remove();
        this.rows.delete(id);
      }
    }
    wanted.forEach((each, index) => {
      const { element } = this.#row(each);
      if (this.list.children[index] !== element) {
        this.list.insertBefore(element, this.list.children[index] ?? null);
      }
    });
  }

  #row({ id, name }) {
    let row = this.rows.get(id);
    if (row === undefined) {
      const button = h("button", { type: "button", class: "rail-button",
        on: { click: () => this.app.openSpace(id === HOME ? null : id) } });
      row = { element: h("li", null, button), button, face: "" };
      this.rows.set(id, row);
    }
    const { unread, loud } = waitingIn(this.client, id === HOME ? null : id);
    const isOpen = (this.app.space ?? HOME) === id;
    const face = JSON.stringify([name, unread > 0, loud, isOpen]);
    if (row.face !== face) {
      row.face = face;
      row.button.toggleAttribute("aria-current", false);
      if (isOpen) {
        row.button.setAttribute("aria-current", "true");
      }
      row.button.title = id === HOME ? t("{name}: open channels and direct messages", { name }) : name;
      row.button.style.setProperty("--hue", String(hueOf(id || name)));
      row.button.classList.toggle("is-space", id !== HOME);
      const says = loud > 0 ? `, ${t("{count} for you", { count: loud })}` : unread > 0 ? `, ${t("unread")}` : "";
      row.button.replaceChildren(
        h("span", { "aria-hidden": "true" }, initials(name)),
        h("span", { class: "visually-hidden" }, `${name}${says}`),
        loud > 0 ? h("span", { class: "rail-count", "aria-hidden": "true" }, countText(loud)) : "",
        loud === 0 && unread > 0 ? h("span", { class: "rail-dot" }) : "",
      );
    }
    return row;
  }

  #menu(button) {
    openMenu(button, t("New space"), [
      { label: t("Make a space"), icon: "plus", run: () => openNewSpace(this.app) },
      { label: t("Join with a link"), icon: "link", run: () => openJoinSpace(this.app) },
    ]);
  }

  #move(event) {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0 || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    const buttons = [...this.element.querySelectorAll("button")];
    const next = buttons[buttons.indexOf(document.activeElement) + step];
    if (next) {
      event.preventDefault();
      next.focus();
    }
  }
}
