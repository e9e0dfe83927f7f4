/**
 * What stands before the first message: while older ones are to come, that they come; else what this conversation is,
 * whether older messages have been removed, who can read it and, while it is empty, what to do first.
 */

import { avatar, h, icon } from "./dom.js";
import { channelIcon, channelOf } from "./lists.js";
import { lockOf } from "./lock.js";
import { nameOf } from "./message.js";

const READERS = {
  open: "Others do not see it; the hub itself can read it: messages are signed, but not encrypted.",
  encrypted: "It is encrypted: nobody else can read it, the hub neither.",
  waiting: "It becomes encrypted as soon as they have accepted; what you write until then waits here.",
  looking: "Whether they can be asked to talk encrypted is being looked up.",
  ready: "What you write next goes out encrypted: it waits here until both have agreed to that.",
  changed: "Nothing is sent until you have looked at their new key.",
};
const REMOVED = "Older messages have been removed from this hub.";

/**
 * @param {import("./log.js").AccordLog} log
 * @param {boolean} hasFailed the older messages could not be loaded
 * @returns {HTMLElement}
 */
export function introElement(log, hasFailed) {
  const { timeline, client } = log;
  const conversation = client.state.conversations[log.conversation];
  if (hasFailed) {
    return h("p", { class: "lead" }, "Earlier messages could not be loaded just now.",
      h("button", { type: "button", class: "link", on: { click: () => log.retryOlder() } }, "Try again"));
  }
  if (timeline.hasOlder || (timeline.isLoading && log.items.length === 0) || conversation === undefined) {
    return client.state.link.status === "offline"
      ? h("p", { class: "lead" }, "Earlier messages come when the hub can be reached again")
      : h("p", { class: "lead" }, h("span", { class: "spinner", "aria-hidden": "true" }), "Loading earlier messages");
  }
  return { direct, channel, feed }[conversation.kind](log, conversation);
}

function feed(log, conversation) {
  const { people, me, hub } = log.client.state;
  const isMine = conversation.author === me.key;
  const person = people[conversation.author] ?? { key: conversation.author, name: conversation.name };
  return h("div", { class: "intro" },
    avatar(person, { large: true }),
    h("h2", null, isMine ? "My posts" : h("bdi", null, conversation.name)),
    conversation.horizon > 0 && log.items.length > 0 ? h("p", null, REMOVED) : null,
    h("p", null, isMine ? "What you write here is for everyone: people on " : "What they say to everyone. People on ",
      h("bdi", null, hub.name), isMine ? " and on hubs linked with it can follow you and read it."
        : " and on hubs linked with it can read it."),
    isMine && log.items.length === 0
      ? h("div", { class: "intro-steps" },
        h("button", { type: "button", class: "button primary", "data-act": "compose" }, "Write the first post"))
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
      ? h("p", null, beginning(conversation, isEmpty), channelOf(log.client, conversation)?.isPrivate ? "The admins of "
        : "The members of ", h("bdi", null, space.name), " can read it. It is encrypted: the hub cannot.")
      : h("p", null, beginning(conversation, isEmpty),
        "Everyone with an account on ", h("bdi", null, hub.name),
        conversation.canPost ? " can read it and write in it" : " can read it",
        ", and so can the hub: messages here are signed, not encrypted."),
    conversation.about ? h("p", { dir: "auto" }, conversation.about) : null,
    isEmpty && conversation.canPost
      ? h("div", { class: "intro-steps" },
        h("button", { type: "button", class: "button primary", "data-act": "compose" }, "Write the first message"),
        canInvite ? h("button", { type: "button", class: "button", "data-act": "invite" }, icon("invite"), "Invite someone")
          : null)
      : null);
}

function beginning(conversation, isEmpty) {
  if (conversation.horizon > 0) {
    return `${REMOVED} `;
  }
  return isEmpty ? "Nothing has been said here yet. " : "This is where the channel begins. ";
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
      ? h("p", null, h("bdi", null, name), " invited you to ", h("bdi", null, log.client.state.hub.name), ".")
      : null,
    h("p", null, "This conversation is between you and ", h("bdi", null, name), ". ", READERS[lockOf(conversation)]),
    keyStep(person, lockOf(conversation) === "encrypted"));
}

/** What is to be done about their key. */
function keyStep({ key, isVerified }, isEncrypted) {
  if (isVerified) {
    return h("p", null, "You have compared keys with them.");
  }
  const [act, verb] = isEncrypted ? ["compare", "Compare words"] : ["person", "Check their key"];
  return h("div", { class: "intro-steps" },
    h("button", { type: "button", class: "button", "data-act": act, "data-key": key }, icon("key"), verb));
}
