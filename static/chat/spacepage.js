/**
 * A space from inside: its channels, its members with what they may do, the way out. What one may change is decided by
 * the space's signed chain (client/spaces.js); here are the buttons for it.
 */

import { t } from "../words/words.js";
import { announce } from "./announcer.js";
import { lifeText } from "./burning.js";
import { openChannelForm } from "./channelform.js";
import { confirmDialog, openDialog } from "./dialog.js";
import { avatar, h, icon, iconButton } from "./dom.js";
import { openMenu } from "./float.js";
import { openGiveHistory } from "./givehistory.js";
import { nameOf } from "./message.js";
import { openRenameSpace } from "./newspace.js";
import { openPicker } from "./palette.js";
import { peopleEntries } from "./palette_entries.js";
import { openPerson } from "./person.js";
import { openSpaceInvite } from "./spaceinvite.js";
import { invitesSection } from "./spaceinvites.js";
import { reason } from "./words.js";

async function call(app, name, params, done) {
  try {
    await app.client.call(name, params);
    announce(done);
  } catch (failure) {
    announce(reason(failure));
    openDialog({ title: t("Nothing was changed"), narrow: true }, h("p", null, reason(failure)));
  }
}

/** Leave a space, if one is sure. @param {import("./app.js").App} app @param {string} space */
export async function leaveSpace(app, space) {
  const { name, isLastAdmin } = app.client.state.spaces[space];
  if (isLastAdmin) {
    openDialog({ title: t("You cannot leave {name} yet", { name }), narrow: true },
      h("p", null, t("You are its only admin. Make somebody else admin first, then leave.")));
    return;
  }
  const isSure = await confirmDialog({ title: t("Leave {name}?", { name }), verb: t("Leave") },
    h("p", null, t("You no longer read what is said there from now on, and need a new link to come back.")));
  if (isSure) {
    await call(app, "space.leave", { space }, t("You have left {name}", { name }));
  }
}

/** Add somebody of this hub or of a linked one. @param {import("./app.js").App} app @param {string} space */
export function addMember(app, space) {
  const members = new Set(app.client.state.spaces[space].members.map((/** @type {any} */ each) => each.key));
  const others = Object.values(app.client.state.people).filter((each) => !members.has(each.key) && !each.isBot);
  const add = (/** @type {any} */ person) =>
    call(app, "space.addMember", { space, key: person.key }, `${person.displayName || person.name} is in`);
  openPicker(peopleEntries(others, add), t("Add someone"));
}

/** What one may do about a member. */
export function memberEntries(app, space, { key, role, canChange }) {
  const { me, spaces } = app.client.state;
  const name = nameOf(key, app.client.state, t("this person"));
  const set = (/** @type {string} */ wanted, /** @type {string} */ done) =>
    call(app, "space.setRole", { space, key, role: wanted }, done);
  const remove = async () => {
    const isSure = await confirmDialog({ title: t("Put {name} out?", { name }), verb: t("Put out") },
      h("p", null, t("From then on they read nothing new here: the channels get new keys. What they have read they "
        + "keep.")));
    if (isSure) {
      await call(app, "space.removeMember", { space, key }, `${name} is out`);
    }
  };
  if (spaces[space].role !== "admin" || key === me.key) {
    return [];
  }
  const history = {
    label: t("Show what was said before"), icon: "eye", run: () => openGiveHistory(app, space, { key, role }),
  };
  return !canChange ? [history] : [
    history,
    role === "member"
      ? { label: t("Make admin"), icon: "key", run: () => set("admin", t("{name} is admin now", { name })) }
      : { label: t("No longer admin"), icon: "minus", run: () => set("member", t("{name} is no longer admin", { name })) },
    { label: t("Put out of the space"), icon: "leave", isDanger: true, run: remove },
  ];
}

