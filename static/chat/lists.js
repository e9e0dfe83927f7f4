/** Conversations in words and in order, for all that list them. */

import { language, t } from "../words/words.js";

/** The engine counts no further: this many means more than one less. */
export const MORE = 100;
const FIRST_CHANNELS = ["lounge", "general"];
const byName = new Intl.Collator(language, { numeric: true, sensitivity: "base" }).compare;

/** How a count is shown. @param {number} count */
export function countText(count) {
  return count >= MORE ? "99+" : String(count);
}

/**
 * The name of a conversation: a channel's, or what the other person is called, or whose posts are followed.
 * @param {any} client
 * @param {any} conversation
 * @returns {string}
 */
export function titleOf(client, conversation) {
  const person = client.state.people[conversation.with];
  if (conversation.kind === "feed" && conversation.author === client.state.me?.key) {
    return t("My posts");
  }
  return conversation.kind === "direct" && person ? person.displayName || person.name : conversation.name;
}

/** The spaces one is in, by name. @param {any} client @returns {any[]} */
export function spacesOf(client) {
  return Object.values(client.state.spaces).sort((a, b) => byName(a.name, b.name) || (a.id < b.id ? -1 : 1));
}

/**
 * What a space says of one of its channels.
 * @param {any} client
 * @param {any} conversation
 * @returns {{id: string, name: string, about: string, voice: boolean, burnMs: number | null, isPrivate: boolean,
 *   isClosed: boolean} | undefined}
 */
export function channelOf(client, conversation) {
  return client.state.spaces[conversation?.space]?.channels.find((/** @type {any} */ each) => each.id === conversation.id);
}

/** The icon of a channel. @param {any} client @param {any} conversation */
export function channelIcon(client, conversation) {
  const facts = channelOf(client, conversation);
  return facts?.isPrivate ? "lock" : facts?.voice ? "voice" : "hash";
}

/**
 * What waits in a space: all that is unread, and what is for me (`loud`); null: what lies in no space.
 * @param {any} client
 * @param {string | null} space
 */
export function waitingIn(client, space) {
  let unread = 0;
  let loud = 0;
  for (const each of Object.values(client.state.conversations)) {
    if ((each.space ?? null) === space && !each.isBlocked) {
      unread += each.unread;
      loud += each.kind === "direct" ? each.unread : each.mentions;
    }
  }
  const asks = space === null ? Object.values(client.state.connections).filter((each) => each.state === "asking") : [];
  return { unread, loud: loud + asks.length };
}

/**
 * All conversations in the order in which they are listed; channels of other hubs after those of this one, then those of
 * spaces.
 * @param {any} client
 * @returns {any[]}
 */
export function listed(client) {
  const all = Object.values(client.state.conversations);
  const channels = all
    .filter((each) => each.kind === "channel")
    .sort(
      (a, b) =>
        spaceNameOf(client, a).localeCompare(spaceNameOf(client, b)) ||
        Number(a.hub !== null) - Number(b.hub !== null) ||
        Number(isFirst(b)) - Number(isFirst(a)) ||
        byName(a.name, b.name),
    );
  const directs = all
    .filter((each) => each.kind === "direct" && !each.isBlocked)
    .sort((a, b) => b.lastAt - a.lastAt || byName(a.name, b.name));
  const feeds = all.filter((each) => each.kind === "feed").sort((a, b) => byName(a.name, b.name));
  return [...channels, ...directs, ...feeds];
}

function isFirst({ name }) {
  return FIRST_CHANNELS.includes(name);
}

/** The name of the space of a channel, "" for one in none: these come first. */
function spaceNameOf(client, { space }) {
  return client.state.spaces[space]?.name ?? "";
}
