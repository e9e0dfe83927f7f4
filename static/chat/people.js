/**
 * The people on the right: admins, then members, whoever is there first, then people whom other hubs serve. A click
 * opens the person's card.
 */

import { language, t } from "../words/words.js";
import { avatar, h, iconButton } from "./dom.js";
import { channelOf } from "./lists.js";
import { openPerson } from "./person.js";

const SHORT_KEY_CHARS = 8;
const RANK = { online: 0, away: 1, offline: 2 };
const WORDS = { online: t("online"), away: t("away"), offline: t("offline") };
const byName = new Intl.Collator(language, { numeric: true, sensitivity: "base" }).compare;

/** People, whoever is there first, then by name. @param {any[]} people */
export function inOrder(people) {
  return [...people].sort(
    (a, b) => RANK[a.presence] - RANK[b.presence] || byName(a.displayName || a.name, b.displayName || b.name),
  );
}

export class PeoplePane {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.client = app.client;
    /** @type {Map<string, {element: HTMLElement, face: string}>} */
    this.rows = new Map();
    this.conversation = null;
    this.groups = [group(t("Admins")), group(t("Members")), group(t("On other hubs"))];
    this.closeButton = iconButton("close", t("Close people"), () => app.showPeople(false), { class: "people-close" });
    this.element = h(
      "aside",
      { class: "people-pane", "aria-label": t("People"), tabindex: -1 },
      this.closeButton,
      ...this.groups.map((each) => each.element),
    );
    this.#show();
  }

  focus() {
    /** @type {HTMLElement} */ (this.element.querySelector(".person-row") ?? this.element).focus();
  }

  /** @param {any} detail what changed */
  update(detail) {
    if (detail.people || detail.me || detail.spaces) {
      this.#show();
    }
  }

  /** @param {string} id the open conversation: a direct one has two people */
  select(id) {
    this.conversation = this.client.state.conversations[id] ?? null;
    this.#show();
  }

  #show() {
    const kinds = this.#kinds();
    const held = new Set();
    this.groups.forEach(({ name, element, title, list }, index) => {
      const members = inOrder(kinds[index]);
      element.hidden = members.length === 0;
      title.textContent = `${name}, ${members.length}`;
      members.forEach((person, place) => {
        const row = this.#row(person);
        held.add(person.key);
        if (list.children[place] !== row) {
          list.insertBefore(row, list.children[place] ?? null);
        }
      });
    });
    for (const [key, row] of this.rows) {
      if (!held.has(key)) {
        row.element.remove();
        this.rows.delete(key);
      }
    }
  }

  /** Who is shown: admins, members, those on other hubs; of a channel of a space its members, by their roles there. */
  #kinds() {
    const { people, me, spaces } = this.client.state;
    const space = spaces[this.conversation?.space];
    if (space) {
      const isPrivate = channelOf(this.client, this.conversation)?.isPrivate;
      const of = (/** @type {string} */ role) => space.members.filter((/** @type {any} */ each) => each.role === role)
        .map(({ key }) => people[key] ?? strangerOf(key));
      return [of("admin"), isPrivate ? [] : of("member"), []];
    }
    const other = this.conversation?.with;
    const all = other ? [people[me?.key], people[other]].filter(Boolean) : Object.values(people);
    return [
      all.filter((each) => each.isAdmin),
      all.filter((each) => !each.isAdmin && !each.hub),
      all.filter((each) => !each.isAdmin && each.hub),
    ];
  }

  #row(person) {
    let row = this.rows.get(person.key);
    if (row === undefined) {
      row = { element: h("li", null), face: "" };
      this.rows.set(person.key, row);
    }
    const { name, displayName, presence, status, isMe, hub } = person;
    const face = JSON.stringify([name, displayName, presence, status, isMe, hub?.name]);
    if (row.face !== face) {
      row.face = face;
      const hadFocus = row.element.contains(document.activeElement);
      const button = h(
        "button",
        {
          type: "button",
          class: `person-row ${person.presence}`,
          on: { click: () => openPerson(this.app, person.key) },
        },
        avatar(person, { small: true, presence: true }),
        h(
          "span",
          { class: "grow clip" },
          person.displayName || person.name,
          person.isMe ? h("span", { class: "dim" }, ` ${t("(you)")}`) : null,
          hub ? null : h("span", { class: "visually-hidden" }, `, ${WORDS[person.presence]}`),
          hub ? h("small", { class: "clip" }, hub.name) : null,
          person.status ? h("small", { class: "clip" }, person.status) : null,
        ),
      );
      row.element.replaceChildren(button);
      if (hadFocus) {
        button.focus();
      }
    }
    return row.element;
  }
}

/** A member of whom nothing is known here yet. */
function strangerOf(key) {
  return { key, name: `${key.slice(0, SHORT_KEY_CHARS)}...`, displayName: "", status: "", presence: "offline", isMe: false };
}

function group(name) {
  const title = h("h2", null, name);
  const list = h("ul", null);
  return { name, element: h("section", null, title, list), title, list };
}
