/**
 * Where messages are written: the field, what it answers to, emoji, send. Sending never waits: the field is empty at
 * once and the message stands in the log, marked. What is not sent is kept as a draft. Not here: editing in place
 * (editor.js).
 */

import { rich, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { Attachments } from "./attach.js";
import { BurnChoice } from "./burnchoice.js";
import { h, icon, iconButton } from "./dom.js";
import { pickEmoji } from "./emoji.js";
import { Field } from "./field.js";
import { mentionsIn } from "./inline.js";
import { authorOf } from "./message.js";
import { oneLine } from "./text.js";
import { reason } from "./words.js";

const DRAFT_MS = 500;
const TYPING_MS = 4_000;
const SNIPPET_CHARS = 140;
const TOO_LONG = t("This is too long for one message (256 KiB at most). It is still here: send it in parts.");

export class Composer {
  #host;
  #field;
  #strip = h("div", { class: "reply-strip", hidden: true });
  #error = h("p", { class: "composer-error", role: "alert", hidden: true });
  #row;
  #closed = h("p", { class: "composer-closed", hidden: true }, t("You can read here, but not write."));
  #conversation = "";
  #replyTo = "";
  #isReplyKnown = false;
  #saved = "";
  #files;
  #burn;
  #draftTimer = 0;
  #typedAt = 0;
  /** What the engine did not take, of conversations that are not open. @type {Map<string, {text: string, error: any}>} */
  #givenBack = new Map();
  #sendsEarly = false; // Enter was pressed before it was known where to

  /**
   * @param {object} host
   * @param {() => any} host.client
   * @param {(id: string) => any} host.find an item that is held, or undefined
   * @param {(id: string) => void} host.goTo
   * @param {() => boolean} host.editLast
   * @param {(direction: number) => void} host.page scroll the log by a screen
   */
  constructor(host) {
    this.#host = host;
    this.#field = new Field({
      label: t("Message"),
      people: () => Object.values(host.client().state.people),
      onSubmit: () => this.#send(),
      onInput: () => this.#onInput(),
      onKey: (event) => this.#onKey(event),
    });
    this.#files = new Attachments({
      client: host.client,
      changed: () => this.focus(),
      refuse: (sentence) => this.#showError(sentence),
    });
    this.#burn = new BurnChoice(() => this.focus());
    this.#field.area.addEventListener("paste", (event) => this.takeFiles(event.clipboardData) && event.preventDefault());
    const emoji = iconButton("smile", t("Emoji"), () => this.#pickEmoji(emoji),
      { "aria-haspopup": "dialog", class: "composer-emoji" });
    this.#row = h("div", { class: "composer-row" }, this.#field.area, this.#files.parts, this.#burn.button, emoji,
      h("button", { type: "submit", class: "composer-send", "aria-label": t("Send"), title: t("Send") }, icon("send")));
    this.element = h("form", { class: "composer", on: { submit: (event) => {
      event.preventDefault();
      this.#send();
      this.#field.area.focus();
    } } }, this.#field.completion, h("div", { class: "composer-box" }, this.#strip, this.#burn.strip, this.#files.element,
      this.#row, this.#closed), this.#error);
  }

  /** @param {string} id of the conversation */
  open(id) {
    const early = this.#conversation === "" ? this.#field.text : ""; // written before it was known where to
    this.close();
    this.#conversation = id;
    this.#files.open(id);
    this.#burn.open(id);
    this.#typedAt = 0;
    this.#showError("");
    const { draft = "", replyTo = null } = this.#state ?? {};
    this.#take(draft || early, replyTo ?? "");
    if (draft === "" && early !== "") {
      this.#keepSoon();
    }
    const back = this.#givenBack.get(id);
    if (back) {
      this.#givenBack.delete(id);
      this.#giveBack(id, back.text, null, back.error);
    }
    this.update();
    if (early !== "" && this.#sendsEarly) {
      this.#send();
    }
    this.#sendsEarly = false;
  }

  close() {
    this.keep();
    this.#conversation = "";
    this.#take("", "");
  }

  /** What is pasted or dropped. @param {DataTransfer | null} transfer @returns {boolean} whether there were files */
  takeFiles(transfer) {
    return !this.#row.hidden && this.#files.take(transfer);
  }

  /** The conversation's state has changed: its name, whether I may write, or the draft, from another tab. */
  update() {
    const state = this.#state;
    const canPost = state?.canPost ?? true;
    this.#row.hidden = !canPost;
    this.#closed.hidden = canPost;
    const isForeign = state && this.#draftTimer === 0 && this.#field.area !== document.activeElement;
    if (isForeign && JSON.stringify([state.draft, state.replyTo ?? ""]) !== this.#saved) {
      this.#take(state.draft, state.replyTo ?? "");
    }
  }

  /** @param {string} title of the conversation, as in "Message #lounge" */
  label(title) {
    this.#field.area.setAttribute("aria-label", t("Message {title}", { title }));
    this.#field.area.setAttribute("placeholder", t("Message {title}", { title }));
  }

  focus() {
    if (!this.#row.hidden) {
      this.#field.area.focus();
    }
  }

  /** Answer to a message; null: no more. @param {any} item */
  reply(item) {
    this.#replyTo = item?.id ?? "";
    this.#showReply();
    this.#keepSoon();
    this.focus();
  }

  get #state() {
    return this.#host.client()?.state.conversations[this.#conversation];
  }

  #take(draft, replyTo) {
    this.#field.text = draft;
    this.#replyTo = replyTo;
    this.#saved = JSON.stringify([draft, replyTo]);
    this.#showReply();
  }

  #onInput() {
    this.#showError("");
    this.#keepSoon();
    const now = Date.now();
    if (!this.#field.isEmpty && now - this.#typedAt >= TYPING_MS) {
      this.#typedAt = now;
      this.#host.client().call("conversation.typing", { conversation: this.#conversation }).catch(() => {});
    }
  }

  #onKey(event) {
    const isPlain = !event.shiftKey && !event.altKey && !event.ctrlKey && !event.metaKey; // others go elsewhere
    if (event.key === "ArrowUp" && this.#field.isEmpty && isPlain) {
      return this.#host.editLast();
    }
    if (event.key === "Escape" && this.#replyTo !== "") {
      this.reply(null);
      announce(t("Not a reply any more"));
      return true;
    }
    if ((event.key === "PageUp" || event.key === "PageDown") && !event.ctrlKey) {
      this.#host.page(event.key === "PageUp" ? -1 : 1);
      return true;
    }
    return false;
  }

  #send() {
    const text = trimmed(this.#field.text);
    this.#sendsEarly = this.#conversation === "" && text !== "";
    if ((text === "" && this.#files.isEmpty) || this.#conversation === "") {
      return;
    }
    if (this.#field.isTooLong) {
      this.#showError(TOO_LONG);
      return;
    }
    const client = this.#host.client();
    const conversation = this.#conversation;
    const mentions = mentionsIn(text, mentionable(client.state));
    const replyTo = this.#replyTo || null;
    const files = this.#files.give();
    const burn = this.#burn.give();
    const params = {
      conversation, text, mentions, ...(files.length > 0 ? { files } : {}), ...(replyTo ? { replyTo } : {}), ...burn,
    };
    client.call("message.send", params).catch((error) => {
      this.#files.giveBack(conversation, files);
      this.#burn.giveBack(conversation, burn);
      this.#giveBack(conversation, text, replyTo, error);
    });
    this.#showError("");
    this.#typedAt = 0;
    this.#take("", "");
    this.#saved = "";
    this.keep();
  }

  /** A message that the engine did not take: its text is here again, before what has been begun since. */
  #giveBack(conversation, text, replyTo, error) {
    if (conversation !== this.#conversation) {
      this.#givenBack.set(conversation, { text: joined(this.#givenBack.get(conversation)?.text ?? "", text), error });
      return;
    }
    this.#take(joined(text, this.#field.text), this.#replyTo || (replyTo ?? ""));
    this.#keepSoon();
    this.#showError(reason(error));
  }

  #showError(sentence) {
    if (this.#error.textContent !== sentence) {
      this.#error.textContent = sentence;
      this.#error.hidden = sentence === "";
    }
  }

  #keepSoon() {
    this.#saved = "";
    clearTimeout(this.#draftTimer);
    this.#draftTimer = setTimeout(() => this.keep(), DRAFT_MS);
  }

  /** Keep what is written, now. */
  keep() {
    clearTimeout(this.#draftTimer);
    this.#draftTimer = 0;
    const text = this.#field.text;
    const now = JSON.stringify([text, this.#replyTo]);
    if (this.#conversation !== "" && now !== this.#saved) {
      this.#saved = now;
      const params = { conversation: this.#conversation, text, replyTo: this.#replyTo || null };
      this.#host.client().call("conversation.draft", params).catch(() => {});
    }
  }

  /** A draft may come back before what it answers to has been loaded. */
  lookUpReply() {
    if (this.#replyTo !== "" && !this.#isReplyKnown) {
      this.#showReply();
    }
  }

  #showReply() {
    const id = this.#replyTo;
    this.#strip.hidden = id === "";
    if (id === "") {
      this.#strip.replaceChildren();
      return;
    }
    const item = this.#host.find(id);
    this.#isReplyKnown = item !== undefined;
    const who = item ? authorOf(item, this.#host.client().state) : t("an earlier message");
    this.#strip.replaceChildren(icon("reply"),
      h("button", { type: "button", class: "reply-to clip", title: t("Go to this message"),
        on: { click: () => this.#host.goTo(id) } },
        h("span", null, rich("Reply to {who}", { who: h("bdi", { class: "quote-who" }, who) })),
        item ? h("span", { class: "quote-text", dir: "auto" }, oneLine(item.text, SNIPPET_CHARS)) : null),
      iconButton("close", t("Do not reply"), () => this.reply(null)));
  }

  #pickEmoji(button) {
    pickEmoji(button, (emoji) => this.#field.insert(emoji), () => this.#field.area.focus());
  }
}

/** The keys of all people by their names, as mentions are written. */
export function mentionable(state) {
  return new Map(Object.values(state.people).map((person) => [person.name.toLowerCase(), person.key]));
}

/** Two texts as one; of those that are empty nothing. */
function joined(before, after) {
  return [before, after].filter((text) => text !== "").join("\n\n");
}

/** Without empty lines before it and white space behind it. */
export function trimmed(text) {
  let from = 0;
  for (let at = text.indexOf("\n"); at >= 0 && text.slice(from, at).trim() === ""; at = text.indexOf("\n", from)) {
    from = at + 1;
  }
  return text.slice(from).trimEnd();
}
