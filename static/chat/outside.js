/**
 * The pages without an account: what this is, the invite, and every way in which an invite may not work.
 * Not here: the keys and the claim themselves (the engine).
 */

import { h, icon } from "./dom.js";
import { keyBox } from "./person.js";
import { checkName } from "./naming.js";
import { frame } from "./pageframe.js";
import { reason } from "./words.js";

const CHECK_PATIENCE_MS = 700;

/**
 * @param {any} client
 * @param {string} link the whole invite link, or "" without one
 * @returns {import("./main.js").Page}
 */
export function outsidePage(client, link) {
  const holder = h("div", { class: "page-holder" });
  const page = { element: holder, focus: () => {} };
  const show = (/** @type {HTMLElement} */ content) => {
    holder.replaceChildren(content);
    /** @type {HTMLElement} */ (content.querySelector("[data-first]") ?? content.querySelector("h1")).focus();
  };
  const go = (/** @type {string} */ wanted) => follow({ client, show, go }, wanted);
  page.focus = () => (link === "" ? show(welcome(client, go)) : void go(link));
  return page;
}

function hubName(client) {
  return client.state.hub?.name || document.title;
}

/** Look at a link and show the page that fits. */
async function follow(page, link) {
  const { client, show } = page;
  const join = joinForm(page, link);
  const late = setTimeout(() => show(join.element), CHECK_PATIENCE_MS);
  try {
    const { hub, isHere, status } = await client.call("join.check", { link });
    if (!isHere) {
      show(elsewhere(hub, link));
    } else if (status === "used") {
      show(usedInvite(client));
    } else {
      if (location.href !== link) {
        history.replaceState(null, "", new URL(link).pathname + new URL(link).hash);
      }
      document.title = `Join ${hub.name}`;
      if (!join.element.isConnected) {
        show(join.element);
      }
    }
  } catch (failure) {
    if (!refusal(page, failure)) {
      if (!join.element.isConnected) {
        show(join.element);
      }
      join.fail(reason(failure));
    }
  } finally {
    clearTimeout(late);
  }
}

/** The page for a link that cannot work; false if the failure is another. */
function refusal({ client, show, go }, failure) {
  if (failure.code === "bad_link") {
    show(brokenLink(client, go));
  } else if (failure.code === "used_invite") {
    show(usedInvite(client));
  } else {
    return false;
  }
  return true;
}

function welcome(client, go) {
  return frame({ title: hubName(client), documentTitle: hubName(client) },
    h("p", { class: "lead" }, "This is an Accord hub: a place where people who know each other talk, by invitation. Your account is a key that is made in your browser and stays there."),
    linkForm(go),
    h("div", { class: "folds" }, hubKey(shellKey()), commandLine()));
}

/** The key that the page itself came with: the engine asks the hub only about a link. */
function shellKey() {
  return document.querySelector("meta[name=accord-hub-key]")?.getAttribute("content") ?? "";
}

function linkForm(go) {
  const input = /** @type {HTMLInputElement} */ (h("input", { type: "text", required: true, "data-first": true, autocomplete: "off",
    autocapitalize: "off", spellcheck: "false", placeholder: `${location.origin}/join#…` }));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    go(input.value.trim());
  };
  return h("form", { class: "stack", on: { submit } },
    h("label", { class: "field" }, h("span", null, "Your invite link"), input),
    h("button", { type: "submit", class: "button primary big" }, "Continue"));
}

function hubKey(key) {
  return h("details", null, h("summary", null, "This hub's key"),
    keyBox("The hub's key", key, "Compare it with what the person who invited you sees. If it differs, you are not talking to the same hub."));
}

function commandLine() {
  return h("details", null, h("summary", null, "Join from a terminal"),
    h("p", { class: "meta" }, "In a copy of the Accord Hub source, with Python 3.11 or newer. Keep the quotation marks, they keep your link whole."),
    h("pre", { tabindex: 0 }, h("code", null, "pip install .\naccord join '<your link>'")));
}

/** The key of the hub in a link: the engine enters no other. */
function keyOf(link) {
  return link.slice(link.lastIndexOf(".") + 1);
}

