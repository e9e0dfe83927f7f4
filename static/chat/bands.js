/**
 * The thin bands over the chat: the hub is out of reach, the clock is wrong, a space is mine no longer. A
 * short break shows nothing, so that the conversation does not jump.
 */

import { plural, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { spanText } from "./burning.js";
import { h, icon, iconButton } from "./dom.js";

const PATIENCE_MS = 1_500;
const FIRST_PATIENCE_MS = 4_000;
const TICK_MS = 500;
const MINUTE_MS = 60_000;

export class Bands {
  /** @param {any} client */
  constructor(client) {
    this.client = client;
    this.patience = 0;
    this.ticks = 0;
    this.wasOnline = false;
    this.linkText = h("span", null);
    this.linkButton = h("button", { type: "button", class: "link", on: { click: () => this.#tryNow() } }, t("Try now"));
    this.waitingText = h("span", { class: "dim" });
    this.link = h(
      "div",
      { class: "band", hidden: true },
      icon("offline"),
      this.linkText,
      this.linkButton,
      this.waitingText,
    );
    this.clockText = h("span", null);
    this.clock = h(
      "div",
      { class: "band", hidden: true },
      icon("warn"),
      this.clockText,
      iconButton("close", t("Hide"), () => {
        this.clock.hidden = true;
      }),
    );
    this.spaces = new Map(); // by id: what they are called
    this.leftSpace = "";
    this.leftText = h("span", { class: "grow" });
    this.left = h("div", { class: "band", hidden: true }, icon("leave"), this.leftText,
      iconButton("close", t("Hide"), () => {
        this.left.hidden = true;
      }));
    this.element = h("section", { class: "bands", "aria-label": t("Notices") }, this.link, this.clock, this.left);
    this.#lookAtSpaces();
    this.#showLink();
    this.#showClock();
  }

  /** @param {any} detail what changed */
  update(detail) {
    if (detail.link) {
      this.#showLink();
    }
    if (detail.outboxCount && !this.link.hidden) {
      this.#showText();
    }
    if (detail.clock) {
      this.#showClock();
    }
    if (detail.spaces) {
      this.#lookAtSpaces();
    }
  }

  close() {
    clearTimeout(this.patience);
    clearInterval(this.ticks);
  }

  #showLink() {
    if (this.client.state.link.status === "online") {
      clearTimeout(this.patience);
      clearInterval(this.ticks);
      this.patience = 0;
      if (!this.link.hidden) {
        const hadFocus = this.link.contains(document.activeElement);
        this.link.hidden = true;
        announce(t("Connected again"));
        if (hadFocus) {
          document.querySelector("accord-conversation")?.["focusComposer"]();
        }
      }
      this.wasOnline = true;
    } else if (!this.link.hidden) {
      this.#showText();
    } else if (this.patience === 0) {
      this.patience = setTimeout(() => this.#reveal(), this.wasOnline ? PATIENCE_MS : FIRST_PATIENCE_MS);
    }
  }

  #reveal() {
    this.link.hidden = false;
    this.#showText();
    announce(t("The hub is out of reach. What you write waits and goes out when it is back."));
    this.ticks = setInterval(() => this.#showText(), TICK_MS);
  }

  #showText() {
    const { link, outboxCount } = this.client.state;
    const seconds = link.retryAt === null ? 0 : Math.ceil((link.retryAt - Date.now()) / 1000);
    const isWaiting = link.status === "offline" && seconds > 0;
    const why = link.code === "busy" || link.code === "rate" ? `${t("The hub is busy.")} ` : "";
    setText(this.linkText, why + (isWaiting ? t("Reconnecting in {seconds} s", { seconds }) : t("Reconnecting …")));
    this.linkButton.hidden = !isWaiting;
    setText(this.waitingText, outboxCount === 0 ? "" : plural("{count} message waits; sent in order when the hub is back",
      "{count} messages wait; sent in order when the hub is back", outboxCount));
  }

  #showClock() {
    const { offsetMs } = this.client.state.clock;
    this.clock.hidden = offsetMs === 0;
    if (offsetMs !== 0) {
      const minutes = Math.round(Math.abs(offsetMs) / MINUTE_MS);
      const by = minutes < 120 ? plural("{count} minute", "{count} minutes", minutes) : spanText(Math.abs(offsetMs));
      const text = offsetMs < 0
        ? t("Your computer's clock is {by} ahead; the hub's time is used.", { by })
        : t("Your computer's clock is {by} behind; the hub's time is used.", { by });
      setText(this.clockText, text);
      announce(text);
    }
  }

  /** Whoever is put out of a space finds it gone from the list: it is said, unless they are in again. */
  #lookAtSpaces() {
    const { spaces } = this.client.state;
    for (const [id, name] of this.spaces) {
      if (!(id in spaces)) {
        const text = t("You are no longer a member of {name}.", { name });
        this.leftSpace = id;
        setText(this.leftText, text);
        this.left.hidden = false;
        announce(text);
      }
    }
    this.left.hidden ||= this.leftSpace in spaces;
    this.spaces = new Map(Object.entries(spaces).map(([id, { name }]) => [id, name]));
  }

  async #tryNow() {
    setText(this.linkText, t("Reconnecting …"));
    await this.client.call("link.retry", {}).catch(() => {});
  }
}

function setText(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}
