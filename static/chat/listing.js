/** Lists that come from the hub: a line while they load, the reason and another try when they do not. */

import { t } from "../words/words.js";
import { h } from "./dom.js";
import { reason } from "./words.js";

/** The line above such a list. */
export function busyList() {
  return h("div", { class: "listing", role: "status" }, t("Loading …"));
}

/**
 * Fill a list when its answer is there.
 * @param {Promise<any>} answer
 * @param {HTMLElement} status
 * @param {(value: any) => void} fill
 */
export async function fillList(answer, status, fill) {
  let value;
  try {
    value = await answer;
  } catch (failure) {
    status.hidden = false;
    status.replaceChildren(h("p", { class: "error" }, reason(failure)));
    return;
  }
  status.hidden = true;
  fill(value);
}
