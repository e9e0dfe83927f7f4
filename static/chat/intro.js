/**
 * What stands before the first message: while older ones are to come, that they come; else what this conversation is,
 * whether older messages have been removed, who can read it and, while it is empty, what to do first.
 */

import { rich, t } from "../words/words.js";
import { avatar, h, icon } from "./dom.js";
import { channelIcon, channelOf } from "./lists.js";
import { lockOf } from "./lock.js";
import { nameOf } from "./message.js";

const READERS = {
  open: t("Others do not see it; the hub itself can read it: messages are signed, but not encrypted."),
  encrypted: t("It is encrypted: nobody else can read it, the hub neither."),
  waiting: t("It becomes encrypted as soon as they have accepted; what you write until then waits here."),
  looking: t("Whether they can be asked to talk encrypted is being looked up."),
  ready: t("What you write next goes out encrypted: it waits here until both have agreed to that."),
  changed: t("Nothing is sent until you have looked at their new key."),
};
const REMOVED = t("Older messages have been removed from this hub.");

/**
 * @param {import("./log.js").AccordLog} log
 * @param {boolean} hasFailed the older messages could not be loaded
 * @returns {HTMLElement}
 */
export function introElement(log, hasFailed) {
  const { timeline, client } = log;
  const conversation = client.state.conversations[log.conversation];
  if (hasFailed) {
    return h("p", { class: "lead" }, t("Earlier messages could not be loaded just now."),
      h("button", { type: "button", class: "link", on: { click: () => log.retryOlder() } }, t("Try again")));
  }
  if (timeline.hasOlder || (timeline.isLoading && log.items.length === 0) || conversation === undefined) {
    return client.state.link.status === "offline"
      ? h("p", { class: "lead" }, t("Earlier messages come when the hub can be reached again"))
      : h("p", { class: "lead" }, h("span", { class: "spinner", "aria-hidden": "true" }), t("Loading earlier messages"));
  }
  return { direct, channel, feed }[conversation.kind](log, conversation);
}

function feed(log, conversation) {
  const { people, me, hub } = log.client.state;
  const isMine = conversation.author === me.key;
  const person = people[conversation.author] ?? { key: conversation.author, name: conversation.name };
  return h("div", { class: "intro" },
    avatar(person, { large: true }),
    h("h2", null, isMine ? t("My posts") : h("bdi", null, conversation.name)),
    conversation.horizon > 0 && log.items.length > 0 ? h("p", null, REMOVED) : null,
    h("p", null, isMine
      ? rich("What you write here is for everyone: people on {hub} and on hubs linked with it can follow you and read it.",
        { hub: h("bdi", null, hub.name) })
      : rich("What they say to everyone. People on {hub} and on hubs linked with it can read it.",
        { hub: h("bdi", null, hub.name) })),
    isMine && log.items.length === 0
      ? h("div", { class: "intro-steps" },
        h("button", { type: "button", class: "button primary", "data-act": "compose" }, t("Write the first post")))
      : null);
}

function channel(log, conversation) {
  const { hub, spaces } = log.client.state;
  const space = spaces[conversation.space];
  const isEmpty = log.items.length === 0;
  const canInvite = !space || space.role === "admin";
  return h("div", { class: "intro" },
    h("span", { class: "intro-mark" }, icon(channelIcon(log.client, conversation))),
    h("h2", null, h("bdi", null, `#${conversation.name}`)),
    space
      ? h("p", null, beginning(conversation, isEmpty), " ", channelOf(log.client, conversation)?.isPrivate
        ? rich("The admins of {space} can read it. It is encrypted: the hub cannot.", { space: h("bdi", null, space.name) })
        : rich("The members of {space} can read it. It is encrypted: the hub cannot.", { space: h("bdi", null, space.name) }))
      : h("p", null, beginning(conversation, isEmpty), " ", conversation.canPost
        ? rich("Everyone with an account on {hub} can read it and write in it, and so can the hub: messages here are "
          + "signed, not encrypted.", { hub: h("bdi", null, hub.name) })
        : rich("Everyone with an account on {hub} can read it, and so can the hub: messages here are signed, not "
          + "encrypted.", { hub: h("bdi", null, hub.name) })),
    conversation.about ? h("p", { dir: "auto" }, conversation.about) : null,
    isEmpty && conversation.canPost
      ? h("div", { class: "intro-steps" },
        h("button", { type: "button", class: "button primary", "data-act": "compose" }, t("Write the first message")),
        canInvite
          ? h("button", { type: "button", class: "button", "data-act": "invite" }, icon("invite"), t("Invite someone"))
          : null)
      : null);
}

function beginning(conversation, isEmpty) {
  if (conversation.horizon > 0) {
    return REMOVED;
  }
  return isEmpty ? t("Nothing has been said here yet.") : t("This is where the channel begins.");
}

function direct(log, conversation) {
  const { people } = log.client.state;
  const person = people[conversation.with] ?? { key: conversation.with, name: conversation.name };
  const name = nameOf(conversation.with, log.client.state, conversation.name);
  return h("div", { class: "intro" },
    avatar(person, { large: true }),
    h("h2", null, h("bdi", null, name)),
    conversation.horizon > 0 && log.items.length > 0 ? h("p", null, REMOVED) : null,
    conversation.with === log.client.state.me?.inviter
      ? h("p", null, rich("{name} invited you to {hub}.", { name: h("bdi", null, name), hub: h("bdi", null, log.client.state.hub.name) }))
      : null,
    h("p", null, rich("This conversation is between you and {name}.", { name: h("bdi", null, name) }), " ",
      READERS[lockOf(conversation)]),
    keyStep(person, lockOf(conversation) === "encrypted"));
}

/** What is to be done about their key. */
function keyStep({ key, isVerified }, isEncrypted) {
  if (isVerified) {
    return h("p", null, t("You have compared keys with them."));
  }
  const [act, verb] = isEncrypted ? ["compare", t("Compare words")] : ["person", t("Check their key")];
  return h("div", { class: "intro-steps" },
    h("button", { type: "button", class: "button", "data-act": act, "data-key": key }, icon("key"), verb));
}
