/**
 * A link into a space, followed to its hub by somebody who has no account there: what to do, and the way to one's own
 * hub, which asks this one (protocol.md section 7). Not here: joining (joinspace.js).
 */

import { t } from "../words/words.js";
import { h } from "./dom.js";
import { textField } from "./form.js";

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * The origin that somebody means by an address; "" where it is none of a hub: browsers give keys to https, or to this
 * computer, alone.
 * @param {string} typed
 */
export function hubOrigin(typed) {
  const text = typed.trim();
  if (text === "") {
    return "";
  }
  try {
    const { protocol, hostname, origin } = new URL(text.includes("://") ? text : `https://${text}`);
    return protocol === "https:" || (protocol === "http:" && LOOPBACK.test(hostname)) ? origin : "";
  } catch {
    return "";
  }
}

/**
 * @param {string} link that was followed
 * @param {string} hub what the hub is called
 * @returns {(HTMLElement | string)[]} for the page without an account
 */
export function spaceGuest(link, hub) {
  const field = textField(t("Address of your hub"), {
    required: true, spellcheck: "false", autocapitalize: "off", inputmode: "url", placeholder: "https://hub.example",
    "data-first": true,
  });
  const error = h("p", { class: "error", role: "alert" });
  const go = (/** @type {Event} */ event) => {
    event.preventDefault();
    const origin = hubOrigin(field.input.value);
    if (origin === "" || origin === location.origin) {
      error.textContent = origin === "" ? t("An address looks like https://hub.example.")
        : t("That is this hub. If your account is here, log in below.");
      field.input.focus();
      return;
    }
    location.assign(`${origin}/space${new URL(link).hash}`);
  };
  return [
    h("p", { class: "lead" }, t("The link leads into a space on the hub {hub}. With an account on a hub that is linked with this one you can "
      + "join from there: say which, and the link opens on your own hub.", { hub })),
    h("form", { class: "stack", on: { submit: go } }, field.element, error,
      h("button", { type: "submit", class: "button primary big" }, t("Open on my hub"))),
    h("p", { class: "meta" }, t("With an account here, log in, and the space opens. With neither, ask whoever gave you the link for an invite.")),
  ];
}
