/** What a browser shows that has deleted what it kept for this page while the page was open. */

import { rich, t } from "../words/words.js";
import { copyButton } from "./copy.js";
import { h } from "./dom.js";
import { frame } from "./pageframe.js";

/** What was not sent: from the outbox, and what was begun in the fields, which is told a moment later. */
function unsentOf(client, facts) {
  const begun = Object.values(client?.state.conversations ?? {}).map(({ draft }) => draft);
  return [...new Set([...(facts.unsent ?? []), ...begun])].filter((text) => text.trim() !== "");
}

/**
 * @param {any} client
 * @param {{facts: {unsent?: string[]}}} stop `unsent`: what was written and is not at the hub
 */
export function erasedPage(client, { facts }) {
  const words = h("section", { hidden: true });
  const showWords = () => {
    const unsent = unsentOf(client, facts);
    words.hidden = unsent.length === 0;
    words.replaceChildren(h("h2", null, t("What you had written and was not sent")), ...unsent.map((text) =>
      h("div", { class: "row" }, h("p", { class: "grow unsent", dir: "auto" }, text), copyButton(text, t("Copy")))));
  };
  client?.addEventListener("state", (/** @type {any} */ { detail }) => detail.conversations && showWords());
  showWords();
  return frame(
    { title: t("This browser has deleted what it kept here"), picture: "warn", documentTitle: t("Stopped: deleted") },
    h("p", null, t("Somebody has deleted the data of this page, or the browser has for want of room: your key and the keys of "
      + "what is encrypted are gone from it. What the hub has is untouched.")),
    words,
    h("p", null, rich("Open {hub} again: with a name and a password, a recovery code, or an invite you come in.",
      { hub: h("bdi", null, client?.state.hub.name ?? "") })),
    h("p", { class: "row" },
      h("button", { type: "button", class: "button primary", on: { click: () => location.reload() } }, t("Open again"))),
  );
}
