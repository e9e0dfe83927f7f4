/** Reports: those that wait for this person to judge, what became of one's own, and what one was told oneself. */

import { announce } from "./announcer.js";
import { confirmDialog, openDialog } from "./dialog.js";
import { dateText, h } from "./dom.js";
import { busyList, fillList } from "./listing.js";
import { reasonText } from "./trouble.js";
import { reason } from "./words.js";

const STATES = { open: "open", dismissed: "dismissed", warned: "warned", removed: "removed from the hub" };

/** @param {import("./app.js").App} app */
export function openReports(app) {
  const { client } = app;
  const sections = [
    ["turn", "For you to look at", "No report waits for you. Those about people whom you invited come here."],
    ["mine", "Reported by you", "You have reported nobody."],
    ["warnings", "Told to you", "Nobody has complained about you."],
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
  openDialog({ title: "Reports" }, ...sections.map(({ element }) => element));
  loadAll();
}

function nameOf(person) {
  return person?.name ?? "a stranger";
}

function card(client, of, report, reload) {
  const { reporter, reported, text, texts, shut, quoted, state, answer } = report;
  const unread = quoted - texts.length - shut;
  return h(
    "li",
    { class: "card stack" },
    h("p", null, h("strong", null, of === "warnings" ? "You" : nameOf(reported)), `: ${reasonText(report.reason)}`),
    h("p", { class: "meta" },
      [reporter && of === "turn" ? `by ${nameOf(reporter)}` : "", dateText(report.at), STATES[state]].filter(Boolean).join(" · ")),
    text ? h("blockquote", { class: "confirm-quote" }, text) : null,
    ...texts.map((message) => quote(message, nameOf(reported))),
    shut > 0 ? h("p", { class: "meta" }, `${shut} of the reported messages are sealed, and no key that was given opens them.`) : null,
    unread > 0 ? h("p", { class: "meta" }, `${unread} of the reported messages are not for you to read.`) : null,
    answer ? h("p", null, `Answer: ${answer}`) : null,
    of === "turn" ? deeds(client, report, reload) : null,
  );
}

/** What somebody has signed; `isOpened`: it was sealed, and whoever reports has handed over its key. */
function quote({ text, at, files, isOpened }, author) {
  const notes = [
    isOpened ? `It was sealed. Whoever reports has opened it; ${author} has signed it, ${dateText(at)}.` : "",
    files ? `With ${files} ${files === 1 ? "file" : "files"}.` : "",
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
        await close("removed", `${nameOf(reported)} is being removed`);
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
    h("label", { class: "field" }, h("span", null, "Your answer"), answer),
    h(
      "div",
      { class: "row" },
      button("Dismiss", () => close("dismissed", "Dismissed")),
      button("Warn", () => close("warned", "They are told")),
      reported.name ? button("Remove …", remove, true) : null,
    ),
    movesAt ? h("p", { class: "meta" }, `On ${dateText(movesAt)} it goes on to the next one up.`) : null,
    error,
  );
}

async function isSure(client, reported) {
  const { sessions, waiting_invites: invites, messages } = await client.call("report.rehearse", { key: reported.key });
  return confirmDialog({ title: `Remove ${nameOf(reported)}?`, verb: "Remove" },
    h("p", null, `Their account ends: ${sessions} sessions, ${invites} waiting invites; ${messages} messages stay. Whom they `
      + "invited goes to whoever invited them. For a few minutes it can be undone; then it is final."));
}
