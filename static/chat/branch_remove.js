/**
 * Removing somebody of my branch. First the rehearsal: who goes, as numbers and as a picture; then the choice between
 * one account and the whole branch; then the removal, which can be undone for a time. Not here: the undoing
 * (branch_band.js).
 */

import "./branch_picture.js";
import { plural, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { leftText, sizeText } from "./branch_words.js";
import { openDialog } from "./dialog.js";
import { h, icon } from "./dom.js";
import { reason } from "./words.js";

/** What becomes of each account of a branch whose top is removed. */
function marksOf(items, mode) {
  const top = items[0].key;
  return new Map(items.map((item) => {
    const isHeld = mode === "subtree" || item.key === top || (item.parent === top && item.kind === "temp");
    return [item.key, isHeld ? "goes" : item.parent === top ? "moves" : ""];
  }).filter(([, mark]) => mark !== ""));
}

function stayText({ bytes, channels }) {
  const size = sizeText(bytes);
  return channels > 0
    ? plural("({size}) in {count} channel stay, but for what is dated later than the removal",
      "({size}) in {count} channels stay, but for what is dated later than the removal", channels, { size })
    : t("({size}) stay, but for what is dated later than the removal", { size });
}

/** What is touched, as lines. */
function linesOf(found) {
  const lines = [
    [found.accounts, plural("{count} account", "{count} accounts", found.accounts),
      t("go: they can do nothing here any more")],
    [found.waiting_invites, plural("{count} invite that waits", "{count} invites that wait", found.waiting_invites),
      t("can no longer be claimed")],
    [found.sessions, plural("{count} open session", "{count} open sessions", found.sessions), t("end at once")],
    [found.devices, plural("{count} device", "{count} devices", found.devices), t("are shut out")],
    [found.messages, plural("{count} message", "{count} messages", found.messages), stayText(found)],
    [found.invites, plural("{count} invite", "{count} invites", found.invites),
      t("come back up the tree when it is final")],
  ];
  return lines.filter(([count]) => count > 0).map(([, counted, says]) =>
    h("li", null, h("b", null, counted), ` ${says}`));
}

/** One account, or its branch too. */
function modeChoice({ name, people, inviter }, choose) {
  const modes = [
    ["reparent", t("Only {name}", { name }), t("Those whom {name} invited stay; {inviter} answers for them then.", { name, inviter })],
    ["subtree", t("{name} and everybody below", { name }), plural("The whole branch goes: {count} other account too.",
      "The whole branch goes: {count} other accounts too.", people)],
  ];
  const option = ([value, title, says], place) => {
    const on = { change: () => choose(value) };
    return h("label", { class: "check" },
      h("input", { type: "radio", name: "removal-mode", value, checked: place === 0, on }),
      h("span", null, h("b", null, title), h("span", { class: "meta" }, says)));
  };
  return h("fieldset", { class: "choice branch-choice" }, h("legend", null, t("Who goes?")), modes.map(option));
}

/**
 * @param {any} client
 * @param {{items: import("./branch_model.js").Item[], inviter: import("./branch_model.js").BranchNode | null}} of the
 *   branch of whoever is to go, the top first
 * @param {() => void} done
 */
export function openRemoval(client, { items, inviter }, done) {
  const [top] = items;
  const name = top.title ?? top.name;
  const people = top.below - top.below_waiting;
  let mode = "reparent";
  let asked = 0;
  /** @type {import("./branch_picture.js").BranchPicture} */
  const picture = /** @type {any} */ (document.createElement("accord-branch"));
  picture.label = t("The branch of {name}", { name });
  const numbers = h("ul", { class: "points" });
  const status = h("p", { class: "meta", role: "status" });
  const error = h("p", { class: "error", role: "alert" });
  const button = /** @type {HTMLButtonElement} */ (
    h("button", { type: "button", class: "button primary danger", disabled: true }, t("Remove"))
  );

  const rehearse = async () => {
    const turn = (asked += 1);
    button.disabled = true;
    status.textContent = t("Rehearsing …");
    picture.mark(marksOf(items, mode));
    picture.fit();
    try {
      const found = await client.call("branch.rehearse", { key: top.key, mode });
      if (turn === asked) {
        numbers.replaceChildren(...linesOf(found));
        button.textContent = found.accounts > 1
          ? plural("Remove {count} account", "Remove {count} accounts", found.accounts) : t("Remove {name}", { name });
        button.disabled = false;
        status.textContent = t("Rehearsed: nothing has been changed yet.");
      }
    } catch (failure) {
      if (turn === asked) {
        status.textContent = "";
        error.textContent = reason(failure);
      }
    }
  };
  const remove = async () => {
    button.disabled = true;
    error.textContent = "";
    try {
      const begun = await client.call("branch.remove", { key: top.key, mode });
      const left = begun.finalAt - Date.now();
      announce(left > 0
        ? t("{name} is being removed. It can be undone for {left}.", { name, left: leftText(left) })
        : t("{name} was removed.", { name }));
      close();
      done();
    } catch (failure) {
      error.textContent = reason(failure);
      button.disabled = false;
    }
  };
  button.addEventListener("click", remove);

  const choose = (/** @type {string} */ value) => {
    mode = value;
    rehearse();
  };
  const above = inviter?.title ?? t("whoever invited them");
  const choice = people > 0 ? modeChoice({ name, people, inviter: above }, choose) : null;
  const { close, setFooter, dialog } = openDialog(
    { title: t("Remove {name}?", { name }), class: "branch-removal" },
    choice,
    status,
    numbers,
    h("p", { class: "note warn" }, icon("info"), h("span", null, t("All who go are halted at once. For a time that "
      + "the operator has set it can be undone, and then all is as it was. After that it is final, and their keys "
      + "get no account here again."))),
    picture,
    error,
  );
  setFooter(h("button", { type: "button", class: "button", on: { click: () => close() } }, t("Cancel")), button);
  dialog.setAttribute("role", "alertdialog");
  picture.show(items.map((item) => (item === top ? { ...item, parent: null } : item)));
  rehearse();
}
