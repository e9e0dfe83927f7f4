/** All that I have written here, as a file that is made in this browser. */

import { plural, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { h } from "./dom.js";
import { reason } from "./words.js";

const KEPT_MS = 10_000;

/** The section of the settings. @param {any} client @param {AbortSignal} signal ends with the dialog */
export function exportSection(client, signal) {
  const says = h("p", { class: "meta", role: "status" },
    t("Everything that you have written and this browser can read, as a file of JSON. It holds no words of others."));
  const button = /** @type {HTMLButtonElement} */ (h("button", { type: "button", class: "button",
    on: { click: () => run() } }, t("Save what I wrote")));
  const progress = ({ detail }) => {
    if (detail.search && button.disabled) {
      says.textContent = plural("Reading: {count} message so far.", "Reading: {count} messages so far.",
        client.state.search.texts);
    }
  };
  client.addEventListener("state", progress, { signal });

  async function run() {
    button.disabled = true;
    try {
      const messages = await client.call("export.mine");
      save(client, messages);
      says.textContent = plural("Saved: {count} message.", "Saved: {count} messages.", messages.length);
      announce(says.textContent);
    } catch (error) {
      says.textContent = reason(error);
    }
    button.disabled = false;
  }
  return h("section", null, h("h3", null, t("My words")), says, button);
}

function save(client, messages) {
  const { hub, me } = client.state;
  const at = new Date();
  const whole = { hub: hub.name, hub_key: hub.key, name: me?.name, key: me?.key, exported_at: at.getTime(), messages };
  const url = URL.createObjectURL(new Blob([`${JSON.stringify(whole, null, 1)}\n`], { type: "application/json" }));
  h("a", { href: url, download: `my-words-${at.toISOString().slice(0, 10)}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}