function joinForm(page, link) {
  const { client } = page;
  const input = /** @type {HTMLInputElement} */ (h("input", { type: "text", "data-first": true, required: true, autocomplete: "username",
    autocapitalize: "off", spellcheck: "false", "aria-describedby": "name-hint name-error" }));
  const hint = h("span", { class: "meta", id: "name-hint" }, "3 to 32 letters a to z, digits, dots, dashes or underscores. It stays.");
  const error = h("span", { class: "error", id: "name-error", role: "alert" });
  const failed = h("p", { class: "error", role: "alert" });
  const button = /** @type {HTMLButtonElement} */ (h("button", { type: "submit", class: "button primary big" }, "Join"));
  const say = (/** @type {string} */ problem) => {
    error.textContent = problem;
    hint.hidden = problem !== "";
    if (problem) {
      input.setAttribute("aria-invalid", "true");
    } else {
      input.removeAttribute("aria-invalid");
    }
  };
  const typed = () => {
    const { name, problem, isUnfinished } = checkName(input.value);
    say(isUnfinished ? "" : problem);
    hint.textContent = problem === "" && name !== input.value.trim() ? `You will be @${name}, shown as ${input.value.trim()}.` : "3 to 32 letters a to z, digits, dots, dashes or underscores. It stays.";
  };
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const { name, problem } = checkName(input.value);
    if (problem) {
      say(problem);
      input.focus();
      return;
    }
    failed.textContent = "";
    button.disabled = true;
    button.textContent = "Joining …";
    try {
      await client.call("join.claim", { link, name: input.value.trim() });
    } catch (failure) {
      button.disabled = false;
      button.textContent = "Join";
      if (failure.code === "conflict") {
        say(`Somebody is already called ${name}. Choose another name.`);
        input.focus();
      } else if (!refusal(page, failure)) {
        failed.textContent = reason(failure);
      }
    }
  };
  input.addEventListener("input", typed);
  const element = frame({ title: `You are invited to ${hubName(client)}` },
    h("form", { class: "stack", novalidate: true, on: { submit } },
      h("label", { class: "field" }, h("span", null, "Your name here"), input, hint, error), failed, button),
    h("p", { class: "note" }, icon("key"), h("span", null,
      "Your key is made in this browser and stays here: it is your account, and it cannot be copied out. Keep this browser's data; if you lose it, ask whoever invited you for another invite.")),
    h("div", { class: "folds" }, hubKey(keyOf(link)), commandLine()));
  return { element, fail: (/** @type {string} */ text) => {
    failed.textContent = text;
  } };
}

function usedInvite(client) {
  return frame({ title: "This invite no longer works", picture: "invite" },
    h("p", null, "It has been used, or it has run out: an invite works once, for three days. Nothing was changed."),
    h("p", null, "If you used it yourself, open ", h("a", { href: "/" }, hubName(client)),
      " in the browser in which you did: your key is there. Otherwise ask whoever invited you for another one."));
}

function brokenLink(client, go) {
  return frame({ title: "This link is not whole", picture: "link" },
    h("p", null, "An invite link looks like ", h("code", null, `${location.origin}/join#…`),
      " and must be copied to its last letter. Some programs cut long links in two; nothing was changed."),
    h("p", null, "Copy it again, whole, and paste it here:"),
    linkForm(go),
    h("p", { class: "meta" }, `Or ask whoever invited you to ${hubName(client)} for another one.`));
}

function elsewhere(hub, link) {
  const { origin } = new URL(link);
  return frame({ title: `This invite is for ${hub.name || "another hub"}`, picture: "link" },
    h("p", null, "It leads to another address than this one:"),
    h("p", { class: "address" }, origin),
    h("p", null, h("a", { class: "button primary big", href: link, rel: "noopener noreferrer", "data-first": true }, "Go there")),
    h("p", { class: "meta" }, "Go only if you expected this address. Nothing was sent, the invite is unused."));
}

/**
 * An invite in a browser that has an account already.
 * @param {any} client
 * @param {() => void} enter
 * @returns {import("./main.js").Page}
 */
export function alreadyInPage(client, enter) {
  const { me, hub } = client.state;
  const button = h("button", { type: "button", class: "button primary big", on: { click: enter } }, "Open the chat");
  return {
    element: h("div", { class: "page-holder" }, frame({ title: `You are already in as ${me.displayName || me.name}`, picture: "check",
      documentTitle: hub?.name ?? "" },
    h("p", null, `This browser has an account on ${hub?.name ?? "this hub"}. The invite stays unused: you can pass its link on to someone else.`),
    h("p", null, button))),
    focus: () => button.focus(),
  };
}
