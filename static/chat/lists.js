/** Conversations in words and in order, for all that list them. */

/** The engine counts no further: this many means more than one less. */
export const MORE = 100;
const FIRST_CHANNEL = "lounge";
const byName = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;

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
    return "My posts";
  }
  return conversation.kind === "direct" && person ? person.displayName || person.name : conversation.name;
}

/**
 * All conversations in the order in which they are listed; channels of other hubs after those of this one.
 * @param {any} client
 * @returns {any[]}
 */
export function listed(client) {
  const all = Object.values(client.state.conversations);
  const channels = all
    .filter((each) => each.kind === "channel")
    .sort(
      (a, b) =>
        Number(a.hub !== null) - Number(b.hub !== null) ||
        Number(b.name === FIRST_CHANNEL) - Number(a.name === FIRST_CHANNEL) ||
        byName(a.name, b.name),
    );
  const directs = all
    .filter((each) => each.kind === "direct" && !each.isBlocked)
    .sort((a, b) => b.lastAt - a.lastAt || byName(a.name, b.name));
  const feeds = all.filter((each) => each.kind === "feed").sort((a, b) => byName(a.name, b.name));
  return [...channels, ...directs, ...feeds];
}
