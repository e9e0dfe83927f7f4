/** The frame of a page that is not the chat: one column, a title, what there is to say. */

import { h, icon } from "./dom.js";

/**
 * @param {{title: string, picture?: string, danger?: boolean, documentTitle?: string}} options
 * @param {...any} children
 */
export function frame({ title, picture, danger = false, documentTitle = "" }, ...children) {
  if (documentTitle) {
    document.title = documentTitle;
  }
  return h("main", { class: "page" },
    picture ? h("div", { class: danger ? "page-picture danger" : "page-picture" }, icon(picture)) : null,
    h("h1", { tabindex: -1 }, title), ...children);
}