/** @param {import("./app.js").App} app @param {string} id */
export function openSpace(app, id) {
  const { client } = app;
  const gone = new AbortController();
  const body = h("div", { class: "sections" });
  const { close, setFooter, dialog } = openDialog(
    { title: client.state.spaces[id].name, onClose: () => gone.abort() }, body);
  const leave = (/** @type {() => void} */ then) => () => {
    close();
    then();
  };
  const show = () => {
    const space = client.state.spaces[id];
    if (space === undefined) {
      close();
      return;
    }
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.at;
    /** @type {HTMLElement} */ (dialog.querySelector("header h2")).textContent = space.name;
    body.replaceChildren(...sections(app, space, leave));
    if (focused && dialog.open) {
      /** @type {HTMLElement | null} */ (body.querySelector(`[data-at="${focused}"]`))?.focus();
    }
  };
  client.addEventListener("state", ({ detail }) => (detail.spaces || detail.people) && show(), { signal: gone.signal });
  show();
  setFooter(h("button", { type: "button", class: "button danger", on: { click: leave(() => leaveSpace(app, id)) } },
    icon("leave"), t("Leave")));
}

function sections(app, space, leave) {
  const isAdmin = space.role === "admin";
  const small = (label, picture, run) => h("button", { type: "button", class: "button small", "data-at": label,
    on: { click: run } }, icon(picture), label);
  return [
    h("section", null,
      space.about ? h("p", { dir: "auto" }, space.about) : null,
      h("p", { class: "meta" }, t("Encrypted between its members. The hub sees who they are, and when and how much "
        + "is said.")),
      isAdmin ? small(t("Name and purpose"), "edit", () => openRenameSpace(app, space)) : null),
    h("section", { "aria-label": t("Channels") },
      h("div", { class: "row" }, h("h3", { class: "grow" }, t("Channels, {count}", { count: space.channels.length })),
        isAdmin ? small(t("New channel"), "plus", () => openChannelForm(app, space.id)) : null),
      h("ul", { class: "cards" }, space.channels.map((/** @type {any} */ each) => channelCard(app, space, each, leave)))),
    h("section", { "aria-label": t("Members") },
      h("div", { class: "row wrap" }, h("h3", { class: "grow" }, t("Members, {count}", { count: space.members.length })),
        isAdmin ? small(t("Add"), "plus", leave(() => addMember(app, space.id))) : null,
        isAdmin ? small(t("Invite by link"), "link", leave(() => openSpaceInvite(app, space.id))) : null),
      h("ul", { class: "cards" }, inRank(space.members).map((each) => memberCard(app, space, each, leave)))),
    isAdmin ? invitesSection(app, space) : null,
  ].filter((each) => each !== null);
}

function inRank(members) {
  return [...members].sort((a, b) => Number(b.role === "admin") - Number(a.role === "admin"));
}

function channelCard(app, space, channel, leave) {
  const facts = [
    channel.isPrivate ? t("admins only") : "", channel.voice ? t("voice") : "",
    channel.burnMs ? t("messages disappear after {life}", { life: lifeText(channel.burnMs) }) : "", channel.isClosed ? t("closed") : "",
  ].filter(Boolean).join(" · ");
  return h("li", { class: "card" }, h("div", { class: "row" },
    icon(channel.isPrivate ? "lock" : channel.voice ? "voice" : "hash"),
    h("span", { class: "grow clip" }, h("bdi", null, channel.name), facts ? h("small", { class: "meta" }, ` ${facts}`) : null),
    h("button", { type: "button", class: "button small", "aria-label": t("Open #{name}", { name: channel.name }),
      on: { click: leave(() => app.open(channel.id)) } }, t("Open")),
    space.role === "admin"
      ? iconButton("edit", t("Change #{name}", { name: channel.name }), () => openChannelForm(app, space.id, channel), { "data-at": channel.id })
      : null));
}

function memberCard(app, space, member, leave) {
  const { people } = app.client.state;
  const person = people[member.key] ?? { key: member.key, name: nameOf(member.key, app.client.state, t("Someone")) };
  const name = person.displayName || person.name;
  const entries = memberEntries(app, space.id, member);
  const more = iconButton("more", t("What to do about {name}", { name }), () => openMenu(more, name, entries),
    { "aria-haspopup": "menu", "data-at": member.key });
  return h("li", { class: "card" }, h("div", { class: "row" },
    avatar(person, { small: true }),
    h("button", { type: "button", class: "link grow clip", on: { click: leave(() => openPerson(app, member.key)) } }, name),
    person.isMe ? h("span", { class: "meta" }, t("you")) : null,
    member.role === "admin" ? h("span", { class: "tag" }, t("Admin")) : null,
    entries.length > 0 ? more : null));
}
