/**
 * Whether hubs agree on what was said in a channel, recomputed in this browser (client/agreement.js): quietly in the
 * channel's details, loudly over the channel where the hub hides something.
 */

import { announce } from "./announcer.js";
import { plural, t } from "../words/words.js";
import { h, icon } from "./dom.js";
import { reason } from "./words.js";

/**
 * @param {any} client
 * @param {string} conversation a channel
 */
export function agreementSection(client, conversation) {
  const says = h("p", { class: "agreement", role: "status" },
    t("Whether the hub shows you all that it and other hubs hold of this channel."));
  const button = /** @type {HTMLButtonElement} */ (h("button", { type: "button", class: "button",
    on: { click: () => check() } }, t("Compare with the hubs")));
  const showKnown = () => {
    const known = client.state.agreements[conversation];
    if (known && !button.disabled) {
      show(says, known);
    }
  };
  const element = h("section", { class: "agreement-section" }, says, button);
  client.addEventListener("state", function changed(/** @type {any} */ { detail }) {
    if (!element.isConnected) {
      client.removeEventListener("state", changed);
    } else if (detail.agreements?.includes(conversation)) {
      showKnown();
    }
  });
  showKnown();

  async function check() {
    button.disabled = true;
    says.className = "agreement";
    says.replaceChildren(t("Reading the channel and comparing"));
    try {
      show(says, await client.call("agreement.check", { conversation }));
    } catch (error) {
      says.replaceChildren(reason(error));
    }
    button.disabled = false;
  }
  return element;
}

function messagesText(count) {
  return plural("{count} message", "{count} messages", count);
}

function hiding({ messages, stated }) {
  return t("The hub hides something: it has signed for {stated} here, but what it showed you ({shown}) is not what it "
    + "signed for.", { stated: messagesText(stated), shown: messagesText(messages) });
}

function show(says, result) {
  const { own, others, messages, isWhole } = result;
  const agreed = others.filter(({ agrees }) => agrees).length + (own === "agrees" ? 1 : 0);
  if (own !== "agrees") {
    says.className = "agreement note warn";
    says.replaceChildren(icon("warn"), h("span", null, hiding(result), " ",
      t("Ask its operator, and compare with somebody on another hub.")));
    return;
  }
  const differing = others.length + 1 - agreed;
  const hubs = plural("{count} hub", "{count} hubs", agreed);
  const held = isWhole ? messagesText(messages) : plural("the newest message", "the newest {count} messages", messages);
  says.replaceChildren(icon("check"), h("span", null, t("Agrees with {hubs}: {held}.", { hubs, held }), " ", differing === 0
    ? others.length === 0 ? t("No other hub holds this channel now.") : ""
    : plural("{count} linked hub holds other messages: they may be on their way, or one of the hubs hides something.",
      "{count} linked hubs hold other messages: they may be on their way, or one of the hubs hides something.", differing)));
  if (differing > 0) {
    says.classList.add("note", "warn");
  }
}

/** Over a channel of which the hub hides something. */
export class AgreementBar {
  element = h("section", { class: "connect-bar agreement-bar", hidden: true, "aria-label": t("What the hub hides") });
  #client;
  #shown = null;

  /** @param {() => any} client */
  constructor(client) {
    this.#client = client;
  }

  /** @param {string} conversation */
  show(conversation) {
    const result = this.#client().state.agreements[conversation];
    const hides = result?.own === "differs" ? result : null;
    if (hides === this.#shown) {
      return;
    }
    this.#shown = hides;
    this.element.hidden = hides === null;
    this.element.replaceChildren(...(hides ? [
      icon("warn"),
      h("p", { class: "grow", role: "alert" }, hiding(hides), " ", t("Messages may be missing below.")),
      this.#again(conversation),
    ] : []));
  }

  #again(conversation) {
    const button = /** @type {HTMLButtonElement} */ (h("button", { type: "button", class: "button small", on: {
      click: async () => {
        button.disabled = true;
        try {
          const { own } = await this.#client().call("agreement.check", { conversation });
          announce(own === "agrees" ? t("The hub agrees now") : t("The hub still hides something"));
        } catch (error) {
          announce(reason(error));
        }
        button.disabled = false;
      } } }, t("Compare again")));
    return button;
  }
}
