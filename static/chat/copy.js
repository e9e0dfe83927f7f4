/** Copying to the clipboard, and saying so. */

import { t } from "../words/words.js";
import { announce } from "./announcer.js";
import { h, icon } from "./dom.js";

const SHOWN_MS = 2_000;

/**
 * A button that copies a text. With `word`, it shows a word beside the icon.
 * @param {string} text
 * @param {string} label
 * @param {{word?: string, class?: string}} [options]
 */
export function copyButton(text, label, { word = "", class: extra = "" } = {}) {
  const face = () => [icon("copy"), word];
  const button = h(
    "button",
    { type: "button", class: word ? `button ${extra}` : "icon-button", "aria-label": label, title: label },
    ...face(),
  );
  let timer = 0;
  button.addEventListener("click", async () => {
    const done = await copy(text, button);
    announce(done ? t("Copied") : t("This browser did not allow copying; mark the text and copy it yourself"));
    button.replaceChildren(icon(done ? "check" : "warn"), word ? (done ? t("Copied") : t("Not copied")) : "");
    clearTimeout(timer);
    timer = setTimeout(() => button.replaceChildren(...face()), SHOWN_MS);
  });
  return button;
}

async function copy(text, beside) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyOldWay(text, beside);
  }
}

function copyOldWay(text, beside) {
  const area = /** @type {HTMLTextAreaElement} */ (
    h("textarea", { class: "visually-hidden", "aria-hidden": "true", tabindex: -1, readonly: true, value: text })
  );
  beside.after(area); // inside an open dialog nothing outside of it can be selected
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  beside.focus();
  return done;
}
