/**
 * What floats beside something: native popovers, placed near the element they belong to; on a phone they are sheets at
 * the bottom (their styles see to that). Also the menu of actions.
 */

import { h, icon } from "./dom.js";

const GAP_PX = 6;
const EDGE_PX = 8;
const SHEET = matchMedia("(max-width: 639px)");

/**
 * Show a popover near an element, in the window as a whole.
 * @param {HTMLElement} element
 * @param {Element} from
 * @param {"above" | "below"} [side] where it goes if there is room
 */
export function showBeside(element, from, side = "below") {
  const landmark = from.closest("dialog, main, nav") ?? document.body; // and never outside of an open dialog
  if (element.parentElement !== landmark) {
    landmark.append(element);
  }
  const around = from.getBoundingClientRect();
  element.showPopover();
  if (SHEET.matches) {
    element.style.left = "";
    element.style.top = "";
    return;
  }
  const { width, height } = element.getBoundingClientRect();
  const below = around.bottom + GAP_PX;
  const above = around.top - GAP_PX - height;
  const fitsBelow = below + height <= innerHeight - EDGE_PX;
  const top = (side === "below" && fitsBelow) || above < EDGE_PX ? below : above;
  if (around.width > innerWidth / 3) {
    place(element, around.right - width - 2 * EDGE_PX, around.top); // a whole message: at its end, where its bar is
  } else {
    place(element, Math.min(around.left, around.right - width), top);
  }
}

/** Wholly in the window. */
function place(element, left, top) {
  const { width, height } = element.getBoundingClientRect();
  element.style.left = `${Math.max(EDGE_PX, Math.min(left, innerWidth - width - EDGE_PX))}px`;
  element.style.top = `${Math.max(EDGE_PX, Math.min(top, innerHeight - height - EDGE_PX))}px`;
}

/** @typedef {{label: string, icon: string, key?: string, isDanger?: boolean, run: () => void}} Entry */

/**
 * A menu of actions at an element. Arrow keys, Home and End move; Esc and a click elsewhere close it.
 * @param {Element} from
 * @param {string} label
 * @param {(Entry | null)[]} entries null: a line
 * @param {{onClose?: () => void, top?: Node | null}} [options] top: what stands above the entries
 */
export function openMenu(from, label, entries, { onClose, top = null } = {}) {
  let chosen = null;
  const choose = (entry) => {
    chosen = entry;
    menu.hidePopover();
  };
  const button = (entry) => h("button", { type: "button", role: "menuitem", tabindex: "-1",
    class: entry.isDanger ? "danger" : null, on: { click: () => choose(entry) } },
  icon(entry.icon), h("span", { class: "grow" }, entry.label),
  entry.key ? h("kbd", { "aria-hidden": "true" }, entry.key) : null);
  const buttons = entries.map((entry) => (entry === null ? h("hr", { role: "separator" }) : button(entry)));
  const list = h("div", { role: "menu", "aria-label": label }, buttons);
  const menu = h("div", { class: "menu float sheet", popover: "auto" }, top, list);
  menu.addEventListener("keydown", (event) => moveInMenu(event, list));
  menu.addEventListener("toggle", (event) => {
    if (event.newState === "closed") {
      menu.remove();
      onClose?.();
      chosen?.run();
    }
  });
  showBeside(menu, from);
  list.querySelector("button")?.focus();
}

function moveInMenu(event, list) {
  const buttons = [...list.querySelectorAll("button")];
  const at = buttons.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (to !== undefined) {
    buttons.at(to % buttons.length)?.focus();
    event.preventDefault();
  } else if (event.key === "Tab") {
    event.preventDefault();
  }
  event.stopPropagation();
}
