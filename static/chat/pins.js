/** The panel of pinned messages: a popover under the header's button, a sheet on phones. */

import { t } from "../words/words.js";
import { avatar, dateText, h, icon, iconButton, timeText } from "./dom.js";
import { showBeside } from "./float.js";
import { authorOf } from "./message.js";
import { renderText } from "./text.js";
import { reason } from "./words.js";

/**
 * @param {Element} from
 * @param {any} client
 * @param {string} conversation
 * @param {(id: string) => void} goTo
 */
export function openPins(from, client, conversation, goTo) {
  const list = h("div", { class: "pins-list", tabindex: "-1" }, h("p", { class: "meta" }, t("Looking them up")));
  const panel = h("div", { class: "pins float sheet", popover: "auto", role: "dialog",
    "aria-label": t("Pinned messages") },
    h("header", null, h("h2", null, t("Pinned messages")), iconButton("close", t("Close"), () => panel.hidePopover())), list);
  let target = "";
  panel.addEventListener("toggle", (event) => {
    if (event.newState === "closed") {
      panel.remove();
      from.setAttribute("aria-expanded", "false");
      if (target !== "") {
        goTo(target);
      }
    }
  });
  const choose = (id) => {
    target = id;
    panel.hidePopover();
  };
  showBeside(panel, from);
  from.setAttribute("aria-expanded", "true");
  panel.querySelector("button")?.focus();
  fill(list, client, conversation, choose);
}

async function fill(list, client, conversation, choose) {
  try {
    const items = await client.call("conversation.pins", { conversation });
    const { canPin } = client.state.conversations[conversation] ?? {};
    const cards = items.map((item) => pinned(client, item, choose, list));
    list.replaceChildren(...(cards.length > 0 ? cards : empty(canPin)));
  } catch (error) {
    list.replaceChildren(h("p", { class: "error" }, reason(error)));
  }
}

function empty(canPin) {
  return [h("p", { class: "pins-empty" }, icon("pin"), canPin
    ? t("Nothing is pinned yet. Choose “Pin” in a message's menu to keep it at hand for everybody.")
    : t("Nothing is pinned yet. An admin can pin what everybody should find again."))];
}

function pinned(client, item, choose, list) {
  const { state } = client;
  const person = state.people[item.author] ?? { key: item.author, name: authorOf(item, state) };
  const isHidden = state.marks[item.author] === "blocked";
  const element = isHidden ? h("p", { class: "gone" }, t("hidden message")) : renderText(item, state).element;
  const unpin = async () => {
    await client.call("message.pin", { conversation: item.conversation, id: item.id, on: false });
    card.remove();
    if (list.childElementCount === 0) {
      list.replaceChildren(...empty(true));
    }
    list.focus();
  };
  const card = h("article", { class: "pin", "aria-label": `${authorOf(item, state)}, ${dateText(item.at)}` },
    h("div", { class: "pin-head" }, avatar(person, { small: true }),
      h("bdi", { class: "who clip" }, authorOf(item, state)),
      h("time", { class: "meta" }, `${dateText(item.at)}, ${timeText(item.at)}`)),
    element,
    h("div", { class: "pin-verbs" },
      h("button", { type: "button", class: "button small", on: { click: () => choose(item.id) } }, t("Go to message")),
      item.canPin ? h("button", { type: "button", class: "button small quiet", on: { click: unpin } }, t("Unpin"))
        : null));
  return card;
}
