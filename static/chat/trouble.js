/**
 * Trouble with people: the bar over what a stranger wrote, blocking and muting, reporting. What is decided here is told
 * to nobody but the hub. Not here: reports that one is to judge (reports.js).
 */

import { rich, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { confirmDialog, openDialog } from "./dialog.js";
import { avatar, groups, h, icon } from "./dom.js";
import { nameOf } from "./message.js";
import { reason } from "./words.js";

const MAX_TEXT_CHARS = 1_000;
const REASONS = [
  ["spam", t("Advertising, or the same thing again and again")],
  ["abuse", t("Insults or threats")],
  ["imitation", t("Passes for somebody else")],
  ["illegal", t("Against the law")],
  ["other", t("Something else")],
];

/** What a reason is called. @param {string} word */
export function reasonText(word) {
  return REASONS.find(([name]) => name === word)?.[1] ?? word;
}

async function setMark(client, key, mark, done) {
  try {
    await client.call("mark.set", { key, mark });
    announce(done);
    return true;
  } catch (failure) {
    announce(reason(failure));
    return false;
  }
}

function called(client, key) {
  return nameOf(key, client.state, client.state.conversations[`direct:${key}`]?.name ?? t("this person"));
}

/** Block somebody, if one is sure. @param {any} client @param {string} key */
export async function block(client, key) {
  const name = called(client, key);
  const isSure = await confirmDialog({ title: t("Block {name}?", { name }), verb: t("Block") },
    h("p", null, t("You no longer see what they write: not to you, and in channels only as a hidden line. They are "
      + "not told. You can undo this under Blocked and muted.")));
  return isSure && setMark(client, key, "blocked", t("{name} is blocked", { name }));
}

/** The bar over the first letters of a stranger. */
export class RequestBar {
  #host;
  #key = "";

  /** @param {{client: () => any, answer: () => void, vouch: (key: string) => void}} host */
  constructor(host) {
    this.#host = host;
    const button = (label, click) => h("button", { type: "button", class: "button", on: { click } }, label);
    this.key = h("span", { class: "key" });
    this.element = h(
      "section",
      { class: "request", hidden: true, "aria-label": t("Request") },
      h(
        "p",
        null,
        h("strong", null, t("From a stranger.")),
        " ",
        rich("Whoever wrote this has no account here. If you answer, they can write to you freely; until then they have "
          + "three messages. Their key: {key}", { key: this.key }),
      ),
      h(
        "div",
        { class: "row wrap" },
        button(t("Answer"), () => this.#host.answer()),
        button(t("Vouch"), () => this.#host.vouch(this.#key)),
        button(t("Block"), () => block(this.#host.client(), this.#key)),
        button(t("Report"), () => openReport(this.#host.client(), this.#key)),
      ),
    );
  }

  /** @param {any} conversation as the client's state has it */
  show(conversation) {
    const isRequest = conversation?.isRequest === true && !conversation.isBlocked;
    this.element.hidden = !isRequest;
    if (isRequest) {
      this.#key = conversation.with;
      this.key.textContent = groups(conversation.with);
    }
  }
}

/**
 * Of a person's card: mute, block, report.
 * @param {import("./app.js").App} app
 * @param {any} person
 * @param {(then: () => void) => () => void} leave closes the card first
 */
export function troubleSections(app, person, leave) {
  if (person.isMe) {
    return [];
  }
  const { client } = app;
  const { key } = person;
  const mark = client.state.marks[key] ?? "none";
  const name = person.displayName || person.name;
  const button = (label, click) => h("button", { type: "button", class: "button", on: { click: leave(click) } }, label);
  const set = (wanted, done) => () => void setMark(client, key, wanted, done);
  return [
    h(
      "section",
      { "aria-label": t("Trouble") },
      h(
        "div",
        { class: "row" },
        mark === "none"
          ? button(t("Mute"), set("muted", t("{name} is muted", { name })))
          : button(mark === "muted" ? t("Unmute") : t("Unblock"), set("none", t("{name} is heard again", { name }))),
        mark === "blocked" ? null : button(t("Block"), () => void block(client, key)),
        button(t("Report"), () => openReport(client, key)),
      ),
      h("p", { class: "meta" }, t("Muted: what they write makes nothing unread. Blocked: it is hidden. Neither is "
        + "told to them.")),
    ),
  ];
}

/**
 * The form with which one reports somebody.
 * @param {any} client
 * @param {string} key
 * @param {any[]} [items] messages that are reported
 */
export function openReport(client, key, items = []) {
  const messages = items.map(({ id }) => id);
  const isSealed = items.some((item) => item.isSealed);
  const select = /** @type {HTMLSelectElement} */ (
    h("select", null, REASONS.map(([value, label]) => h("option", { value }, label)))
  );
  const text = /** @type {HTMLTextAreaElement} */ (h("textarea", { rows: 4, maxlength: MAX_TEXT_CHARS }));
  const error = h("p", { class: "error", role: "alert" });
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      await client.call("report.make", { key, reason: select.value, text: text.value, messages });
      close();
      announce(t("Reported. You see under Reports what becomes of it."));
    } catch (failure) {
      error.textContent = reason(failure);
    }
  };
  const form = h(
    "form",
    { class: "stack", id: "report-form", on: { submit } },
    h("p", { class: "dialog-lead" },
      t("It goes to whoever invited them, and on to the next one up if nobody looks at it within the time that the operator "
        + "has set; at last to the operator. They see who reports."),
      messages.length ? ` ${t("The message goes along.")}` : ""),
    isSealed ? h("p", { class: "dialog-lead" },
      t("This message is sealed: the hub cannot read it. With the report goes the key of this one message, so that "
        + "who looks at the report, and the operator, read it and see that they have signed it. They read nothing "
        + "else of your conversation."))
      : null,
    h("label", { class: "field" }, h("span", null, t("What is wrong")), select),
    h("label", { class: "field" }, h("span", null, t("In your words")), text),
    error,
  );
  const { close, setFooter } = openDialog({ title: t("Report {called}", { called: called(client, key) }) }, form);
  setFooter(
    h("button", { type: "submit", class: "button primary danger", form: "report-form" }, icon("warn"), t("Report")),
  );
}

/** Whom I have blocked and muted. @param {import("./app.js").App} app */
export function openBlocked(app) {
  const { client } = app;
  const list = h("ul", { class: "cards" });
  const nobody = h("p", { class: "meta" }, t("Nobody. You find both in the card of a person."));
  const { body } = openDialog(
    { title: t("Blocked and muted") },
    h("p", { class: "dialog-lead" },
      t("Nobody else sees this. What the blocked write is hidden; what the muted write makes nothing unread.")),
    nobody,
    list,
  );
  const show = () => {
    const marks = Object.entries(client.state.marks);
    nobody.hidden = marks.length > 0;
    list.replaceChildren(...marks.map(([key, mark]) => {
      const name = called(client, key);
      const undo = async () => {
        if (await setMark(client, key, "none", t("{name} is heard again", { name }))) {
          show();
          /** @type {HTMLElement | null} */ (list.querySelector("button") ?? body.parentElement?.querySelector("h2"))?.focus();
        }
      };
      return h("li", { class: "card row" },
        avatar(client.state.people[key] ?? { key, name }, { small: true }),
        h("span", { class: "grow clip" }, name, h("small", { class: "meta" }, " ", mark === "blocked" ? t("blocked") : t("muted"))),
        h("button", { type: "button", class: "button", on: { click: undo } }, mark === "blocked" ? t("Unblock") : t("Unmute")));
    }));
  };
  show();
}
