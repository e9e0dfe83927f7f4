// The invite tree of the console: fetches it, and shows what is known of the account that is chosen.

import "../chat/branch_picture.js";
import { h } from "../chat/dom.js";

const page = document.getElementById("tree");
/** @type {import("../chat/branch_picture.js").BranchPicture} */
const picture = page.querySelector("accord-branch");
const side = page.querySelector(".tree-side");
const before = [...side.childNodes];
/** The account that was asked for last. */
let wanted = "";

async function ask(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" }, redirect: "error" });
  if (!answer.ok) {
    throw new Error(`${answer.status}`);
  }
  return answer.json();
}

/** Invites that wait have no name of their own. */
function titled(items) {
  return items.map((item) => (item.state === "waiting" ? { ...item, title: "invite" } : item));
}

function failed() {
  side.replaceChildren(
    h("p", { class: "refused", role: "alert" }, "The hub did not answer. Nothing has been changed."),
    h("button", { class: "button", type: "button", on: { click: () => location.reload() } }, "Load again"),
  );
}

async function choose(key) {
  const { pk, title } = picture.model.nodes.get(key).item;
  wanted = key;
  history.replaceState(null, "", `#${key}`);
  try {
    const found = await ask(page.dataset.account.replace("/0/", `/${pk}/`));
    if (wanted === key) {
      show(found, title);
    }
  } catch {
    failed();
  }
}

function show({ title, facts, buttons, url }) {
  side.replaceChildren(
    h("h2", { tabindex: -1 }, title),
    h("dl", { class: "fine" }, facts.map(([label, value]) =>
      h("div", null, h("dt", null, label), h("dd", null, value)))),
    h("p", { class: "buttons" },
      h("a", { class: "button", href: url }, "All about this account"),
      buttons.map(({ text, url: href, is_danger: isDanger }) =>
        h("a", { class: isDanger ? "button danger" : "button", href }, text))),
  );
}

async function need(key) {
  try {
    const { items } = await ask(`${page.dataset.branch}?at=${picture.model.nodes.get(key).item.pk}`);
    picture.add(titled(items));
  } catch {
    failed();
  }
}

async function start() {
  picture.addEventListener("choose", (event) => choose(event.detail.key));
  picture.addEventListener("need", (event) => need(event.detail.key));
  try {
    const { items } = await ask(page.dataset.branch);
    side.replaceChildren(...before);
    picture.show(titled(items));
    picture.choose(location.hash.slice(1));
  } catch {
    failed();
  }
}

start();
