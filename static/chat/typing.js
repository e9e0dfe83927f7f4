/** The line that says who is writing; it keeps its height, so that nothing moves. */

import { rich, t } from "../words/words.js";
import { h } from "./dom.js";
import { nameOf } from "./message.js";

const MAX_NAMED = 3;

/** @returns {HTMLElement} */
export function typingLine() {
  return h("p", { class: "typing-line", "aria-hidden": "true" });
}

/**
 * @param {HTMLElement} line
 * @param {any} state of the client
 * @param {string} conversation
 */
export function showTyping(line, state, conversation) {
  const keys = (state.typing[conversation] ?? []).filter((key) => key !== state.me?.key);
  const names = keys.map((key) => h("bdi", null, nameOf(key, state)));
  line.classList.toggle("is-on", keys.length > 0);
  if (keys.length === 0) {
    line.replaceChildren();
  } else if (keys.length > MAX_NAMED) {
    line.replaceChildren(dots(), t("Several people are typing"));
  } else {
    const [one, two, three] = names;
    line.replaceChildren(dots(), ...(
      names.length === 1 ? rich("{one} is typing", { one })
        : names.length === 2 ? rich("{one} and {two} are typing", { one, two })
          : rich("{one}, {two} and {three} are typing", { one, two, three })));
  }
}

function dots() {
  return h("span", { class: "typing-dots" }, h("i"), h("i"), h("i"));
}
