/**
 * The small bar of actions on the message under the pointer or with the focus, and the clicks in the log: every element
 * that does something carries `data-act`. A tap on a message opens its actions.
 */

import { t } from "../words/words.js";
import { h, icon } from "./dom.js";

const TOUCH = matchMedia("(hover: none) and (pointer: coarse)");

export class MessageBar {
  #log;
  #pointer = TOUCH.matches ? "touch" : "mouse"; // of the last press: not every browser says it with the click
  #element = h("div", { class: "msg-bar", role: "toolbar", "aria-label": t("Actions") });
  /** @type {any} */
  #item = null;

  /** @param {import("./log.js").AccordLog} log */
  constructor(log) {
    this.#log = log;
  }

  /** @param {HTMLElement} scroller */
  listen(scroller) {
    scroller.addEventListener("pointerover", (event) => {
      if (event.pointerType === "mouse") {
        this.#show(event.target.closest(".item"));
      }
    });
    scroller.addEventListener("pointermove", (event) => this.#leave(event));
    scroller.addEventListener("pointerleave", () => this.#show(null));
    scroller.addEventListener("focusin", (event) => {
      if (event.target.matches(":focus-visible")) {
        this.#show(event.target.closest(".item"));
      }
    });
    scroller.addEventListener("pointerdown", (event) => {
      this.#pointer = event.pointerType;
    });
    scroller.addEventListener("click", (event) => this.#onClick(event));
  }

  hide() {
    this.#element.remove();
    this.#item = null;
  }

  /** Not away from where the focus is in it. */
  #show(row) {
    if (this.#element.contains(document.activeElement)) {
      return;
    }
    const place = row ?? this.#focusedRow();
    const item = place?.dataset.id ? this.#log.items[this.#log.indexOf(place.dataset.id)] : undefined;
    if (item === undefined || item.state !== "sent" || item.id === this.#log.editing) {
      this.hide();
      return;
    }
    if (item !== this.#item) {
      this.#item = item;
      this.#element.replaceChildren(...buttons(item));
    }
    if (this.#element.parentElement !== place) {
      place.append(this.#element);
    }
  }

  /** Who has pressed a button of it and moves on to another message takes it along; the focus stays with the one before. */
  #leave({ pointerType, movementX, movementY, target }) {
    const row = target.closest(".item");
    const hasMoved = pointerType === "mouse" && (movementX !== 0 || movementY !== 0); // else the page moved under it
    if (hasMoved && row !== null && !row.contains(this.#element) && this.#element.contains(document.activeElement)) {
      this.#element.closest(".item")?.querySelector("article")?.focus({ preventScroll: true });
      this.#show(row);
    }
  }

  #focusedRow() {
    const active = document.activeElement;
    return active?.matches(":focus-visible") && this.#log.contains(active) ? active.closest(".item") : null;
  }

  #onClick(event) {
    const log = this.#log;
    const row = event.target.closest(".item");
    const element = event.target.closest("[data-act]");
    if (row === null) {
      return;
    }
    const item = log.items[log.indexOf(row.dataset.id ?? "")];
    if (element !== null) {
      if (element.dataset.act === "unfold") {
        log.unfold(item.id);
      } else {
        log.act(element.dataset.act, item ?? null, element, { ...element.dataset });
      }
      return;
    }
    const isOnText = event.target.closest("a, button, textarea, summary") === null && isNothingSelected();
    if (this.#pointer !== "mouse" && item !== undefined && isOnText) {
      log.act("menu", item, row.querySelector("article"));
    }
  }
}

function buttons(item) {
  const button = (act, name, label, key) =>
    h("button", { type: "button", class: "icon-button", "data-act": act, "aria-label": label,
      title: `${label} (${key})`,
      "aria-haspopup": act === "menu" || act === "emoji" ? "dialog" : null }, icon(name));
  return [
    item.isDeleted || item.isReadOnly ? null : button("emoji", "smile", t("React"), "+"),
    item.isDeleted || item.isReadOnly ? null : button("reply", "reply", t("Reply"), "R"),
    item.canEdit ? button("edit", "edit", t("Edit"), "E") : null,
    button("menu", "more", t("More"), t("Enter")),
  ].filter(Boolean);
}

function isNothingSelected() {
  return document.getSelection()?.isCollapsed ?? true;
}
