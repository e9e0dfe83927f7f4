/** Reports: those that wait for this person to judge, what became of one's own, and what one was told oneself. */

import { plural, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { confirmDialog, openDialog } from "./dialog.js";
import { dateText, h } from "./dom.js";
import { busyList, fillList } from "./listing.js";
import { reasonText } from "./trouble.js";
import { reason } from "./words.js";

const STATES = { open: t("open"), dismissed: t("dismissed"), warned: t("warned"), removed: t("removed from the hub") };

/** @param {import("./app.js").App} app */
export function openReports(app) {
  const { client } = app;
  const sections = [
    ["turn", t("For you to look at"), t("No report waits for you. Those about people whom you invited come here.")],
    ["mine", t("Reported by you"), t("You have reported nobody.")],
    ["warnings", t("Told to you"), t("Nobody has complained about you.")],
  ].map(([of, title, nothing]) => {
    const list = h("ul", { class: "cards" });
    const status = busyList();
    const load = () => fillList(client.call("reports.list", { of }), status, (reports) => {
      list.replaceChildren(...reports.map((report) => card(client, of, report, loadAll)));
      status.hidden = reports.length > 0;
      status.replaceChildren(h("p", { class: "meta" }, nothing));
    });
    return { load, element: h("section", { "aria-label": title }, h("h3", null, title), status, list) };
  });
  const loadAll = () => sections.forEach(({ load }) => load());
  openDialog({ title: t("Reports") }, ...sections.map(({ element }) => element));
  loadAll();
}

function nameOf(person) {
  return person?.name ?? t("a stranger");
}

function card(client, of, report, reload) {
  const { reporter, reported, text, texts, shut, quoted, state, answer } = report;
  const unread = quoted - texts.length - shut;
  return h(
    "li",
    { class: "card stack" },
    h("p", null, h("strong", null, of === "warnings" ? t("You") : nameOf(reported)), `: ${reasonText(report.reason)}`),
    h("p", { class: "meta" },
      [reporter && of === "turn" ? t("by {name}", { name: nameOf(reporter) }) : "", dateText(report.at), STATES[state]].filter(Boolean).join(" · ")),
    text ? h("blockquote", { class: "confirm-quote", dir: "auto" }, text) : null,
    ...texts.map((message) => quote(message, nameOf(reported))),
    shut > 0 ? h("p", { class: "meta" }, plural(
      "{count} of the reported messages is sealed, and no key that was given opens it.",
      "{count} of the reported messages are sealed, and no key that was given opens them.", shut)) : null,
    unread > 0 ? h("p", { class: "meta" }, plural(
      "{count} of the reported messages is not for you to read.",
      "{count} of the reported messages are not for you to read.", unread)) : null,
    answer ? h("p", null, t("Answer: {answer}", { answer })) : null,
    of === "turn" ? deeds(client, report, reload) : null,
  );
}

/** What somebody has signed; `isOpened`: it was sealed, and whoever reports has handed over its key. */
function quote({ text, at, files, isOpened }, author) {
  const notes = [
    isOpened ? t("It was sealed. Whoever reports has opened it; {author} has signed it, {date}.", { author, date: dateText(at) }) : "",
    files ? plural("With {count} file.", "With {count} files.", files) : "",
  ].filter(Boolean).join(" ");
  return h("blockquote", { class: "confirm-quote" },
    h("span", { dir: "auto" }, text), notes ? h("p", { class: "meta" }, notes) : null);
}

function deeds(client, report, reload) {
  const { id, reported, moves_at: movesAt } = report;
  const error = h("p", { class: "error", role: "alert" });
  const answer = /** @type {HTMLInputElement} */ (h("input", { type: "text", maxlength: 1000, autocomplete: "off" }));
  const close = async (verdict, done) => {
    try {
      await client.call("report.close", { id, verdict, text: answer.value });
      announce(done);
      reload();
    } catch (failure) {
      error.textContent = reason(failure);
    }
  };
  const remove = async () => {
    try {
      if (await isSure(client, reported)) {
        await client.call("report.remove", { key: reported.key });
        await close("removed", t("{name} is being removed", { name: nameOf(reported) }));
      }
    } catch (failure) {
      error.textContent = reason(failure);
    }
  };
  const button = (label, click, danger = false) =>
    h("button", { type: "button", class: danger ? "button danger" : "button", on: { click } }, label);
  return h(
    "div",
    { class: "stack" },
    h("label", { class: "field" }, h("span", null, t("Your answer")), answer),
    h(
      "div",
      { class: "row" },
      button(t("Dismiss"), () => close("dismissed", t("Dismissed"))),
      button(t("Warn"), () => close("warned", t("They are told"))),
      reported.name ? button(t("Remove …"), remove, true) : null,
    ),
    movesAt ? h("p", { class: "meta" }, t("On {date} it goes on to the next one up.", { date: dateText(movesAt) })) : null,
    error,
  );
}

async function isSure(client, reported) {
  const { sessions, waiting_invites: invites, messages } = await client.call("report.rehearse", { key: reported.key });
  return confirmDialog({ title: t("Remove {name}?", { name: nameOf(reported) }), verb: t("Remove") },
    h("p", null, t("Their account ends: {sessions} sessions, {invites} waiting invites; {messages} messages stay. "
      + "Whom they invited goes to whoever invited them. For a few minutes it can be undone; then it is final.", { sessions, invites, messages })));
}
