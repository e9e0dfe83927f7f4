/**
 * The page `/to/<name>`: somebody without an account writes to a member, and reads the answers (protocol.md section 13).
 *
 * It says the same for every name. Not here: keys, the connection, the proof of work (letters.js).
 */

import "../chat/theme.js";
import { h } from "../chat/dom.js";
import { clockLocale, said, t } from "../words/words.js";
import { knowsPart } from "./knows.js";
import { Letters, MAX_TEXT_BYTES, MAX_UNANSWERED } from "./letters.js";

const name = decodeURIComponent(location.pathname.slice("/to/".length));
const fingerprint = document.querySelector("meta[name=accord-hub-key]")?.getAttribute("content") ?? "";
const letters = new Letters(name, fingerprint.replaceAll(" ", ""));

const time = new Intl.DateTimeFormat(clockLocale, { dateStyle: "medium", timeStyle: "short" });
const clockTime = new Intl.DateTimeFormat(clockLocale, { timeStyle: "short" });

// What is on the page, made once

const lead = h("p", { class: "lead" });
const status = h("p", { class: "to-status", role: "status" });
const log = h("div", { class: "to-log", role: "log", "aria-label": t("Letters to {name} and answers", { name }), tabindex: 0 });
const area = /** @type {HTMLTextAreaElement} */ (h("textarea", { rows: 5, required: true, "aria-describedby": "to-hint" }));
const hint = h("small", { class: "meta", id: "to-hint" });
const submit = /** @type {HTMLButtonElement} */ (h("button", { type: "submit", class: "button primary big" }, t("Send")));
const form = h(
  "form",
  { class: "stack", on: { submit: send } },
  h("label", { class: "field" }, h("span", null, t("Your message")), area),
  hint,
  submit,
);
const bar = /** @type {HTMLProgressElement} */ (h("progress", { max: 1, value: 0, "aria-label": t("Work for your message") }));
const wait = h(
  "button",
  { type: "button", class: "button", on: { click: () => letters.waitInstead() } },
  t("Wait ten minutes instead"),
);
const working = h(
  "section",
  { class: "to-work", hidden: true, "aria-label": t("Sending") },
  h(
    "p",
    null,
    t("Your computer works on a small puzzle for this message, so that nobody can send thousands. It takes a few "
      + "seconds."),
  ),
  bar,
  wait,
);
const knows = knowsPart(letters);
const about = h(
  "details",
  null,
  h("summary", null, t("What becomes of it")),
  h(
    "p",
    null,
    t("Your message is signed with a key that was made in this browser and stays here. Whoever runs this hub can "
      + "read it. Answers are kept for 30 days and show on this page, in this browser; without it nobody can read "
      + "them for you."),
  ),
  h("p", { class: "meta" }, t("This hub's key"), ": ", h("span", { class: "key" }, fingerprint)),
);
const body = h("div", { class: "stack" });
const main = h("main", { class: "page to-page" }, h("h1", { tabindex: -1 }, t("Write to {name}", { name })), lead, status, body, about);

async function send(event) {
  event.preventDefault();
  const text = area.value.trim();
  if (!text || new TextEncoder().encode(text).length > MAX_TEXT_BYTES) {
    area.focus();
    return;
  }
  area.value = "";
  await letters.send(text);
}

// What changes

function row(entry) {
  const isMine = entry.state !== undefined;
  const says = isMine ? stateOf(entry) : "";
  return h(
    "article",
    { class: isMine ? "to-letter mine" : "to-letter" },
    h(
      "p",
      { class: "meta" },
      h("strong", null, isMine ? t("You") : name),
      " ",
      h("time", { datetime: new Date(entry.at).toISOString() }, time.format(entry.at)),
    ),
    h("p", { class: "to-text" }, entry.text),
    says ? h("p", { class: entry.state === "failed" ? "meta trouble" : "meta" }, says) : null,
    entry.state === "failed" ? h(
      "p",
      { class: "row" },
      h("button", { type: "button", class: "button", on: { click: () => letters.again(entry.id) } }, t("Try again")),
      h("button", { type: "button", class: "button quiet", on: { click: () => letters.remove(entry.id) } }, t("Remove")),
    ) : null,
  );
}

