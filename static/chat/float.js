/**
 * What floats beside something: native popovers, placed near the element they belong to; on a phone they are sheets at the
 * bottom (their styles see to that). Also the menu of actions.
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
  const place = from.closest("dialog, main") ?? document.body; // a landmark, and never outside of an open dialog
  if (element.parentElement !== place) {
    place.append(element);
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
  const isWide = around.width > innerWidth / 3; // a whole message: at its end, where its bar is
  const left = isWide ? around.right - width - 2 * EDGE_PX : Math.min(around.left, around.right - width);
  element.style.left = `${clamp(left, innerWidth - width)}px`;
  element.style.top = `${clamp(isWide && side === "below" ? Math.max(around.top, EDGE_PX) : top, innerHeight - height)}px`;
}

function clamp(value, most) {
  return Math.max(EDGE_PX, Math.min(value, most - EDGE_PX));
}

/**
 * A menu of actions at an element. Arrow keys, Home and End move; Esc and a click elsewhere close it.
 * @param {Element} from
 * @param {string} label
 * @param {({label: string, icon: string, key?: string, isDanger?: boolean, run: () => void} | null)[]} entries null: a line
 * @param {{onClose?: () => void, top?: Node | null}} [options] top: what stands above the entries
 */
export function openMenu(from, label, entries, { onClose, top = null } = {}) {
  let chosen = null;
  const buttons = entries.map((entry) => (entry === null ? h("hr", { role: "separator" }) : h("button", {
    type: "button", role: "menuitem", tabindex: "-1", class: entry.isDanger ? "danger" : null,
    on: { click: () => {
      chosen = entry;
      menu.hidePopover();
    } },
  }, icon(entry.icon), h("span", { class: "grow" }, entry.label), entry.key ? h("kbd", { "aria-hidden": "true" }, entry.key) : null)));
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
