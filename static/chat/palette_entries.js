/**
 * What the palette leads to, and how well a typed text fits it: each typed word must begin a word of the name, or be
 * in it, or its letters must come in order.
 */

import { t } from "../words/words.js";
import { avatar, icon } from "./dom.js";
import { openJoinSpace } from "./joinspace.js";
import { channelIcon, countText, listed, spacesOf, titleOf } from "./lists.js";
import { actionsOf } from "./me.js";
import { openNewChannel } from "./newchannel.js";
import { openNewSpace } from "./newspace.js";
import { inOrder } from "./people.js";
import { openSpaceInvite } from "./spaceinvite.js";
import { leaveSpace, openSpace } from "./spacepage.js";

/**
 * @typedef {{title: string, words: string, kind: string, picture: () => Element, note: string, run: () => void,
 *   weight: number}} Entry
 */

/**
 * How well a query fits a text: 0 not at all; the more the better.
 * @param {string} query
 * @param {string} text
 */
export function fit(query, text) {
  const hay = fold(text);
  let total = 1;
  for (const word of fold(query).split(/\s+/).filter(Boolean)) {
    const score = fitWord(word, hay);
    if (score === 0) {
      return 0;
    }
    total += score;
  }
  return total;
}

function fold(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

function fitWord(word, hay) {
  if (hay.startsWith(word)) {
    return hay.length === word.length ? 120 : 100;
  }
  const starts = hay.split(/[^\p{L}\p{N}]+/u).some((part) => part.startsWith(word));
  if (starts) {
    return 60;
  }
  if (hay.includes(word)) {
    return 30;
  }
  let at = -1;
  for (const char of word) {
    at = hay.indexOf(char, at + 1);
    if (at < 0) {
      return 0;
    }
  }
  return word.length > 1 ? 5 : 0;
}

function conversations(app) {
  const { state } = app.client;
  return listed(app.client).map((each, index) => {
    const title = titleOf(app.client, each);
    const isChannel = each.kind === "channel";
    const key = each.with ?? each.author;
    const person = state.people[key] ?? { key, name: each.name };
    return {
      title,
      words: `${title} ${each.name} ${spaceOf(app, each)}`,
      kind: { channel: t("Channel"), direct: t("Direct"), feed: t("Posts") }[each.kind],
      picture: () => (isChannel ? icon(channelIcon(app.client, each)) : avatar(person, { small: true })),
      note: [spaceOf(app, each), each.unread > 0 ? t("{count} unread", { count: countText(each.unread) }) : isChannel ? each.about : ""]
        .filter(Boolean).join(" · "),
      run: () => app.open(each.id),
      weight: (each.mentions > 0 ? 3 : 0) + (each.unread > 0 ? 2 : 0) - index / 1000,
    };
  });
}

function spaceOf(app, { space }) {
  return app.client.state.spaces[space]?.name ?? "";
}

function spaces(app) {
  return spacesOf(app.client).map((each, index) => ({
    title: each.name,
    words: each.name,
    kind: t("Space"),
    picture: () => icon("people"),
    note: each.about,
    run: () => app.openSpace(each.id),
    weight: -index / 1000,
  }));
}

/**
 * People as entries.
 * @param {any[]} list
 * @param {(person: any) => void} run
 * @returns {Entry[]}
 */
export function peopleEntries(list, run) {
  return inOrder(list).map((each, index) => ({
    title: each.displayName || each.name,
    words: `${each.displayName} ${each.name}`,
    kind: t("Person"),
    picture: () => avatar(each, { small: true, presence: true }),
    note: each.hub ? each.hub.name : each.displayName && each.displayName !== each.name ? `@${each.name}` : "",
    run: () => run(each),
    weight: -1 - index / 1000,
  }));
}

function actions(app) {
  const { state } = app.client;
  const newChannel = { name: t("New channel"), words: t("create"), icon: "plus", run: () => openNewChannel(app) };
  return [...(state.me?.isAdmin ? [newChannel] : []), ...spaceActions(app), ...actionsOf(app)].map((each, index) => ({
    title: each.name,
    words: `${each.name} ${each.words}`,
    kind: t("Action"),
    picture: () => icon(each.icon),
    note: "",
    run: each.run,
    weight: -2 - index / 1000,
  }));
}

function spaceActions(app) {
  const open = app.client.state.spaces[app.space];
  const always = [
    { name: t("Make a space"), words: t("new create community encrypted"), icon: "plus", run: () => openNewSpace(app) },
    { name: t("Join a space with a link"), words: t("invite"), icon: "link", run: () => openJoinSpace(app) },
  ];
  if (open === undefined) {
    return always;
  }
  const { id, name, role } = open;
  const invite = { name: t("Invite to {name}", { name }), words: t("space link"), icon: "invite", run: () => openSpaceInvite(app, id) };
  return [
    ...always,
    ...(role === "admin" ? [invite] : []),
    { name: t("{name}: channels and members", { name }), words: t("space settings roles"), icon: "gear", run: () => openSpace(app, id) },
    { name: t("Leave {name}", { name }), words: t("space"), icon: "leave", run: () => leaveSpace(app, id) },
  ];
}

/**
 * All entries, or people only; who has a conversation already is listed as that.
 * @param {import("./app.js").App} app
 * @param {"people" | undefined} only
 * @returns {Entry[]}
 */
export function entries(app, only) {
  const { state } = app.client;
  const others = Object.values(state.people).filter((each) => !each.isMe);
  if (only === "people") {
    return peopleEntries(others, (person) => app.message(person.key));
  }
  const talkedTo = new Set(Object.values(state.conversations).map((each) => each.with));
  const strangers = others.filter((each) => !talkedTo.has(each.key));
  const write = (/** @type {any} */ person) => app.message(person.key);
  return [...conversations(app), ...spaces(app), ...peopleEntries(strangers, write), ...actions(app)];
}

/**
 * The entries that fit, best first.
 * @param {Entry[]} all
 * @param {string} query
 * @param {number} count at most so many
 */
export function best(all, query, count) {
  return all
    .map((entry) => ({ entry, score: fit(query, entry.words) }))
    .filter((each) => each.score > 0)
    .sort((a, b) => b.score - a.score || b.entry.weight - a.entry.weight)
    .slice(0, count)
    .map((each) => each.entry);
}
