/**
 * The emoji picker: one popover for the page, made when it is first opened. Search by name, arrow keys in the grid,
 * those used last first (remembered in this browser only).
 */

import { t } from "../words/words.js";
import { h } from "./dom.js";
import { COMMON, GROUPS } from "./emoji_data.js";
import { showBeside } from "./float.js";

const MEMORY = "accord-emoji";
const MAX_RECENT = 16;
const MAX_FOUND = 64;

/** @type {{open: (from: Element, pick: (emoji: string) => void, onClose: () => void) => void} | null} */
let picker = null;

/**
 * Let the person choose an emoji.
 * @param {Element} from where the picker opens
 * @param {(emoji: string) => void} pick
 * @param {() => void} [onClose] in any case, after `pick`
 */
export function pickEmoji(from, pick, onClose = () => {}) {
  picker ??= makePicker();
  picker.open(from, pick, onClose);
}

/** All emoji with a name that has these words, for completion. @param {string} query @param {number} most */
export function findEmoji(query, most = MAX_FOUND) {
  const words = query.toLowerCase().split(/\s+/u).filter(Boolean);
  const found = [];
  for (const entry of all()) {
    if (words.every((word) => entry.name.startsWith(word) || entry.name.includes(` ${word}`))) {
      found.push(entry);
      if (found.length === most) {
        break;
      }
    }
  }
  return found;
}

/** Remember an emoji as used last. @param {string} emoji */
export function emojiUsed(emoji) {
  const list = [emoji, ...recent().filter((other) => other !== emoji)].slice(0, MAX_RECENT);
  try {
    localStorage.setItem(MEMORY, JSON.stringify(list));
  } catch {
    // a browser that keeps nothing: the common ones are offered again
  }
}

/** Those used last, then common ones. @param {number} [most] */
export function recentEmoji(most = MAX_RECENT) {
  return [...new Set([...recent(), ...COMMON])].slice(0, most);
}

function recent() {
  try {
    const list = JSON.parse(localStorage.getItem(MEMORY) ?? "[]");
    return Array.isArray(list) ? list.filter((entry) => typeof entry === "string" && entry.length <= 32) : [];
  } catch {
    return [];
  }
}

/** @type {{emoji: string, name: string, group: string}[] | null} */
let entries = null;

function all() {
  entries ??= GROUPS.flatMap(([group, lines]) => lines.trim().split("\n").map((line) => {
    const gap = line.indexOf(" ");
    return { emoji: line.slice(0, gap), name: line.slice(gap + 1), group };
  }));
  return entries;
}

function makePicker() {
  let pick = (/** @type {string} */ emoji) => emoji;
  let onClose = () => {};
  let chosen = "";
  const search = h("input", { type: "search", placeholder: t("Search emoji"), "aria-label": t("Search emoji"),
    autocomplete: "off", spellcheck: "false" });
  const grid = h("div", { class: "emoji-grid" });
  const element = h("div", { class: "emoji-picker float sheet", popover: "auto", role: "dialog",
    "aria-label": t("Choose an emoji") },
    search, grid);
  search.addEventListener("input", () => fill(grid, search.value));
  grid.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button !== null) {
      chosen = button.textContent;
      element.hidePopover();
    }
  });
  element.addEventListener("keydown", (event) => onKey(event, search, grid));
  element.addEventListener("toggle", (event) => {
    if (event.newState === "closed") {
      if (chosen !== "") {
        emojiUsed(chosen);
        pick(chosen);
      }
      onClose();
    }
  });
  return {
    open(from, onPick, after) {
      pick = onPick;
      onClose = after;
      chosen = "";
      search.value = "";
      fill(grid, "");
      showBeside(element, from, "above");
      search.focus();
    },
  };
}

function fill(grid, query) {
  const parts = [];
  if (query.trim() === "") {
    parts.push(...section(t("Used last"), recentEmoji().map((emoji) => ({ emoji, name: nameOf(emoji) }))));
    for (const [group] of GROUPS) {
      parts.push(...section(group, all().filter((entry) => entry.group === group)));
    }
  } else {
    const found = findEmoji(query);
    parts.push(...(found.length > 0 ? section(t("Found"), found) : [h("p", { class: "meta" }, t("No emoji of that name."))]));
  }
  grid.replaceChildren(...parts);
  grid.querySelector("button")?.setAttribute("tabindex", "0");
  grid.scrollTop = 0;
}

function nameOf(emoji) {
  return all().find((entry) => entry.emoji === emoji)?.name ?? emoji;
}

function section(title, list) {
  return [h("h2", null, title), h("div", { class: "emoji-rows" }, list.map(({ emoji, name }) =>
    h("button", { type: "button", tabindex: "-1", "aria-label": name, title: name }, emoji)))];
}

function onKey(event, search, grid) {
  const buttons = [...grid.querySelectorAll("button")];
  const at = buttons.indexOf(document.activeElement);
  if (event.key === "Enter" && event.target === search) {
    buttons[0]?.click();
  } else if (event.key === "ArrowDown" && event.target === search) {
    buttons[0]?.focus();
  } else if (at >= 0 && event.key.startsWith("Arrow")) {
    const next = event.key === "ArrowLeft" ? buttons[at - 1] : event.key === "ArrowRight" ? buttons[at + 1]
      : nearest(buttons, at, event.key === "ArrowDown" ? 1 : -1);
    (next ?? search).focus();
  } else {
    event.stopPropagation();
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

/** The button above or below, by where they are. */
function nearest(buttons, at, direction) {
  const here = buttons[at].getBoundingClientRect();
  let best;
  for (let index = at + direction; index >= 0 && index < buttons.length; index += direction) {
    const there = buttons[index].getBoundingClientRect();
    if (best !== undefined && there.top !== best.top) {
      break;
    }
    const isOther = direction > 0 ? there.top > here.top : there.top < here.top;
    if (isOther && (best === undefined || Math.abs(there.left - here.left) < Math.abs(best.left - here.left))) {
      best = { button: buttons[index], top: there.top, left: there.left };
    }
  }
  return best?.button;
}
