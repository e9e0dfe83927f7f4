/** In a channel's details: whether hubs agree on what was said there, recomputed in this browser. */

import { h, icon } from "./dom.js";
import { reason } from "./words.js";

/**
 * @param {any} client
 * @param {string} conversation a channel
 */
export function agreementSection(client, conversation) {
  const says = h("p", { class: "agreement", role: "status" },
    "Whether the hub shows you all that it and other hubs hold of this channel.");
  const button = /** @type {HTMLButtonElement} */ (h("button", { type: "button", class: "button",
    on: { click: () => check() } }, "Compare with the hubs"));

  async function check() {
    button.disabled = true;
    says.className = "agreement";
    says.replaceChildren("Reading the channel and comparing");
    try {
      show(says, await client.call("agreement.check", { conversation }));
    } catch (error) {
      says.replaceChildren(reason(error));
    }
    button.disabled = false;
  }
  return h("section", { class: "agreement-section" }, says, button);
}

function show(says, { own, others, messages, stated }) {
  const held = `${messages.toLocaleString("en-GB")} ${messages === 1 ? "message" : "messages"}`;
  const agreed = others.filter(({ agrees }) => agrees).length + (own === "agrees" ? 1 : 0);
  if (own !== "agrees") {
    says.className = "agreement note warn";
    says.replaceChildren(icon("warn"), h("span", null, `The hub hides something: it has signed for ${
      stated.toLocaleString("en-GB")} messages here, but what it showed you (${held}) is not what it signed for. `,
    "Ask its operator, and compare with somebody on another hub."));
    return;
  }
  const differing = others.length + 1 - agreed;
  const hubs = `${agreed} ${agreed === 1 ? "hub" : "hubs"}`;
  says.replaceChildren(icon("check"), h("span", null, `Agrees with ${hubs}: ${held}. `, differing === 0
    ? others.length === 0 ? "No other hub holds this channel now." : ""
    : `${differing} linked ${differing === 1 ? "hub holds" : "hubs hold"} other messages: they may be on their way, or `
      + "one of the hubs hides something."));
  if (differing > 0) {
    says.classList.add("note", "warn");
  }
}
