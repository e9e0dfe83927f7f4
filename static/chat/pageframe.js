/** The frame of a page that is not the chat, and what several of them show. */

import { t } from "../words/words.js";
import { h, icon } from "./dom.js";
import { keyBox } from "./person.js";

/**
 * @param {{title: string, picture?: string, danger?: boolean, documentTitle?: string}} options
 * @param {...any} children
 */
export function frame({ title, picture, danger = false, documentTitle = "" }, ...children) {
  if (documentTitle) {
    document.title = documentTitle;
  }
  return h(
    "main",
    { class: "page" },
    picture ? h("div", { class: danger ? "page-picture danger" : "page-picture" }, icon(picture)) : null,
    h("h1", { tabindex: -1 }, title),
    ...children,
  );
}

/** What the hub is called, as far as it is known. @param {any} client */
export function hubName(client) {
  return client.state.hub?.name || document.title;
}

/** The hub's key, folded. @param {string} key */
export function hubKey(key) {
  return h(
    "details",
    null,
    h("summary", null, t("This hub's key")),
    keyBox(
      t("The hub's key"),
      key,
      t("Compare it with what the person who invited you sees. If it differs, you are not talking to the same hub."),
    ),
  );
}

/** How to join without a browser, folded. */
export function commandLine() {
  return h(
    "details",
    null,
    h("summary", null, t("Join from a terminal")),
    h(
      "p",
      { class: "meta" },
      t("In a copy of the Accord Hub source, with Python 3.11 or newer. Keep the quotation marks, they keep your "
        + "link whole."),
    ),
    h("pre", { tabindex: 0 }, h("code", null, `pip install .\naccord join '<${t("your link")}>'`)),
  );
}
