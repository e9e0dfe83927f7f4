/**
 * What there is of a person beside their profile: what I call them, their posts, what others say of them (with who says
 * it), and what I say of them. And the list of people whom others know.
 */

import { language, locale, plural, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { openDialog } from "./dialog.js";
import { avatar, h, icon } from "./dom.js";
import { busyList, fillList } from "./listing.js";
import { openPerson } from "./person.js";
import { reason } from "./words.js";

const MAX_CALLED_CHARS = 80;
const MAX_NOTE_CHARS = 2_000;
const DAY = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" });
const AND = new Intl.ListFormat(language, { type: "conjunction" });

/**
 * The parts of a person's card; they fill once the hub has answered.
 * @param {import("./app.js").App} app
 * @param {any} person
 * @param {(then: () => void) => () => void} leave closes the card first
 * @returns {HTMLElement[]}
 */
export function contactSections(app, person, leave) {
  if (person.isMe) {
    return [h("button", { type: "button", class: "button", on: { click: leave(() => openMyPosts(app)) } },
      icon("pencil"), t("My posts"))];
  }
  const status = busyList();
  const filled = h("div", { class: "stack" });
  fillList(app.client.call("contact.card", { key: person.key }), status, (card) => {
    const others = card.notes.filter((note) => !note.isMine);
    const mine = card.notes.find((note) => note.isMine);
    filled.replaceChildren(
      vouchers(others),
      ...(others.length > 0 ? [saidList(app, others, leave)] : []),
      followRow(app, person, card, leave),
      calledForm(app, person.key, card.called),
      noteForm(app, person, mine?.text ?? ""),
    );
  });
  return [h("section", { class: "contact" }, h("h3", null, t("Known to others")), status, filled)];
}

function vouchers(notes) {
  const names = [...new Set(notes.map((note) => note.authorName))];
  return h("p", { class: "meta" }, names.length === 0
    ? t("Nobody whose posts are held here has said anything about them yet.")
    : plural("{names} says who this is; each note is signed by who wrote it.",
      "{names} say who this is; each note is signed by who wrote it.", names.length, { names: AND.format(names) }));
}

function saidList(app, notes, leave) {
  return h("ul", { class: "cards" }, notes.map((note) => h("li", { class: "card" },
    h("h4", null, h("button", { type: "button", class: "link",
      on: { click: leave(() => openPerson(app, note.author)) } }, h("bdi", null, note.authorName))),
    h("p", { dir: "auto", class: "note-text" }, note.text),
    ...(note.addresses.length > 0 ? [h("p", { class: "meta clip" }, t("Reached at {addresses}", { addresses: note.addresses.join(", ") }))] : []),
    h("p", { class: "meta" }, DAY.format(note.lastUpdate)))));
}

function followRow(app, person, card, leave) {
  const name = person.displayName || person.name;
  if (!card.canFollow) {
    return h("p", { class: "meta" }, t("This hub does not hold what they post, so they cannot be followed from here."));
  }
  const change = (on) => leave(async () => {
    try {
      const { conversation } = await app.client.call("contact.follow", { key: person.key, on });
      announce(on ? t("You follow {name}", { name }) : t("You no longer follow {name}", { name }));
      if (on) {
        app.open(conversation);
      }
    } catch (failure) {
      announce(reason(failure));
    }
  });
  return h("div", { class: "row" },
    h("button", { type: "button", class: "button", on: { click: change(!card.follows) } },
      card.follows ? t("Stop following") : t("Follow")),
    h("p", { class: "meta grow" }, card.follows
      ? t("Their posts are in your list, under Following.") : t("Their posts then appear in your list. They are not "
        + "told.")));
}

/** A form with one field, one button, and a line for what went wrong. */
function smallForm(label, field, verb, hint, save) {
  const error = h("p", { class: "error", role: "alert" });
  const button = /** @type {HTMLButtonElement} */ (h("button", { type: "submit", class: "button" }, verb));
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    button.disabled = true;
    error.textContent = "";
    try {
      announce(await save(field.value.trim()));
    } catch (failure) {
      error.textContent = reason(failure);
    } finally {
      button.disabled = false;
    }
  };
  return h("form", { class: "stack", on: { submit } },
    h("label", { class: "field" }, h("span", null, label), field, h("small", { class: "meta" }, hint)),
    error, h("div", { class: "row" }, button));
}

function calledForm(app, key, called) {
  const field = /** @type {HTMLInputElement} */ (
    h("input", { type: "text", value: called, maxlength: MAX_CALLED_CHARS, autocomplete: "off" })
  );
  return smallForm(t("You call them"), field, t("Save name"),
    t("Shown to you alone, in this browser, in place of the name they chose. Empty: as they call themselves."),
    async (name) => {
      await app.client.call("contact.call", { key, called: name });
      return name ? t("You call them {name}", { name }) : t("They go by their own name");
    });
}

function noteForm(app, person, text) {
  const field = /** @type {HTMLTextAreaElement} */ (h("textarea", { value: text, rows: 2, maxlength: MAX_NOTE_CHARS }));
  return smallForm(t("Your note about them"), field, t("Save note"),
    t("Signed by you, for everyone who can read your posts; it helps others to know who this is. Empty: taken back."),
    async (said) => {
      await app.client.call("contact.note", { key: person.key, text: said });
      return said ? t("Note saved") : t("Note taken back");
    });
}

/** One's own posts, as a conversation. @param {import("./app.js").App} app */
export async function openMyPosts(app) {
  try {
    const { conversation } = await app.client.call("contact.follow", { key: app.client.state.me.key, on: true });
    app.open(conversation);
  } catch (failure) {
    announce(reason(failure));
  }
}

/** People without an account here of whom others say something. @param {import("./app.js").App} app */
export function openNoted(app) {
  const status = busyList();
  const list = h("ul", { class: "cards" });
  const { close, body } = openDialog({ title: t("People others know") },
    h("p", { class: "dialog-lead", tabindex: -1 },
      t("People without an account on this hub, of whom somebody here has written who they are.")),
    status, list);
  fillList(app.client.call("contact.noted", {}), status, (found) => {
    list.replaceChildren(...found.map((person) => row(app, person, close)));
    if (found.length === 0) {
      body.append(h("p", null, t("Nobody yet. Open somebody's card to write a note about them.")));
    }
  });
}

function row(app, person, close) {
  const names = [...new Set(person.notes.map((note) => note.authorName))];
  const open = () => {
    close();
    openPerson(app, person.key);
  };
  return h("li", { class: "card row" }, avatar({ key: person.key, name: person.name }, { small: true }),
    h("div", { class: "grow" },
      h("h3", null, h("button", { type: "button", class: "link", on: { click: open } }, h("bdi", null, person.name))),
      h("p", { dir: "auto", class: "note-text" }, person.notes[0].text),
      h("p", { class: "meta" }, [person.hub ? `${t("On {hub}.", { hub: person.hub })} ` : "", t("Known to {names}", { names: AND.format(names) })])));
}
