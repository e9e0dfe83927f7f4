/** The page "What this hub can see" (protocol.md sections 7 and 13), in plain words. */

import { rich, t } from "../words/words.js";
import { openDialog } from "./dialog.js";
import { h, icon } from "./dom.js";

const SEES = [
  t("What is said in open channels, on profiles, and in direct messages that are marked open."),
  t("Who has an account here, who invited whom, from which address and when they are online."),
  t("Of what is encrypted: who writes, in which channel or to whom, when, about how long it is, who reacted to or "
    + "answered which message."),
  t("What spaces and their channels are called, who is in them, and in which role."),
];
const NOT = [
  t("What is said in spaces and in direct messages that are marked encrypted: neither texts nor names of files."),
  t("Your keys: they are made in this browser. With a password they also lie in your vault at the hub, which opens "
    + "by that password or its recovery code; the hub has neither. A short password can be guessed by whoever has "
    + "the vault."),
  t("It cannot write in your name or change what you wrote: everything is signed by its author, and this browser "
    + "checks it."),
];
const CAN = [
  t("It can lose or withhold messages. Where hubs are linked this browser compares what they have."),
  t("It could keep what should have disappeared; but of what is encrypted it never had more than the sealed form, "
    + "and the keys are thrown away with the messages."),
  t("It says who is behind a name. Comparing words with somebody makes sure of that, once and for all."),
];

function points(title, picture, lines) {
  return h("section", null, h("h3", { class: "row" }, icon(picture), title),
    h("ul", { class: "points" }, lines.map((line) => h("li", null, line))));
}

/** @param {any} client */
export function openHubSees(client) {
  const { body } = openDialog({ title: t("What this hub can see") },
    h("div", { class: "sections" },
      points(t("It sees"), "eye", SEES),
      points(t("It cannot see or do"), "lock", NOT),
      points(t("It could cheat in this"), "warn", CAN),
      h("section", { class: "warning" }, h("h3", { class: "row" }, icon("warn"), t("Who serves this page")),
        h("p", null, rich("This page itself comes from {hub}. Whoever serves a page's script can change it, and a changed "
          + "script could take your keys. If you do not trust whoever runs this hub so far, use the command line client, or "
          + "run a hub of your own on your computer and use the page from there: both speak with this hub and are not served "
          + "by it.", { hub: h("bdi", null, client.state.hub.name) })))));
  body.tabIndex = 0;
}
