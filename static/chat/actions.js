/** What a person can do with a message: the menu of it, and each of its entries. */

import { t } from "../words/words.js";
import { announce } from "./announcer.js";
import { confirmDialog } from "./dialog.js";
import { openDetails } from "./details.js";
import { h, isWriting } from "./dom.js";
import { emojiUsed, pickEmoji, recentEmoji } from "./emoji.js";
import { openPicture, saveFile } from "./filebox.js";
import { openMenu } from "./float.js";
import { authorOf, nameOf } from "./message.js";
import { openReport } from "./trouble.js";
import { reason } from "./words.js";

const QUICK_EMOJI = 6;
const SNIPPET_CHARS = 200;

export class Actions {
  #host;

  /**
   * @param {object} host
   * @param {() => any} host.client
   * @param {import("./log.js").AccordLog} host.log
   * @param {(item: any) => void} host.reply
   * @param {(item: any) => void} host.edit
   * @param {(key: string) => void} host.openPerson
   * @param {(item: any) => void} host.openThread
   */
  constructor(host) {
    this.#host = host;
  }

  /** @returns {boolean} whether there is such an action @param {string} name */
  run(name, item, from, data) {
    const actions = {
      menu: () => this.#menu(item, from),
      emoji: () => this.#pick(item, from),
      react: () => this.#react(item, data?.emoji),
      reply: () => canAnswer(item) && this.#host.reply(item),
      edit: () => item.canEdit && this.#host.edit(item),
      pin: () => item.canPin && this.#pin(item),
      thread: () => this.#host.openThread(item),
      delete: () => item.canDelete && this.#delete(item),
      save: () => saveFile(this.#host.client(), item, data.blob),
      picture: () => openPicture(this.#host.client(), item, data.blob),
      retry: () => this.#call("message.retry", item),
      discard: () => this.#discard(item),
      openly: () => this.#call("message.openly", item),
    };
    if (item === null || !(name in actions)) {
      return false;
    }
    actions[name]();
    return true;
  }

  async #call(name, item, params = {}, done = "") {
    try {
      await this.#host.client().call(name, { conversation: item.conversation, id: item.id, ...params });
      if (done !== "") {
        announce(done);
      }
    } catch (error) {
      announce(reason(error));
    }
  }

  #pin(item) {
    this.#call("message.pin", item, { on: !item.isPinned }, item.isPinned ? t("Unpinned") : t("Pinned"));
  }

  #react(item, emoji) {
    if (canAnswer(item)) {
      const isMine = item.reactions.some((reaction) => reaction.emoji === emoji && reaction.isMine);
      const done = isMine ? t("{emoji} taken back", { emoji }) : t("Reacted with {emoji}", { emoji });
      this.#call("message.react", item, { emoji, on: !isMine }, done);
    }
  }

  #pick(item, from) {
    if (canAnswer(item)) {
      pickEmoji(from, (emoji) => this.#react(item, emoji), () => this.#back(item));
    }
  }

  /** The focus goes back to the message, if it went nowhere else. */
  #back(item) {
    if (document.activeElement === document.body || document.activeElement === null) {
      this.#host.log.article(item.id)?.focus({ preventScroll: true });
    }
  }

  #menu(item, from) {
    if (item.state !== "sent") {
      return;
    }
    const { state } = this.#host.client();
    const isAlive = !item.isDeleted;
    const run = (name) => () => this.run(name, item, this.#host.log.article(item.id) ?? from, null);
    const person = item.kind !== "import" && state.people[item.author];
    const entries = [
      canAnswer(item) && { label: t("Reply"), icon: "reply", key: "R", run: run("reply") },
      canAnswer(item) && { label: t("React"), icon: "smile", key: "+", run: run("emoji") },
      { label: t("Open thread"), icon: "thread", key: "T", run: () => this.#host.openThread(item) },
      item.canEdit && { label: t("Edit"), icon: "edit", key: "E", run: run("edit") },
      isAlive && { label: t("Copy text"), icon: "copy", run: () => copyText(item.text) },
      item.canPin && { label: item.isPinned ? t("Unpin") : t("Pin"), icon: "pin", key: "P", run: run("pin") },
      person && { label: t("About {name}", { name: nameOf(item.author, state) }), icon: "person",
        run: () => this.#host.openPerson(item.author) },
      !item.isOwn && item.kind !== "import" && { label: t("Report"), icon: "warn",
        run: () => openReport(this.#host.client(), item.author, [item]) },
      { label: t("Details"), icon: "key", run: () => openDetails(this.#host.client(), item) },
      item.canDelete && null,
      item.canDelete && { label: t("Delete"), icon: "trash", key: t("Del"), isDanger: true, run: run("delete") },
    ].filter((entry) => entry !== false && entry !== undefined && entry !== "");
    openMenu(from, t("Message of {author}", { author: authorOf(item, state) }), entries, {
      top: canAnswer(item) ? this.#quick(item) : null,
      onClose: () => this.#back(item),
    });
  }

  /** The emoji used last, one tap away. */
  #quick(item) {
    const row = h("div", { class: "quick-emoji", role: "group", "aria-label": t("React") },
      recentEmoji(QUICK_EMOJI).map((emoji) =>
      h("button", { type: "button", "aria-label": t("React with {emoji}", { emoji }), tabindex: "-1", on: { click: () => {
        row.closest("[popover]").hidePopover();
        emojiUsed(emoji);
        this.#react(item, emoji);
      } } }, emoji)));
    return row;
  }

  async #delete(item) {
    const { state } = this.#host.client();
    const index = this.#host.log.indexOf(item.id);
    const text = item.text.slice(0, SNIPPET_CHARS) + (item.text.length > SNIPPET_CHARS ? "…" : "");
    const isSure = await confirmDialog({ title: t("Delete this message?"), verb: t("Delete") },
      h("blockquote", { class: "confirm-quote" }, h("bdi", { class: "quote-who" }, authorOf(item, state)),
        h("span", { dir: "auto" }, text)),
      h("p", null, t("Its text is removed from the hub and from everybody's client; that it was there stays visible. "
        + "Whoever has read it may have kept a copy. This cannot be undone.")));
    if (!isWriting(document.activeElement)) { // who has gone on to write stays there
      this.#host.log.focusItem(index);
    }
    if (isSure) {
      await this.#call("message.delete", item, {}, t("Deleted"));
    }
  }

  async #discard(item) {
    const { log } = this.#host;
    const index = log.indexOf(item.id);
    await this.#call("message.discard", item, {}, "Discarded");
    log.focusItem(Math.min(index, log.items.length - 1));
  }
}

function canAnswer(item) {
  return item.state === "sent" && !item.isDeleted && !item.isReadOnly;
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    announce(t("Copied"));
  } catch {
    announce(t("This browser did not allow copying"));
  }
}

