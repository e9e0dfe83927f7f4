/**
 * One row of the log: day and "New" lines, and the message as an article. Buttons carry `data-act`, which the log reads
 * in one listener for all. Not here: what the actions do (conversation.js), where rows lie (virtual.js).
 */

import { locale, plural, said, t } from "../words/words.js";
import { fullText } from "./allowance.js";
import { spanText } from "./burning.js";
import { avatar, dayText, h, icon, timeText } from "./dom.js";
import { filesOf } from "./filebox.js";
import { oneLine, renderText } from "./text.js";

const LABEL_CHARS = 240;
const QUOTE_CHARS = 140;
const MAX_NAMES = 20;
const MINUTE_MS = 60_000;
const STATES = { sending: t("sending"), waiting: t("waiting") };
const FULL = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" });

/**
 * @typedef {object} Context what messages are shown with
 * @property {any} state of the client
 * @property {boolean} isWhole show all of a long text
 * @property {HTMLElement | null} editor stands in for the text while it is edited
 */

/**
 * Fill a row. The article in it stays the same element, so that the focus on it stays.
 * @param {HTMLElement} row
 * @param {any} item
 * @param {import("./rows.js").Place} place
 * @param {Context} context
 */
export function fillRow(row, item, place, context) {
  let article = row.querySelector("article");
  if (article === null) {
    article = h("article", { tabindex: "-1" });
    row.prepend(article);
  }
  while (article.previousSibling !== null) {
    article.previousSibling.remove(); // and not the article: taken out for a moment it would lose the focus
  }
  article.before(...[place.day ? dayLine(item.at) : null, place.isNew ? newLine() : null].filter(Boolean));
  row.dataset.id = item.id;
  fillArticle(article, item, place, context);
}

function fillArticle(article, item, place, context) {
  const isMention = item.mentionsMe && !item.isDeleted;
  const isAnswer = item.replyTo !== null && !item.isDeleted;
  const classes = ["msg", place.head && "head", isAnswer && "answer", isMention && "for-me", item.state];
  article.className = classes.filter(Boolean).join(" ");
  const parts = [
    isAnswer ? quote(item.replyTo, context.state) : null,
    place.head ? picture(item, context.state) : gutterTime(item),
    h("div", { class: "msg-body" }, place.head ? headLine(item, place, context.state) : null, content(item, context)),
  ];
  article.replaceChildren(...parts.filter(Boolean));
  const label = isHidden(item, context)
    ? t("{author}, {time}, hidden message", { author: authorOf(item, context.state), time: timeText(item.at) })
    : labelOf(item, context.state, article.querySelector(".text"));
  article.setAttribute("aria-label", label);
}

/** How a person is called here. */
export function nameOf(key, state, otherwise = "someone") {
  const person = state.people[key];
  return person ? person.displayName || person.name : otherwise;
}

/** Whether it is of somebody whom one has blocked; `isWhole` shows it once. */
function isHidden(item, { state, isWhole }) {
  return state.marks[item.author] === "blocked" && item.kind !== "import" && !isWhole;
}

/** How an item's author is called; for imports, the name in their source. */
export function authorOf(item, state) {
  return item.kind === "import" ? item.authorName : nameOf(item.author, state, item.authorName);
}

/** What a screen reader says of a message; `text` is the element with its text. */
function labelOf(item, state, text) {
  const parts = [authorOf(item, state), timeText(item.at)];
  if (item.kind === "import") {
    parts.push(t("imported"));
  }
  if (item.isDeleted) {
    return [...parts, t("deleted")].join(", ");
  }
  if (item.replyTo) {
    parts.push(item.replyTo.authorName || state.people[item.replyTo.author]
      ? t("reply to {name}", { name: nameOf(item.replyTo.author, state, item.replyTo.authorName) }) : t("reply to a message"));
  }
  const words = text === null ? item.text : Array.from(text.children, (block) => block.textContent).join(" ");
  parts.push(words.length > LABEL_CHARS ? `${words.slice(0, LABEL_CHARS)}…` : words);
  parts.push(...(item.files ?? []).map(({ name }) => t("file {name}", { name })));
  parts.push(item.state === "failed" ? t("not sent") : item.state === "sent" ? "" : STATES[item.state] ?? "");
  for (const { emoji, by } of item.reactions) {
    parts.push(`${emoji} ${by.length}`);
  }
  return parts.filter((part) => part !== "").join(", ");
}

function dayLine(at) {
  return h("h2", { class: "day" }, h("span", null, dayText(at)));
}

function newLine() {
  return h("div", { class: "day new" }, h("span", null, t("New")));
}

function quote({ id, author, authorName, text }, state) {
  return h("button", { type: "button", class: "quote", "data-act": "jump", "data-target": id, tabindex: "-1",
    title: t("Go to this message") },
    h("bdi", { class: "quote-who" }, nameOf(author, state, authorName || t("someone"))),
    h("span", { class: "quote-text", dir: "auto" },
      state.marks[author] === "blocked" ? t("hidden message")
        : text === null ? t("an earlier message") : oneLine(text, QUOTE_CHARS)));
}

function picture(item, state) {
  const person = state.people[item.author] ?? { key: item.author, name: authorOf(item, state) };
  return h("span", { class: "picture", "data-act": item.kind === "import" ? null : "person", "data-key": item.author },
    avatar(person));
}

