/**
 * Ctrl-K: one field that leads to every channel, person and action. Each typed word must begin a word of the name, or its
 * letters must come in order; what fits better comes first.
 */

import { avatar, h, icon } from "./dom.js";
import { countText, listed, titleOf } from "./lists.js";
import { actionsOf } from "./me.js";
import { openNewChannel } from "./newchannel.js";
import { inOrder } from "./people.js";

const MAX_SHOWN = 50;
const LIST_ID = "palette-list";

/** @typedef {{title: string, words: string, kind: string, picture: () => Element, note: string, run: () => void, weight: number}} Entry */

/**
 * How well a query fits a text: 0 not at all; the more the better.
 * @param {string} query
 * @param {string} text
 */
export function fit(query, text) {
  const hay = fold(text);
  let total = 1;
  for (const word of fold(query).split(/\s+/).filter(Boolean)) {
    const score = fitWord(word, hay);
    if (score === 0) {
      return 0;
    }
    total += score;
  }
  return total;
}

function fold(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

function fitWord(word, hay) {
  if (hay.startsWith(word)) {
    return hay.length === word.length ? 120 : 100;
  }
  const starts = hay.split(/[^\p{L}\p{N}]+/u).some((part) => part.startsWith(word));
  if (starts) {
    return 60;
  }
  if (hay.includes(word)) {
    return 30;
  }
  let at = -1;
  for (const char of word) {
    at = hay.indexOf(char, at + 1);
    if (at < 0) {
      return 0;
    }
  }
  return word.length > 1 ? 5 : 0;
}

/** @returns {Entry[]} */
function entries(app, only) {
  const { client } = app;
  const rows = only === "people" ? [] : listed(client).map((each, index) => ({
    title: titleOf(client, each),
    words: `${titleOf(client, each)} ${each.name}`,
    kind: each.kind === "channel" ? "Channel" : "Direct",
    picture: () => each.kind === "channel" ? icon("hash") : avatar(client.state.people[each.with] ?? { key: each.with, name: each.name }, { small: true }),
    note: each.unread > 0 ? `${countText(each.unread)} unread` : each.kind === "channel" ? each.about : "",
    run: () => app.open(each.id),
    weight: (each.mentions > 0 ? 3 : 0) + (each.unread > 0 ? 2 : 0) - index / 1000,
  }));
  const talkedTo = new Set(only === "people" ? [] : Object.values(client.state.conversations).map((each) => each.with));
  const people = inOrder(Object.values(client.state.people)).filter((each) => !each.isMe && !talkedTo.has(each.key)).map((each, index) => ({
    title: each.displayName || each.name,
    words: `${each.displayName} ${each.name}`,
    kind: "Person",
    picture: () => avatar(each, { small: true, presence: true }),
    note: each.displayName && each.displayName !== each.name ? `@${each.name}` : "",
    run: () => app.message(each.key),
    weight: -1 - index / 1000,
  }));
  const actions = only === "people" ? [] : [
    ...(client.state.me?.isAdmin ? [{ name: "New channel", words: "create", icon: "plus", run: () => openNewChannel(app) }] : []),
    ...actionsOf(app),
  ].map((each, index) => ({
    title: each.name, words: `${each.name} ${each.words}`, kind: "Action", picture: () => icon(each.icon), note: "", run: each.run, weight: -2 - index / 1000,
  }));
  return [...rows, ...people, ...actions];
}

/**
 * @param {import("./app.js").App} app
 * @param {{only?: "people"}} [options]
 */
export function openPalette(app, { only } = {}) {
  if (document.querySelector("dialog.palette")) {
    return;
  }
  const before = document.activeElement;
  const all = entries(app, only);
  /** @type {Entry[]} */
  let found = [];
  let at = 0;
  const label = only === "people" ? "Message someone" : "Go to a channel, a person or an action";
  const input = /** @type {HTMLInputElement} */ (h("input", {
    type: "text", role: "combobox", "aria-label": label, placeholder: label, "aria-expanded": "true", "aria-controls": LIST_ID,
    "aria-autocomplete": "list", autocomplete: "off", autocapitalize: "off", spellcheck: "false", enterkeyhint: "go",
  }));
  const list = h("div", { id: LIST_ID, role: "listbox", "aria-label": label });
  const nothing = h("p", { class: "palette-nothing dim", role: "status" });
  const dialog = /** @type {HTMLDialogElement} */ (h("dialog", { class: "palette", "aria-label": label },
    h("div", { class: "palette-field" }, icon("search"), input), list, nothing));
  const select = (index) => {
    at = index;
    [...list.children].forEach((row, each) => row.setAttribute("aria-selected", String(each === at)));
    const row = list.children[at];
    if (row) {
      input.setAttribute("aria-activedescendant", row.id);
      row.scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  };
  const run = (entry) => {
    dialog.close();
    entry?.run();
  };
  const show = () => {
    const query = input.value.trim().replace(/^[#@]/, "");
    found = all.map((entry) => ({ entry, score: fit(query, entry.words) })).filter((each) => each.score > 0)
      .sort((a, b) => b.score - a.score || b.entry.weight - a.entry.weight).slice(0, MAX_SHOWN).map((each) => each.entry);
    list.replaceChildren(...found.map((entry, index) => h("div", {
      role: "option", id: `palette-${index}`, class: "palette-row",
      on: { click: () => run(entry), pointermove: () => at !== index && select(index) },
    }, entry.picture(), h("span", { class: "clip palette-title" }, entry.title), h("span", { class: "clip grow meta" }, entry.note),
    h("span", { class: "meta palette-kind" }, entry.kind))));
    list.hidden = found.length === 0;
    nothing.textContent = found.length > 0 ? "" : query ? `Nothing here is called "${query}".` : "Nobody else is here yet. Invite someone.";
    select(0);
  };
  input.addEventListener("input", show);
  input.addEventListener("keydown", (event) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (event.altKey || event.isComposing) {
      return;
    }
    if (step !== 0 && found.length > 0) {
      event.preventDefault();
      select((at + step + found.length) % found.length);
    } else if (event.key === "Enter" && found[at]) {
      event.preventDefault();
      run(found[at]);
    }
  });
  dialog.addEventListener("mousedown", (event) => {
    if (event.target === dialog) {
      dialog.close();
    }
  });
  dialog.addEventListener("close", () => {
    const isOurs = dialog.contains(document.activeElement) || document.activeElement === document.body;
    dialog.remove();
    if (isOurs && before instanceof HTMLElement) {
      before.focus();
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  show();
  input.focus();
}
