/** The card of one person: who they say they are, their key to compare, and the way to write to them. */

import { openDialog } from "./dialog.js";
import { avatar, groups, h, icon } from "./dom.js";
import { copyButton } from "./copy.js";
import { keySection } from "./keywords.js";
import { contactSections } from "./notes.js";
import { openProfile } from "./profile.js";
import { memberEntries } from "./spacepage.js";
import { troubleSections } from "./trouble.js";

const PRESENCE = { online: "Online", away: "Away", offline: "Offline" };

function standing({ presence, isAdmin, isBot }) {
  return [PRESENCE[presence], isAdmin && "Admin", isBot && "Bot"].filter(Boolean).join(" · ");
}

/**
 * @param {import("./app.js").App} app
 * @param {string} key
 */
export function openPerson(app, key) {
  const person = app.client.state.people[key];
  const shown = person ?? {
    key,
    name: "Someone who is not here",
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
      person?.isMe ? "Your key" : "Key",
      key,
      person?.isMe
        ? "Others can compare this with what they see in your card."
        : "To be sure who this is, compare it with them in person or on the phone.",
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
        "Edit profile",
      ),
    );
  } else if (person) {
    setFooter(
      h(
        "button",
        { type: "button", class: "button primary", on: { click: leave(() => app.message(key)) } },
        icon("send"),
        "Message",
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
  return [h("section", { class: "contact", "aria-label": "Role" },
    h("h3", null, `${member.role === "admin" ? "Admin" : "Member"} of `, h("bdi", null, space.name)),
    h("div", { class: "row wrap" }, memberEntries(app, space.id, member).map(({ label, isDanger, run }) =>
      h("button", { type: "button", class: `button${isDanger ? " danger" : ""}`, on: { click: leave(run) } }, label))))];
}

function whereText(person) {
  if (person === undefined) {
    return "No account on this hub";
  }
  return person.hub ? `On another hub: ${person.hub.name}` : `@${person.name}${person.isMe ? " (you)" : ""}`;
}

/**
 * A key in groups of four with a copy button.
 * @param {string} title
 * @param {string} key
 * @param {string} hint
 */
export function keyBox(title, key, hint) {
  return h(
    "div",
    { class: "key-box" },
    h("p", { class: "key-title" }, title),
    h(
      "div",
      { class: "row" },
      h("p", { class: "key grow" }, groups(key)),
      copyButton(key, `Copy ${title.toLowerCase()}`),
    ),
    hint ? h("p", { class: "meta" }, hint) : null,
  );
}
