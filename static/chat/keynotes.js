/**
 * What is to be said of keys without being asked: that no recovery code is saved yet, at the foot of the list, and that
 * a key is being replaced, in a band.
 */

import { locale, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { h, icon } from "./dom.js";
import { hasWayBack, openMyKeys } from "./mykeys.js";
import { openFirstCode } from "./vaultcode.js";

const WHEN = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });

export class KeyNotes {
  #looked = -1;
  #needsCode = false;

  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    const open = () => openMyKeys(app);
    const save = () => (this.#isCodeHere ? openFirstCode(app.client) : open());
    this.nudge = h("button", { type: "button", class: "key-nudge", hidden: true, on: { click: save } }, icon("key"),
      h("span", { class: "grow" }, t("Save your recovery code")));
    this.text = h("span", null);
    this.band = h("div", { class: "band", hidden: true }, icon("warn"), this.text,
      h("button", { type: "button", class: "link", on: { click: open } }, t("Look at it")));
    this.update({ link: true });
  }

  /** @param {any} detail what changed in the client's state */
  update(detail) {
    const { link, keysSeen } = this.app.client.state;
    this.#nudge();
    if (link.status === "online" && ((detail.link && this.#looked < 0) || keysSeen !== this.#looked)) {
      this.#looked = keysSeen;
      this.look();
    }
  }

  get #isCodeHere() {
    return this.app.client.state.vault?.code === "here";
  }

  /** A code of the vault or one of the account: whoever has neither is asked to save one. */
  #nudge() {
    const { vault } = this.app.client.state;
    this.nudge.hidden = !this.#isCodeHere && ((hasWayBack(vault) && vault.hasRecovery) || !this.#needsCode);
  }

  /** Ask the hub how it stands. */
  async look() {
    const { client } = this.app;
    try {
      const [{ recovery, coming }, { items }] = await Promise.all([
        client.call("keys.state", {}), client.call("keys.replacements", {}),
      ]);
      this.#needsCode = recovery === null && coming === null && client.state.me?.isAdmin !== true;
      this.#nudge();
      this.#show(items);
    } catch {
      this.#looked = -1; // with the next connection
    }
  }

  #show(items) {
    const item = items.find((each) => each.isMine) ?? items.find((each) => each.may_cancel) ?? items[0];
    const text = item === undefined ? "" : sentenceOf(item);
    if (text && text !== this.text.textContent) {
      announce(text);
    }
    this.text.textContent = text;
    this.band.hidden = text === "";
  }
}

function sentenceOf(item) {
  const { isMine, name, vouched, needed } = item;
  if (item.state === "waiting") {
    const moment = WHEN.format(item.due_at);
    return isMine
      ? t("A new key takes the place of your key on {moment}.", { moment })
      : t("A new key takes the place of {name}'s key on {moment}.", { name, moment });
  }
  return isMine
    ? t("Somebody asks to replace your key: {vouched} of {needed} have vouched.", { vouched, needed })
    : t("Somebody asks to replace {name}'s key: {vouched} of {needed} have vouched.", { name, vouched, needed });
}
