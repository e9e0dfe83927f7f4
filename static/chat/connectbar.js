/**
 * The bar over a direct conversation about its privacy: somebody asks to talk encrypted, one waits for an answer, or it
 * is encrypted and the keys have not been compared yet. Not here: keys and messages themselves (client/connections.js).
 */

import { rich, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { h, icon } from "./dom.js";
import { openCompare } from "./keywords.js";
import { nameOf } from "./message.js";
import { pref, setPref } from "./prefs.js";
import { reason } from "./words.js";

const DONE = { accept: t("Encrypted from now on"), decline: t("Declined"), ask: t("Asked") };
const LATER = "compare-later.";

export class ConnectBar {
  #client;
  #face = "";

  /** @param {() => any} client */
  constructor(client) {
    this.#client = client;
    this.element = h("section", { class: "connect-bar", hidden: true, "aria-label": t("Privacy of this conversation") });
  }

  /** @param {any} conversation as the client's state has it */
  show(conversation) {
    const client = this.#client();
    const key = conversation?.kind === "direct" && !conversation.isBlocked ? conversation.with : "";
    const { state = "none" } = client.state.connections[key] ?? {};
    const person = client.state.people[key];
    const isChecked = person?.isVerified === true || pref(LATER + key) !== null;
    const name = key ? nameOf(key, client.state, conversation.name) : "";
    const wanted = key === "" || conversation.keyChanged ? "" : state === "connected" && isChecked ? "" : state;
    const face = JSON.stringify([wanted, key, name]);
    if (face === this.#face) {
      return;
    }
    this.#face = face;
    const make = { asking: this.#asking, asked: this.#asked, connected: this.#unchecked, declined: this.#declined }[wanted];
    this.element.hidden = make === undefined;
    const hadFocus = this.element.contains(document.activeElement);
    this.element.replaceChildren(...(make ? make.call(this, key, h("bdi", null, name)) : []));
    if (hadFocus && make) {
      this.element.querySelector("button")?.focus();
    }
  }

  #button(label, run, isFirst = false) {
    return h("button", { type: "button", class: `button small${isFirst ? " primary" : ""}`, on: { click: run } }, label);
  }

  #call(deed, key) {
    return async () => {
      try {
        await this.#client().call(`connection.${deed}`, { key });
        announce(DONE[deed]);
      } catch (failure) {
        announce(reason(failure));
        this.element.append(h("p", { class: "error", role: "alert" }, reason(failure)));
      }
    };
  }

  #asking(key, name) {
    return [
      icon("lock"),
      h("p", { class: "grow" },
        rich("{name} asks to talk encrypted: only you two can then read what you write here.", { name })),
      this.#button(t("Accept"), this.#call("accept", key), true),
      this.#button(t("Decline"), this.#call("decline", key)),
    ];
  }

  #asked(key, name) {
    return [icon("lock"), h("p", { class: "grow" }, rich("Waiting for {name} to accept. What you write waits here and goes "
      + "out encrypted as soon as they have.", { name }))];
  }

  #declined(key, name) {
    return [icon("open"), h("p", { class: "grow" }, rich("{name} has not accepted to talk encrypted. What you write here "
      + "the hub can read.", { name })), this.#button(t("Ask again"), this.#call("ask", key))];
  }

  #unchecked(key, name) {
    const later = () => {
      setPref(LATER + key, "1");
      this.show(this.#client().state.conversations[`direct:${key}`]);
    };
    return [
      icon("lock"),
      h("p", { class: "grow" }, rich("Encrypted between you two. To be sure that it is {name}, compare a few words.", { name })),
      this.#button(t("Compare words"), () => openCompare(this.#client(), key), true),
      this.#button(t("Later"), later),
    ];
  }
}
