/**
 * What calls from outside the page: desktop notifications, the count in the title, the dot on the icon.
 * A text leaves the page only for a notification of this computer.
 */

import { t } from "../words/words.js";
import { announce } from "./announcer.js";
import { titleOf } from "./lists.js";
import { pref, setPref } from "./prefs.js";

const MAX_BODY_CHARS = 140;
const ICON = new URL("favicon.svg", import.meta.url).href;
const ICON_UNREAD = new URL("favicon-unread.svg", import.meta.url).href;

/** Whether this browser has notifications at all. */
export function canNotify() {
  return "Notification" in globalThis;
}

/** Whether they are wanted and allowed. */
export function notificationsAreOn() {
  return canNotify() && pref("notifications") === "on" && Notification.permission === "granted";
}

/** Want them or not; asks for the browser's permission where it has not been asked. @param {boolean} on */
export async function setNotifications(on) {
  const allowed =
    on && (Notification.permission === "granted" || (await Notification.requestPermission()) === "granted");
  setPref("notifications", allowed ? "on" : null);
}

export class Notifier {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.client = app.client;
    /** @type {string | null} */
    this.open = null;
    this.link = /** @type {HTMLLinkElement | null} */ (document.querySelector("link[rel=icon]"));
    this.stopper = new AbortController();
    this.client.addEventListener("notice", (/** @type {CustomEvent} */ event) => this.#notice(event.detail), {
      signal: this.stopper.signal,
    });
    this.#title();
  }

  close() {
    this.stopper.abort();
    this.#face(this.client.state.hub?.name ?? "", 0);
  }

  /** @param {any} detail what changed */
  update(detail) {
    if (detail.conversations || detail.hub || detail.people) {
      this.#title();
    }
  }

  /** @param {string | null} id the conversation that is open */
  select(id) {
    this.open = id;
    this.#title();
  }

  #title() {
    const { conversations, hub } = this.client.state;
    let count = 0;
    for (const each of Object.values(conversations)) {
      count += each.kind === "direct" ? each.unread : each.mentions;
    }
    const open = conversations[this.open ?? ""];
    const place = open === undefined ? "" : `${open.kind === "channel" ? "#" : ""}${titleOf(this.client, open)} - `;
    this.#face(`${count > 0 ? `(${count > 99 ? "99+" : count}) ` : ""}${place}${hub?.name ?? ""}`, count);
  }

  #face(title, count) {
    if (document.title !== title) {
      document.title = title;
    }
    const wanted = count > 0 ? ICON_UNREAD : ICON;
    if (this.link !== null && this.link.href !== wanted) {
      this.link.href = wanted;
    }
  }

  #notice({ conversation, item }) {
    const place = this.client.state.conversations[conversation];
    const who = this.client.state.people[item.author]?.displayName || item.authorName;
    const title = place?.kind === "channel" ? t("{who} in #{name}", { who, name: place.name }) : who;
    if (document.visibilityState === "visible") {
      announce(t("New message: {title}", { title }));
    } else if (notificationsAreOn()) {
      const text = item.text.length > MAX_BODY_CHARS ? `${item.text.slice(0, MAX_BODY_CHARS - 1)}…` : item.text;
      const shown = new Notification(title, { body: text, tag: item.id, icon: ICON });
      shown.addEventListener("click", () => {
        globalThis.focus();
        this.app.open(conversation, { message: item.id });
        shown.close();
      });
    }
  }
}
