/**
 * An invite to pass on: its link to copy or to scan, its code to tell, and the card of it on paper, on which the code is
 * not. Not here: making one (inviteform.js), what became of it (invites.js).
 */

import { locale, rich, t } from "../words/words.js";
import { copyButton } from "./copy.js";
import { append, groups, h, icon } from "./dom.js";
import { qrPicture } from "./qr.js";

const UNTIL = new Intl.DateTimeFormat(locale, {
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
    ? t("Works once, until {moment}.", { moment: UNTIL.format(expires) })
    : t("Works for {people} people, until {moment}.", { people, moment: UNTIL.format(expires) });
}

/**
 * @param {import("./app.js").App} app
 * @param {Made} invite
 * @param {{hasTitle?: boolean}} [options]
 */
export function linkBox(app, invite, { hasTitle = true } = {}) {
  const { link, code, label, people } = invite;
  const whom = label || invite.name;
  const title = whom ? t("For {whom}", { whom }) : "";
  const field = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "text",
      readonly: true,
      value: link,
      "aria-label": t("Invite link"),
      class: "link-field",
      on: { focus: () => field.select() },
    })
  );
  const print = h(
    "button",
    { type: "button", class: "button", on: { click: () => printCard(app, invite) } },
    t("Print card"),
  );
  const inPrivate = people === 1
    ? t("Send it in private: whoever opens it first is in.") : t("Send it in private: whoever has it can take a place.");
  const care = code ? t("Send the link by one way, and tell the code by another.") : inPrivate;
  return h(
    "section",
    { class: "link-box", "aria-label": whom ? t("Invite for {whom}", { whom }) : t("New invite") },
    qrPicture(link, t("The invite link as a QR code")),
    h(
      "div",
      { class: "stack grow" },
      title && hasTitle ? h("h3", null, title) : null,
      field,
      h("div", { class: "row wrap" }, copyButton(link, t("Copy link"), { word: t("Copy link"), class: "primary" }), print),
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
    h("span", { class: "grow" }, `${t("Code")} `, h("b", { class: "code-text" }, shown)),
    copyButton(shown, t("Copy code")),
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
    h("li", null, t("Scan this with a phone's camera, or type the address into a browser:"), address),
    code ? h("li", null, t("Ask {inviter} for the code. It is not on this card.", { inviter })) : null,
    h("li", null, t("Choose a name, and you are in.")),
  ]);
  return h(
    "section",
    { class: "print-card", "aria-hidden": "true" },
    h("p", { class: "print-mark" }, icon("invite"), t("Invitation")),
    h("h1", null, h("bdi", null, hub.name)),
    h("p", { class: "print-by" }, people === 1
      ? rich("{inviter} invites you.", { inviter: h("bdi", null, inviter) })
      : rich("{inviter} invites you all.", { inviter: h("bdi", null, inviter) })),
    qrPicture(link, t("The invite link as a QR code")),
    steps,
    h("p", { class: "print-end" }, uses({ people, expires })),
    h("p", { class: "print-key" }, t("The hub's key: {groups}", { groups: groups(hub.key) })),
  );
}