function headLine(item, place, state) {
  const name = h("bdi", null, authorOf(item, state));
  const person = state.people[item.author];
  return h("div", { class: "msg-head" },
    item.kind === "import" || !person
      ? h("span", { class: "who" }, name)
      : h("button", { type: "button", class: "who", "data-act": "person", "data-key": item.author, tabindex: "-1",
        title: `@${person.name}` }, name),
    time(item),
    person?.isBot ? h("span", { class: "origin", title: t("A program of this hub") }, t("bot")) : null,
    item.kind === "import" ? h("span", { class: place.origin ? "origin" : "origin is-known",
      title: t("Written elsewhere and brought here; the hub's import signed it") },
      t("imported")) : null);
}

function time(item) {
  return h("time", { datetime: new Date(item.at).toISOString(), title: FULL.format(item.at) }, timeText(item.at));
}

function gutterTime(item) {
  const element = time(item);
  element.className = "gutter";
  return element;
}

function content(item, context) {
  if (item.isDeleted) {
    return h("p", { class: "gone" }, icon("trash"), t("deleted"));
  }
  if (isHidden(item, context)) {
    return h("p", { class: "gone" }, t("hidden message"), " ",
      h("button", { type: "button", class: "link", "data-act": "unfold", tabindex: "-1" }, t("Show")));
  }
  if (context.editor !== null) {
    return context.editor;
  }
  const { element, folded } = renderText(item, context.state, { isWhole: context.isWhole });
  const marks = marksOf(item);
  if (marks.length > 0) {
    const last = element.lastElementChild;
    const line = last?.tagName === "P" && folded === null ? last : element.appendChild(h("p"));
    line.append(h("span", { class: line.hasChildNodes() ? "marks" : "marks alone" }, marks));
  }
  return [item.text === "" && marks.length === 0 ? null : element, folded === null ? null : more(folded),
    filesOf(item, context.state), reactions(item, context.state), burning(item, context.state),
    sendState(item, context.state), answers(item)];
}

/** The way to the thread of a message that has answers. */
function answers({ answers: count = 0 }) {
  return count === 0 ? null : h("button", { type: "button", class: "answers link", "data-act": "thread", tabindex: "-1" },
    icon("thread"), plural("{count} reply", "{count} replies", count));
}

function marksOf(item) {
  const marks = [];
  if (item.editedAt) {
    marks.push(h("span", { title: t("Edited {moment}", { moment: FULL.format(item.editedAt) }) }, t("(edited)")));
  }
  if (item.isPinned) {
    marks.push(h("span", { class: "pinned" }, icon("pin"), t("pinned")));
  }
  return marks;
}

function more(words) {
  return h("button", { type: "button", class: "link unfold", "data-act": "unfold", tabindex: "-1" }, words);
}

function reactions(item, state) {
  if (item.reactions.length === 0) {
    return null;
  }
  const buttons = item.reactions.map(({ emoji, by, isMine }) => {
    const names = by.slice(0, MAX_NAMES).map((key) => (key === state.me?.key ? t("you") : nameOf(key, state)));
    const some = names.join(", ");
    const who = by.length > MAX_NAMES ? t("{names} and {count} more", { names: some, count: by.length - MAX_NAMES }) : some;
    return h("button", { type: "button", class: "reaction", "data-act": "react", "data-emoji": emoji, tabindex: "-1",
      "aria-pressed": String(isMine), "aria-label": `${emoji} ${by.length}: ${who}`, title: who },
    h("bdi", { class: "emoji" }, emoji), h("span", { class: "number" }, by.length));
  });
  return h("div", { class: "reactions" }, buttons,
    h("button", { type: "button", class: "reaction add", "data-act": "emoji", "aria-label": t("Add a reaction"),
      title: t("Add a reaction"), tabindex: "-1" }, icon("smile")));
}

function burning(item, state) {
  if (!item.burnAt) {
    return null;
  }
  const now = Date.now() + state.clock.offsetMs;
  const left = Math.max(0, item.burnAt - now);
  const ring = h("i");
  ring.style.setProperty("--left", `${Math.round((100 * left) / Math.max(1, item.burnAt - item.at))}%`);
  return h("span", { class: "burn" }, ring, left === 0
    ? t("disappearing") : t("disappears in {span}", { span: left < MINUTE_MS ? t("less than a minute") : spanText(left) }));
}

function sendState(item, state) {
  if (item.state === "sending" && state.link.status !== "online") {
    return h("p", { class: "send-state" }, t("Waits for the connection, then goes out by itself"));
  }
  if (item.state === "waiting") {
    const isOpenable = ["waiting", "declined"].includes(item.error?.code) && item.conversation.startsWith("direct:");
    return h("p", { class: "send-state" }, icon("lock"), h("span", null, `${t("Not sent yet.")} ${said(item.error?.words ?? item.error?.detail ?? "")}`.trim()),
      isOpenable && h("button", { type: "button", class: "link", "data-act": "openly", tabindex: "-1" }, t("Send openly")),
      h("button", { type: "button", class: "link", "data-act": "discard", tabindex: "-1" }, t("Discard")));
  }
  if (item.state !== "failed") {
    return null;
  }
  const why = item.error?.code === "quota" ? fullText(state.allowance, item.text) : said(item.error?.words ?? item.error?.detail ?? "");
  return h("p", { class: "send-state failure" }, icon("warn"), h("span", null, `${t("Not sent.")} ${why}`.trim()),
    h("button", { type: "button", class: "link", "data-act": "retry", tabindex: "-1" }, t("Try again")),
    h("button", { type: "button", class: "link", "data-act": "discard", tabindex: "-1" }, t("Discard")));
}
