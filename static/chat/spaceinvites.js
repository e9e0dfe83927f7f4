/** The links into a space that still work: who made each, for how many and how long it is good, and withdrawing it. */

import { plural, rich, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { confirmDialog, openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { momentText } from "./invitecard.js";
import { nameOf } from "./message.js";
import { reason } from "./words.js";

/**
 * The section of a space's page; null without links.
 * @param {import("./app.js").App} app
 * @param {any} space as in `client.state.spaces`
 */
export function invitesSection(app, space) {
  const now = Date.now() + app.client.state.clock.offsetMs;
  const good = space.invites.filter((/** @type {any} */ each) => each.expires > now)
    .sort((/** @type {any} */ a, /** @type {any} */ b) => a.expires - b.expires);
  if (good.length === 0) {
    return null;
  }
  return h("section", { "aria-label": t("Links") },
    h("h3", null, t("Links that work, {count}", { count: good.length })),
    h("ul", { class: "cards" }, good.map((/** @type {any} */ each, /** @type {number} */ i) => card(app, space, each, i + 1))));
}

function card(app, space, invite, number) {
  const { me } = app.client.state;
  const by = invite.by === me.key ? t("you") : nameOf(invite.by, app.client.state, t("somebody who has left"));
  return h("li", { class: "card" }, h("div", { class: "row wrap" },
    h("span", { class: "grow" }, plural("For {count} more person", "For {count} more people", invite.left),
      h("small", { class: "meta" }, " ",
        rich("until {moment} · made by {name}", { moment: momentText(invite.expires), name: h("bdi", null, by) }))),
    h("button", { type: "button", class: "button small danger", "aria-label": t("Withdraw link {number}", { number }),
      "data-at": invite.pubkey, on: { click: () => withdraw(app, space, invite) } }, t("Withdraw"))));
}

async function withdraw(app, space, { pubkey }) {
  const isSure = await confirmDialog({ title: t("Withdraw this link?"), verb: t("Withdraw") },
    h("p", null, t("Nobody can join by it any more. Whoever has joined stays.")));
  if (!isSure) {
    return;
  }
  try {
    await app.client.call("space.withdraw", { space: space.id, pubkey });
    announce(t("The link is withdrawn"));
  } catch (failure) {
    openDialog({ title: t("Nothing was changed"), narrow: true }, h("p", null, reason(failure)));
  }
}
