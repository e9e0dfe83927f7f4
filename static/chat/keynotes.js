/**
 * What is to be said of keys without being asked: that there is no recovery code yet, at the foot of the list, and that
 * a key is being replaced, in a band.
 */

import { announce } from "./announcer.js";
import { h, icon } from "./dom.js";
import { openMyKeys } from "./mykeys.js";

const WHEN = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

export class KeyNotes {
  #looked = -1;

  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    const open = () => openMyKeys(app);
    this.nudge = h("button", { type: "button", class: "key-nudge", hidden: true, on: { click: open } }, icon("key"),
      h("span", { class: "grow" }, "Save your recovery code"));
    this.text = h("span", null);
    this.band = h("div", { class: "band", hidden: true }, icon("warn"), this.text,
      h("button", { type: "button", class: "link", on: { click: open } }, "Look at it"));
    this.update({ link: true });
  }

  /** @param {any} detail what changed in the client's state */
  update(detail) {
    const { link, keysSeen } = this.app.client.state;
    if (link.status === "online" && ((detail.link && this.#looked < 0) || keysSeen !== this.#looked)) {
      this.#looked = keysSeen;
      this.look();
    }
  }

  /** Ask the hub how it stands. */
  async look() {
    const { client } = this.app;
    try {
      const [{ recovery, coming }, { items }] = await Promise.all([
        client.call("keys.state", {}), client.call("keys.replacements", {}),
      ]);
      this.nudge.hidden = recovery !== null || coming !== null || client.state.me?.isAdmin === true;
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
  const whose = item.isMine ? "your key" : `${item.name}'s key`;
  return item.state === "waiting"
    ? `A new key takes the place of ${whose} on ${WHEN.format(item.due_at)}.`
    : `Somebody asks to replace ${whose}: ${item.vouched} of ${item.needed} have vouched.`;
}
