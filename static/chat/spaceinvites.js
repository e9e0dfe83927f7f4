/** The links into a space that still work: who made each, for how many and how long it is good, and withdrawing it. */

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
  return h("section", { "aria-label": "Links" },
    h("h3", null, `Links that work, ${good.length}`),
    h("ul", { class: "cards" }, good.map((/** @type {any} */ each, /** @type {number} */ i) => card(app, space, each, i + 1))));
}

function card(app, space, invite, number) {
  const { me } = app.client.state;
  const by = invite.by === me.key ? "you" : nameOf(invite.by, app.client.state, "somebody who has left");
  const left = invite.left === 1 ? "1 more person" : `${invite.left.toLocaleString("en")} more people`;
  return h("li", { class: "card" }, h("div", { class: "row wrap" },
    h("span", { class: "grow" }, `For ${left}`,
      h("small", { class: "meta" }, ` until ${momentText(invite.expires)} · made by `, h("bdi", null, by))),
    h("button", { type: "button", class: "button small danger", "aria-label": `Withdraw link ${number}`,
      "data-at": invite.pubkey, on: { click: () => withdraw(app, space, invite) } }, "Withdraw")));
}

async function withdraw(app, space, { pubkey }) {
  const isSure = await confirmDialog({ title: "Withdraw this link?", verb: "Withdraw" },
    h("p", null, "Nobody can join by it any more. Whoever has joined stays."));
  if (!isSure) {
    return;
  }
  try {
    await app.client.call("space.withdraw", { space: space.id, pubkey });
    announce("The link is withdrawn");
  } catch (failure) {
    openDialog({ title: "Nothing was changed", narrow: true }, h("p", null, reason(failure)));
  }
}
