/** Who can read a conversation: the words beside its name, and the dialog behind them. */

import { plural, rich, t } from "../words/words.js";
import { agreementSection } from "./agreement.js";
import { announce } from "./announcer.js";
import { lifeField, lifeText } from "./burning.js";
import { openDialog } from "./dialog.js";
import { h, icon } from "./dom.js";
import { openHubSees } from "./hubsees.js";
import { openCompare } from "./keywords.js";
import { channelOf } from "./lists.js";
import { nameOf } from "./message.js";
import { reason } from "./words.js";

const FACES = {
  open: ["open", t("open: this hub can read it")],
  looking: ["lock", t("looking for their keys")],
  ready: ["lock", t("encrypted from the next message")],
  encrypted: ["lock", t("encrypted")],
  waiting: ["lock", t("encrypted, waiting for a key")],
  changed: ["warn", t("key changed: nothing is sent")],
};

/**
 * The state of a conversation's lock.
 * @param {any} conversation
 * @returns {"open" | "looking" | "ready" | "encrypted" | "waiting" | "changed"}
 */
export function lockOf(conversation) {
  return conversation?.lock?.state ?? (conversation?.space ? "waiting" : "open");
}

/** @param {any} conversation @returns {{state: string, icon: string, words: string}} */
export function lockFace(conversation) {
  const state = lockOf(conversation);
  const progress = conversation?.lock?.progress;
  const [picture, words] = FACES[state];
  const { done, total } = progress ?? {};
  return { state, icon: picture, words: progress ? t("new keys: {done} of {total}", { done, total }) : words };
}

/**
 * @param {any} client
 * @param {string} id of the conversation
 */
export function openLock(client, id) {
  const conversation = client.state.conversations[id];
  const face = lockFace(conversation);
  const isDirect = conversation.kind === "direct";
  const { close, setFooter } = openDialog({ title: t("Who can read this"), narrow: true },
    h("p", { class: `lock-state ${face.state}` }, icon(face.icon), face.words),
    ...(isDirect ? direct(client, conversation) : channel(client, conversation)),
    life(client, conversation),
    conversation.kind === "channel" ? agreementSection(client, id) : null,
    h("p", null, h("button", { type: "button", class: "link", on: { click: () => {
      close();
      openHubSees(client);
    } } }, t("What this hub can see"))));
  const deed = deedOf(client, conversation, close);
  if (deed) {
    setFooter(deed);
  }
}

function direct(client, { with: key, name, lock }) {
  const who = h("bdi", null, nameOf(key, client.state, name));
  switch (lock?.state ?? "open") {
    case "encrypted":
      return [
        h("p", null, rich("You and {who}. The hub carries what you write and cannot open it.", { who })),
        h("p", null, client.state.people[key]?.isVerified ? t("You have compared keys with them.")
          : t("You have not compared keys with them yet: until then the hub's word stands for who they are.")),
      ];
    case "looking":
      return [h("p", null, rich("You and {who}. Whether they can be asked to talk encrypted is being looked up; nothing is sent "
        + "in clear before that is known.", { who }))];
    case "ready":
      return [h("p", null, rich("You and {who}. What you write next goes out encrypted: it waits in this browser until both have "
        + "agreed to that, and the hub never reads it.", { who }))];
    case "waiting":
      return [h("p", null, rich("You and {who}, once they have accepted. What you write until then waits in this browser.",
        { who }))];
    case "changed":
      return [h("p", null, rich("{who} has a new key. Nothing is sent until you have looked at it.", { who }))];
    default:
      return [h("p", null, rich("You, {who}, and this hub with whoever runs it. Messages are signed, so nobody can change them.",
        { who }))];
  }
}

function channel(client, conversation) {
  const space = client.state.spaces[conversation.space];
  if (space === undefined) {
    return [h("p", null, t("Everyone with an account on this hub, hubs linked with it, and whoever runs them. Messages are "
      + "signed, so nobody can forge or change them."))];
  }
  const isPrivate = channelOf(client, conversation)?.isPrivate;
  const count = space.members.filter((/** @type {any} */ each) => !isPrivate || each.role === "admin").length;
  const carries = t("The hub carries what is said and cannot open it.");
  return [
    h("p", null, isPrivate
      ? plural("The {count} admin of {space}.", "The {count} admins of {space}.", count, { space: space.name })
      : plural("The {count} member of {space}.", "The {count} members of {space}.", count, { space: space.name }), " ", carries),
    h("p", { class: "meta" }, lockOf(conversation) === "waiting"
      ? t("The keys for this browser come as soon as an admin of the space is online.")
      : t("Whoever joins later does not see what was said before; whoever is put out reads nothing new.")),
  ];
}

/** How long messages live; of an encrypted direct conversation one's own choice. */
function life(client, conversation) {
  const burnMs = conversation.lock?.burnMs ?? channelOf(client, conversation)?.burnMs;
  if (conversation.with && lockOf(conversation) === "encrypted") {
    const field = lifeField(burnMs ?? null, t("What I write here disappears"));
    field.element.addEventListener("change", () => {
      client.call("conversation.burn", { conversation: conversation.id, burnMs: field.value() })
        .then(() => announce(t("Kept")), (/** @type {any} */ failure) => announce(reason(failure)));
    });
    return field.element;
  }
  return burnMs
    ? h("p", { class: "row" }, icon("flame"), t("Messages disappear after {life}, everywhere.", { life: lifeText(burnMs) }))
    : null;
}

function deedOf(client, conversation, close) {
  const button = (/** @type {string} */ label, /** @type {() => any} */ run) => h("button", { type: "button",
    class: "button primary", on: { click: () => {
      close();
      run();
    } } }, label);
  const call = (/** @type {string} */ name, /** @type {object} */ params, /** @type {string} */ done) => () =>
    client.call(name, params).then(() => announce(done), (/** @type {any} */ failure) => announce(reason(failure)));
  const { with: key, space, id } = conversation;
  const state = lockOf(conversation);
  if (key && state === "encrypted") {
    return button(t("Compare keys"), () => openCompare(client, key));
  }
  if (key && (state === "open" || state === "ready") && client.state.connections[key]?.canAsk) {
    return button(t("Ask to talk encrypted"), call("connection.ask", { key }, "Asked"));
  }
  if (state === "encrypted" && client.state.spaces[space]?.role === "admin") {
    return button(t("Make new keys now"), call("channel.rotate", { conversation: id }, "New keys are made"));
  }
  return null;
}
