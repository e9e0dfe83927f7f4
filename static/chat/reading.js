/**
 * What follows from reading: the newest message is told as read when the page is visible and its end in view; what
 * comes in meanwhile is announced, briefly, to those who listen.
 */

import { t } from "../words/words.js";
import { announce } from "./announcer.js";
import { authorOf } from "./message.js";
import { oneLine } from "./text.js";

const READ_MS = 300;
const ANNOUNCE_MS = 700;
const MAX_ANNOUNCED_CHARS = 160;

export class Reading {
  #log;
  #told = "";
  #readTimer = 0;
  #sayTimer = 0;
  #arrived = [];
  #onVisible = () => this.#soon();

  /** @param {import("./log.js").AccordLog} log */
  constructor(log) {
    this.#log = log;
    log.addEventListener("moved", () => this.#soon());
    log.addEventListener("arrived", (event) => {
      this.#soon();
      this.#say(event.detail.items);
    });
  }

  open() {
    this.#told = "";
    document.addEventListener("visibilitychange", this.#onVisible);
    globalThis.addEventListener("focus", this.#onVisible);
  }

  close() {
    clearTimeout(this.#readTimer);
    clearTimeout(this.#sayTimer);
    this.#readTimer = 0;
    this.#sayTimer = 0;
    this.#arrived = [];
    document.removeEventListener("visibilitychange", this.#onVisible);
    globalThis.removeEventListener("focus", this.#onVisible);
  }

  /** All that is held is read, wherever the view is. */
  markRead() {
    this.#tell();
  }

  #soon() {
    if (this.#readTimer === 0) {
      this.#readTimer = setTimeout(() => {
        this.#readTimer = 0;
        if (document.visibilityState === "visible" && this.#log.isAtEnd) {
          this.#tell();
        }
      }, READ_MS);
    }
  }

  #tell() {
    const { client, conversation, items } = this.#log;
    const newest = items.findLast((item) => item.state === "sent");
    const told = `${newest?.id} ${items.length}`; // what comes late is read too, and is not the newest
    if (newest !== undefined && told !== this.#told) {
      this.#told = told;
      client.call("conversation.read", { conversation, id: newest.id }).catch(() => {
        this.#told = "";
      });
    }
  }

  #say(items) {
    this.#arrived.push(...items);
    if (this.#sayTimer === 0) {
      this.#sayTimer = setTimeout(() => this.#sayNow(), ANNOUNCE_MS);
    }
  }

  #sayNow() {
    const arrived = this.#arrived;
    const { client } = this.#log;
    this.#arrived = [];
    this.#sayTimer = 0;
    if (document.visibilityState !== "visible" || arrived.length === 0 || client === null) {
      return;
    }
    const last = arrived[arrived.length - 1];
    const who = authorOf(last, client.state);
    const text = oneLine(last.text, MAX_ANNOUNCED_CHARS);
    announce(arrived.length === 1 ? `${who}: ${text}`
      : t("{count} new messages, the last from {who}: {text}", { count: arrived.length, who, text }));
  }
}
