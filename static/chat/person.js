/** The card of one person: who they say they are, their key to compare, and the way to write to them. */

import { rich, t } from "../words/words.js";
import { openDialog } from "./dialog.js";
import { avatar, groups, h, icon } from "./dom.js";
import { copyButton } from "./copy.js";
import { keySection } from "./keywords.js";
import { contactSections } from "./notes.js";
import { openProfile } from "./profile.js";
import { memberEntries } from "./spacepage.js";
import { troubleSections } from "./trouble.js";

const PRESENCE = { online: t("Online"), away: t("Away"), offline: t("Offline") };

function standing({ presence, isAdmin, isBot }) {
  return [PRESENCE[presence], isAdmin && t("Admin"), isBot && t("Bot")].filter(Boolean).join(" · ");
}

/**
 * @param {import("./app.js").App} app
 * @param {string} key
 */
export function openPerson(app, key) {
  const person = app.client.state.people[key];
  const shown = person ?? {
    key,
    name: t("Someone who is not here"),
    displayName: "",
    about: "",
    status: "",
    presence: "offline",
  };
  const { close, setFooter, body } = openDialog(
    { title: shown.displayName || shown.name, narrow: true },
    h(
      "div",
      { class: "person-card" },
      avatar(shown, { large: true, presence: true }),
      h(
        "div",
        { class: "grow" },
        h("p", null, whereText(person)),
        person && !person.hub ? h("p", { class: "meta" }, standing(shown)) : null,
        shown.status ? h("p", null, shown.status) : null,
      ),
    ),
    shown.about ? h("p", { class: "person-about" }, shown.about) : null,
    keyBox(
      person?.isMe ? t("Your key") : t("Key"),
      key,
      person?.isMe
        ? t("Others can compare this with what they see in your card.")
        : t("To be sure who this is, compare it with them in person or on the phone."),
    ),
    person && !person.isMe ? keySection(app.client, person, leave) : null,
  );
  function leave(/** @type {() => void} */ then) {
    return () => {
      close();
      then();
    };
  }
  body.append(...roleSection(app, key, leave), ...contactSections(app, shown, leave), ...troubleSections(app, shown, leave));
  body.tabIndex = -1;
  if (person?.isMe) {
    setFooter(
      h(
        "button",
        { type: "button", class: "button primary", on: { click: leave(() => openProfile(app)) } },
        icon("edit"),
        t("Edit profile"),
      ),
    );
  } else if (person) {
    setFooter(
      h(
        "button",
        { type: "button", class: "button primary", on: { click: leave(() => app.message(key)) } },
        icon("send"),
        t("Message"),
      ),
    );
  }
}

/** What somebody is in the space that is open, and what one may do about that. */
function roleSection(app, key, leave) {
  const space = app.client.state.spaces[app.space];
  const member = space?.members.find((/** @type {any} */ each) => each.key === key);
  if (!member) {
    return [];
  }
  return [h("section", { class: "contact", "aria-label": t("Role") },
    h("h3", null, member.role === "admin"
      ? rich("Admin of {space}", { space: h("bdi", null, space.name) })
      : rich("Member of {space}", { space: h("bdi", null, space.name) })),
    h("div", { class: "row wrap" }, memberEntries(app, space.id, member).map(({ label, isDanger, run }) =>
      h("button", { type: "button", class: `button${isDanger ? " danger" : ""}`, on: { click: leave(run) } }, label))))];
}

function whereText(person) {
  if (person === undefined) {
    return t("No account on this hub");
  }
  return person.hub ? t("On another hub: {name}", { name: person.hub.name }) : person.isMe ? t("@{name} (you)", { name: person.name }) : `@${person.name}`;
}

/**
 * A key in groups of four with a copy button.
 * @param {string} title
 * @param {string} key
 * @param {string} hint
 */
export function keyBox(title, key, hint, copies = t("Copy the key")) {
  return h(
    "div",
    { class: "key-box" },
    h("p", { class: "key-title" }, title),
    h(
      "div",
      { class: "row" },
      h("p", { class: "key grow" }, groups(key)),
      copyButton(key, copies),
    ),
    hint ? h("p", { class: "meta" }, hint) : null,
  );
}
