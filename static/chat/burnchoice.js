/**
 * After what time the next message disappears: the button beside the field and the strip over it that says so, for one
 * message of one conversation. Not here: the burn time of a channel or of a person (channelform.js, lock.js), which
 * counts where it is shorter.
 */

import { t } from "../words/words.js";
import { announce } from "./announcer.js";
import { lifeText } from "./burning.js";
import { h, icon, iconButton } from "./dom.js";
import { openMenu } from "./float.js";

const MINUTE_MS = 60_000;
const LIVES_MS = [5 * MINUTE_MS, 60 * MINUTE_MS, 8 * 60 * MINUTE_MS, 24 * 60 * MINUTE_MS, 7 * 24 * 60 * MINUTE_MS];

export class BurnChoice {
  #chosen = /** @type {Map<string, number>} */ (new Map()); // by conversation: another one is looked at meanwhile
  #conversation = "";
  #done;

  /** @param {() => void} done something was chosen, or not */
  constructor(done) {
    this.#done = done;
    this.button = iconButton("flame", t("Let it disappear"), () => this.#ask(), { "aria-haspopup": "menu" });
    this.strip = h("div", { class: "burn-strip", hidden: true });
  }

  /** @param {string} conversation */
  open(conversation) {
    this.#conversation = conversation;
    this.#show();
  }

  /** What goes into the message that is sent now; the one after it stays, unless it is chosen again. */
  give() {
    const burnMs = this.#chosen.get(this.#conversation) ?? 0;
    this.#choose(0);
    return burnMs === 0 ? {} : { burnMs };
  }

  /** A message was not taken. @param {string} conversation @param {{burnMs?: number}} given */
  giveBack(conversation, { burnMs = 0 }) {
    if (burnMs > 0) {
      this.#chosen.set(conversation, burnMs);
      this.#show();
    }
  }

  #choose(burnMs) {
    if (burnMs === 0) {
      this.#chosen.delete(this.#conversation);
    } else {
      this.#chosen.set(this.#conversation, burnMs);
    }
    this.#show();
  }

  #ask() {
    const entries = LIVES_MS.map((ms) => ({ label: t("Disappears after {span}", { span: lifeText(ms) }), icon: "flame", run: () => {
      this.#choose(ms);
      announce(this.#words(ms));
    } }));
    const stays = { label: t("Let it stay"), icon: "close", run: () => this.#choose(0) };
    const hasChosen = this.#chosen.has(this.#conversation);
    openMenu(this.button, t("This message disappears"), hasChosen ? [...entries, null, stays] : entries,
      { onClose: this.#done });
  }

  #show() {
    const burnMs = this.#chosen.get(this.#conversation) ?? 0;
    this.strip.hidden = burnMs === 0;
    this.strip.replaceChildren(...(burnMs === 0 ? [] : [icon("flame"), h("span", { class: "grow" }, this.#words(burnMs)),
      iconButton("close", t("Let it stay"), () => {
        this.#choose(0);
        this.#done();
      })]));
  }

  #words(burnMs) {
    return t("This message disappears after {span}, everywhere", { span: lifeText(burnMs) });
  }
}
