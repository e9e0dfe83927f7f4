/** The keyboard of the whole chat. What a part uses itself (the composer, the log) it marks with preventDefault. */

import { t } from "../words/words.js";
import { announce } from "./announcer.js";
import { dialogIsOpen } from "./dialog.js";
import { isWriting } from "./dom.js";
import { listed, spacesOf, titleOf } from "./lists.js";
import { openMentions } from "./mentions.js";
import { openPalette } from "./palette.js";
import { openSearch } from "./search.js";
import { openShortcuts } from "./shortcuts.js";

/** What the shortcuts dialog lists: [title, [[keys, what they do]]]. */
export const KEY_MAP = [
  [
    t("Anywhere"),
    [
      [[t("Ctrl"), "K"], t("Go to a channel, a person or an action")],
      [[t("Ctrl"), t("Alt"), "↑"], t("Previous space, this hub first")],
      [[t("Ctrl"), t("Alt"), "↓"], t("Next space")],
      [[t("Alt"), "↑"], t("Previous unread conversation")],
      [[t("Alt"), "↓"], t("Next unread conversation")],
      [[t("Alt"), t("Shift"), "↑"], t("Previous conversation")],
      [[t("Alt"), t("Shift"), "↓"], t("Next conversation")],
      [[t("Ctrl"), "F"], t("Search messages")],
      [[t("Ctrl"), t("Shift"), "M"], t("Mentions of me")],
      [[t("Esc")], t("Close what is open; else mark as read")],
      [["?"], t("This list (while writing: Ctrl /)")],
    ],
  ],
  [
    t("Writing"),
    [
      [[t("Enter")], t("Send")],
      [[t("Shift"), t("Enter")], t("New line")],
      [["↑"], t("Edit my last message (in an empty field)")],
      [["@"], t("Mention someone")],
    ],
  ],
  [
    t("Messages"),
    [
      [[t("Shift"), t("Tab")], t("From the field to the messages")],
      [["↑", "↓"], t("From message to message")],
      [[t("Page Up"), t("Page Down")], t("Scroll, from the field too")],
      [["R"], t("Reply")],
      [["T"], t("Open its thread")],
      [["E"], t("Edit")],
      [["+"], t("React")],
      [["P"], t("Pin")],
      [[t("Delete")], t("Delete")],
      [[t("Esc")], t("Back to the field")],
    ],
  ],
];

/**
 * @param {import("./app.js").App} app
 * @param {AbortSignal} signal
 */
export function listenToKeys(app, signal) {
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.defaultPrevented || event.isComposing) {
        return;
      }
      if (handle(app, event)) {
        event.preventDefault();
      }
    },
    { signal },
  );
}

function handle(app, event) {
  const { key, altKey, shiftKey } = event;
  const ctrl = event.ctrlKey || event.metaKey;
  if (ctrl && !altKey && !shiftKey && key.toLowerCase() === "k") {
    return closing(() => openPalette(app));
  }
  if (ctrl && !altKey && !shiftKey && key.toLowerCase() === "f") {
    return closing(() => openSearch(app));
  }
  if (ctrl && !altKey && key === "/") {
    return closing(openShortcuts);
  }
  if (dialogIsOpen()) {
    return false;
  }
  if (ctrl && shiftKey && key.toLowerCase() === "m") {
    openMentions(app);
    return true;
  }
  if (altKey && !ctrl && (key === "ArrowUp" || key === "ArrowDown")) {
    step(app, key === "ArrowDown" ? 1 : -1, { all: shiftKey });
    return true;
  }
  if (altKey && ctrl && !shiftKey && (key === "ArrowUp" || key === "ArrowDown")) {
    const spaces = [null, ...spacesOf(app.client).map((each) => each.id)];
    const next = spaces.indexOf(app.space) + (key === "ArrowDown" ? 1 : -1);
    app.openSpace(spaces.at(next % spaces.length));
    return true;
  }
  if (key === "?" && !ctrl && !altKey && !isWriting(event.target)) {
    openShortcuts();
    return true;
  }
  if (key === "Escape" && !document.querySelector(":popover-open") && app.talk.conversation !== null) {
    app.talk.markRead?.();
    announce(t("Marked as read"));
    return true;
  }
  return false;
}

function closing(open) {
  for (const dialog of document.querySelectorAll("dialog[open]")) {
    /** @type {HTMLDialogElement} */ (dialog).close();
  }
  open();
  return true;
}

/** To the next conversation up or down the list, unread ones only unless `all`. */
function step(app, direction, { all }) {
  const order = listed(app.client);
  const from = order.findIndex((each) => each.id === app.current);
  for (let away = 1; away <= order.length; away += 1) {
    const next = order[(from + direction * away + order.length * 2) % order.length];
    if (next.id !== app.current && (all || next.unread > 0 || next.mentions > 0)) {
      app.open(next.id);
      announce(titleOf(app.client, next));
      return;
    }
  }
  announce(all ? t("There is no other conversation") : t("Nothing is unread"));
}
