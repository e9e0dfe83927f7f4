/**
 * An invite to pass on: its link to copy or to scan, its code to tell, and the card of it on paper, on which the code is
 * not. Not here: making one (inviteform.js), what became of it (invites.js).
 */

import { copyButton } from "./copy.js";
import { append, groups, h, icon } from "./dom.js";
import { qrPicture } from "./qr.js";

const UNTIL = new Intl.DateTimeFormat("en-GB", {
  weekday: "long",
  day: "numeric",
  month: "long",
  hour: "2-digit",
  minute: "2-digit",
});
const HALF_CODE = 5;

/** @typedef {{link: string, code: string, people: number, expires: number, label: string, name?: string}} Made */

/** A moment in words. @param {number} ms */
export function momentText(ms) {
  return UNTIL.format(ms);
}

function showCode(code) {
  return `${code.slice(0, HALF_CODE)}-${code.slice(HALF_CODE)}`;
}

function uses({ people, expires }) {
  return people === 1
    ? `Works once, until ${UNTIL.format(expires)}.`
    : `Works for ${people} people, until ${UNTIL.format(expires)}.`;
}

/**
 * @param {import("./app.js").App} app
 * @param {Made} invite
 * @param {{hasTitle?: boolean}} [options]
 */
export function linkBox(app, invite, { hasTitle = true } = {}) {
  const { link, code, label, people } = invite;
  const whom = label || invite.name;
  const title = whom ? `For ${whom}` : "";
  const field = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "text",
      readonly: true,
      value: link,
      "aria-label": "Invite link",
      class: "link-field",
      on: { focus: () => field.select() },
    })
  );
  const print = h(
    "button",
    { type: "button", class: "button", on: { click: () => printCard(app, invite) } },
    "Print card",
  );
  const first = people === 1 ? "whoever opens it first is in" : "whoever has it can take a place";
  const care = code ? "Send the link by one way, and tell the code by another." : `Send it in private: ${first}.`;
  return h(
    "section",
    { class: "link-box", "aria-label": whom ? `Invite for ${whom}` : "New invite" },
    qrPicture(link, "The invite link as a QR code"),
    h(
      "div",
      { class: "stack grow" },
      title && hasTitle ? h("h3", null, title) : null,
      field,
      h("div", { class: "row wrap" }, copyButton(link, "Copy link", { word: "Copy link", class: "primary" }), print),
      code ? codeLine(code) : null,
      h("p", { class: "meta" }, `${uses(invite)} ${care}`),
    ),
  );
}

function codeLine(code) {
  const shown = showCode(code);
  return h(
    "div",
    { class: "invite-code" },
    h("span", { class: "grow" }, "Code ", h("b", { class: "code-text" }, shown)),
    copyButton(shown, "Copy code"),
  );
}

/** Print the card of an invite, alone on its page. @param {import("./app.js").App} app @param {Made} invite */
export function printCard(app, invite) {
  document.querySelector(".print-card")?.remove();
  const card = cardOf(app, invite);
  document.body.append(card);
  globalThis.addEventListener("afterprint", () => card.remove(), { once: true });
  globalThis.print();
}

function cardOf(app, { link, code, people, expires }) {
  const { hub, me } = app.client.state;
  const inviter = me.displayName || me.name;
  const steps = h("ol", null);
  const address = h("span", { class: "print-link" }, link);
  append(steps, [
    h("li", null, "Scan this with a phone's camera, or type the address into a browser:", address),
    code ? h("li", null, `Ask ${inviter} for the code. It is not on this card.`) : null,
    h("li", null, "Choose a name, and you are in."),
  ]);
  return h(
    "section",
    { class: "print-card", "aria-hidden": "true" },
    h("p", { class: "print-mark" }, icon("invite"), "Invitation"),
    h("h1", null, h("bdi", null, hub.name)),
    h("p", { class: "print-by" }, h("bdi", null, inviter), people === 1 ? " invites you." : " invites you all."),
    qrPicture(link, "The invite link as a QR code"),
    steps,
    h("p", { class: "print-end" }, uses({ people, expires })),
    h("p", { class: "print-key" }, `The hub's key: ${groups(hub.key)}`),
  );
}
