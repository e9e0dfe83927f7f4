/**
 * A thread: a message, what answers it and what answers that, beside the conversation, with a field of its own. It shows
 * what the log holds: answers come later than what they answer, so where the first is, all are. Not here: what the
 * buttons of a message do (conversation.js).
 */

import { t } from "../words/words.js";
import { announce } from "./announcer.js";
import { mentionable, trimmed } from "./composer.js";
import { h, icon, iconButton } from "./dom.js";
import { Field } from "./field.js";
import { mentionsIn } from "./inline.js";
import { showPictures } from "./filebox.js";
import { fillRow } from "./message.js";
import { reason } from "./words.js";

/**
 * The first message of the thread that a message belongs to, and all that follows from it.
 * @param {any[]} items
 * @param {string} id
 * @returns {any[]} in order; empty where it is not held
 */
export function threadOf(items, id) {
  const held = new Map(items.map((item) => [item.id, item]));
  let root = held.get(id);
  const seen = new Set();
  while (root?.replyTo && held.has(root.replyTo.id) && !seen.has(root.id)) {
    seen.add(root.id);
    root = held.get(root.replyTo.id);
  }
  if (root === undefined) {
    return [];
  }
  const inside = new Set([root.id]);
  return items.filter((item) => {
    if (item.replyTo && inside.has(item.replyTo.id)) {
      inside.add(item.id);
    }
    return inside.has(item.id);
  });
}

export class ThreadPane {
  #app;
  #id = "";
  #timeline = null;
  #onChange = () => this.#show();
  #list = h("div", { class: "thread-list", role: "list", "aria-label": t("Messages of the thread") });
  #error = h("p", { class: "composer-error", role: "alert" });
  #form;
  #field;

  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.#app = app;
    this.#field = new Field({
      label: t("Reply in the thread"),
      people: () => Object.values(app.client.state.people),
      onSubmit: () => this.#send(),
      onKey: (event) => event.key === "Escape" && this.#escape(),
    });
    this.#field.area.placeholder = t("Reply");
    this.#form = h("form", { class: "composer", on: { submit: (event) => {
      event.preventDefault();
      this.#send();
    } } }, this.#field.completion, h("div", { class: "composer-box" }, h("div", { class: "composer-row" }, this.#field.area,
      h("button", { type: "submit", class: "composer-send", "aria-label": t("Send reply"), title: t("Send reply") }, icon("send")))),
    this.#error);
    this.element = h("aside", { class: "thread-pane", "aria-label": t("Thread"), hidden: true,
      on: { keydown: (event) => event.key === "Escape" && !event.defaultPrevented && this.#escape() && event.preventDefault(),
        click: (event) => this.#click(event) } },
      h("header", null, h("h2", { class: "grow" }, t("Thread")), iconButton("close", t("Close thread"), () => this.close())),
      this.#list, this.#form);
  }

  get isOpen() {
    return this.#id !== "";
  }

  /** @param {string} id of a message that the open conversation holds */
  open(id) {
    this.#leave();
    this.#id = id;
    this.#timeline = this.#app.talk.log.timeline;
    this.#timeline.addEventListener("change", this.#onChange);
    this.#app.showThread(true);
    this.#show();
    this.#field.text = "";
    this.#list.scrollTop = this.#list.scrollHeight;
    (this.#form.hidden ? this.element.querySelector("button") : this.#field.area)?.focus();
  }

  close() {
    if (this.isOpen) {
      const hadFocus = this.element.contains(document.activeElement);
      const { log } = this.#app.talk;
      const index = log.indexOf(this.#id);
      this.#leave();
      this.#app.showThread(false);
      if (hadFocus && index >= 0) {
        log.focusItem(index);
      }
    }
  }

  /** Names have changed. */
  update(detail) {
    if (this.isOpen && (detail.people || detail.marks)) {
      this.#show();
    }
  }

  #leave() {
    this.#timeline?.removeEventListener("change", this.#onChange);
    this.#timeline = null;
    this.#id = "";
    this.#list.replaceChildren();
  }

  get #items() {
    return threadOf(this.#timeline?.items ?? [], this.#id);
  }

  #show() {
    const items = this.#items;
    if (items.length === 0) {
      this.close();
      return;
    }
    const { state } = this.#app.client;
    const isAtEnd = this.#list.scrollTop + this.#list.clientHeight >= this.#list.scrollHeight - 4;
    this.#list.replaceChildren(...items.map((item, index) => {
      const row = h("div", { class: "item", role: "listitem" });
      const shown = { ...item, answers: 0, replyTo: item.replyTo?.id === items[0].id ? null : item.replyTo };
      fillRow(row, shown, { day: false, isNew: false, head: true, origin: false }, { state, isWhole: true, editor: null });
      if (item.files?.length) {
        showPictures(row, item, this.#app.client);
      }
      row.classList.toggle("thread-first", index === 0);
      return row;
    }));
    if (isAtEnd) {
      this.#list.scrollTop = this.#list.scrollHeight;
    }
    this.#form.hidden = items[0].isReadOnly === true || items[0].isDeleted;
  }

  #click(event) {
    const element = event.target.closest("[data-act]");
    const id = event.target.closest(".item")?.dataset.id;
    const item = this.#timeline?.items.find((each) => each.id === id);
    if (element && item) {
      this.#app.talk.log.act(element.dataset.act, item, element, { ...element.dataset });
    }
  }

  #escape() {
    this.close();
    announce(t("Thread closed"));
    return true;
  }

  async #send() {
    const text = trimmed(this.#field.text);
    const [first] = this.#items;
    if (text === "" || !first) {
      return;
    }
    const { client } = this.#app;
    this.#field.text = "";
    this.#error.textContent = "";
    this.#list.scrollTop = this.#list.scrollHeight;
    try {
      const mentions = mentionsIn(text, mentionable(client.state));
      await client.call("message.send", { conversation: first.conversation, text, mentions, replyTo: first.id });
    } catch (failure) {
      this.#field.text ||= text;
      this.#error.textContent = reason(failure);
    }
  }
}