function stateOf({ state, readyAt, why }) {
  switch (state) {
    case "working":
      return t("Sending …");
    case "waiting":
      return t("Goes out at {time} if this page is open then, or when you open it within the hour after.",
        { time: clockTime.format(readyAt) });
    case "failed":
      return `${t("Not sent.")} ${said(why)}`;
    default:
      return "";
  }
}

let shown = "";

function showLog() {
  const entries = [...letters.letters, ...letters.answers].sort((a, b) => a.at - b.at);
  const now = JSON.stringify(entries.map(({ id, state, text, readyAt, why }) => [id, state, text, readyAt, why]));
  if (now !== shown) {
    shown = now;
    log.replaceChildren(...entries.map(row));
    log.lastElementChild?.scrollIntoView?.({ block: "nearest" });
  }
  log.hidden = entries.length === 0;
}

function showReady() {
  const isWorking = letters.progress !== null;
  working.hidden = !isWorking;
  bar.value = letters.progress ?? 0;
  const isFull = letters.unanswered >= MAX_UNANSWERED;
  const isBusy = isWorking || letters.letters.some((letter) => letter.state === "working" && !letters.isAnswered);
  submit.disabled = !letters.isOnline || isBusy || isFull;
  hint.textContent = isFull
    ? t("{most} messages wait for an answer; more would not be kept.", { most: MAX_UNANSWERED })
    : t("At most {most} characters of plain text.", { most: MAX_TEXT_BYTES });
  if (!letters.isOnline) {
    status.textContent = t("Reconnecting …");
  } else if (isWorking) {
    status.textContent = t("Sending …");
  } else if (letters.isAnswered) {
    status.textContent = t("{name} has answered. You can write on without waiting.", { name });
  } else if (letters.letters.some((letter) => letter.state === "sent")) {
    status.textContent = t("Sent. It waits for an answer: come back to this page, in this browser.");
  } else if (letters.vouchedUntil) {
    status.textContent = t("Somebody here vouches for you: your messages go out at once.");
  } else {
    status.textContent = "";
  }
}

const SENTENCES = {
  opening: t("Opening the hub …"),
  member: t("This browser has an account here, so you can write in the chat."),
  shut: t("This hub takes mail from its members only."),
  changed: t("The key behind the name {name} is another one than when you wrote last. It may be somebody else now.", { name }),
};

function show() {
  const { hubName: hub } = letters;
  document.title = hub ? `${t("Write to {name}", { name })} · ${hub}` : t("Write to {name}", { name });
  lead.textContent = hub
    ? t("{hub} is an Accord hub, where people talk who were invited. Whoever is called {name} here gets your message; the "
      + "hub does not tell whether anybody is.", { hub, name })
    : t("This is an Accord hub, where people talk who were invited. Whoever is called {name} here gets your message; the hub "
      + "does not tell whether anybody is.", { name });
  if (letters.phase === "ready") {
    if (!form.isConnected) {
      body.replaceChildren(log, form, working, knows.element);
      knows.takeFragment();
    }
    knows.show();
    showLog();
    showReady();
    return;
  }
  status.textContent = SENTENCES[letters.phase] ?? said(letters.why);
  const chat = h("a", { class: "button primary big", href: "/" }, t("Open the chat"));
  const anew = h("button", { type: "button", class: "button", on: { click: () => letters.beginAnew() } }, t("Begin anew"));
  body.replaceChildren(...({ member: [chat], changed: [anew] }[letters.phase] ?? []));
}

letters.addEventListener("change", show);
globalThis.addEventListener("hashchange", () => knows.element.isConnected && knows.takeFragment());
document.body.replaceChildren(main);
show();
letters.start();
