/** The band over the chat when the vault asks for its person: an older one was shown, or the password is another. */

import { t } from "../words/words.js";
import { announce } from "./announcer.js";
import { h, icon } from "./dom.js";
import { openVault, STATUS } from "./vaultdialog.js";

export class VaultBand {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.client = app.client;
    this.text = h("span", null);
    this.element = h("div", { class: "band", hidden: true }, icon("warn"), this.text,
      h("button", { type: "button", class: "link", on: { click: () => openVault(app) } }, t("Look at it")));
    this.update({ vault: true });
  }

  /** @param {any} detail what changed in the client's state */
  update(detail) {
    const status = this.client.state.vault?.status;
    if ("vault" in detail) {
      const text = ["stale", "older", "gone"].includes(status) ? STATUS[status] : "";
      if (text && text !== this.text.textContent) {
        announce(text);
      }
      this.text.textContent = text;
      this.element.hidden = text === "";
    }
  }
}
