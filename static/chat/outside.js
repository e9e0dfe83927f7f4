/**
 * The pages without an account: what this is, the invite, and every way in which an invite may not work.
 * Not here: the keys and the claim themselves (the engine).
 */

import { rich, t } from "../words/words.js";
import { h } from "./dom.js";
import { joinForm } from "./joinform.js";
import { loginPage } from "./loginpage.js";
import { commandLine, frame, hubKey, hubName } from "./pageframe.js";
import { spaceGuest } from "./spaceguest.js";
import { reason } from "./words.js";

const CHECK_PATIENCE_MS = 700;

/**
 * @param {any} client
 * @param {string} link the whole invite link, or "" without one
 * @param {string} [space] a link into a space that was followed
 * @returns {import("./main.js").Page}
 */
export function outsidePage(client, link, space = "") {
  const holder = h("div", { class: "page-holder" });
  const page = { element: holder, focus: () => {} };
  const show = (/** @type {HTMLElement} */ content) => {
    holder.replaceChildren(content);
    /** @type {HTMLElement} */ (content.querySelector("[data-first]") ?? content.querySelector("h1")).focus();
  };
  const go = (/** @type {string} */ wanted) => follow({ client, show, go }, wanted);
  const begin = () => show(welcome(client, go, logIn, space));
  const logIn = () => {
    const { element, focus } = loginPage(client, { back: begin });
    holder.replaceChildren(element);
    focus?.();
  };
  page.focus = () => (link === "" ? begin() : void go(link));
  return page;
}

/** Look at a link and show the page that fits. */
async function follow(page, link) {
  const { client, show } = page;
  const join = joinForm(client, link, (failure) => refusal(page, failure));
  const late = setTimeout(() => show(join.element), CHECK_PATIENCE_MS);
  try {
    const looked = await client.call("join.check", { link });
    const { hub, isHere, status } = looked;
    if (!isHere) {
      show(elsewhere(hub, link));
    } else if (status !== "waiting") {
      show(endedInvite(client, status));
    } else {
      join.tell(looked);
      if (location.href !== link) {
        history.replaceState(null, "", new URL(link).pathname + new URL(link).hash);
      }
      document.title = t("Join {name}", { name: hub.name });
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
  } else if (failure.code.endsWith("_invite")) {
    show(endedInvite(client, failure.code.slice(0, -"_invite".length)));
  } else {
    return false;
  }
  return true;
}

function welcome(client, go, logIn, space) {
  if (space) {
    return frame(
      { title: t("You are invited into a space"), picture: "invite", documentTitle: hubName(client) },
      spaceGuest(space, hubName(client)),
      alternatives(logIn),
      h("h2", null, t("You have an invite to this hub?")),
      linkForm(go),
      h("div", { class: "folds" }, hubKey(shellKey()), commandLine()),
    );
  }
  return frame(
    { title: hubName(client), documentTitle: hubName(client) },
    h(
      "p",
      { class: "lead" },
      t("This is an Accord hub: a place where people who know each other talk, by invitation. Your account is a key "
        + "that is made in your browser and stays there."),
    ),
    linkForm(go),
    alternatives(logIn),
    h("div", { class: "folds" }, hubKey(shellKey()), commandLine()),
  );
}

function alternatives(logIn) {
  return h("div", { class: "alternatives" },
    h("p", null, t("You have an account?")),
    h("div", { class: "row wrap" },
      h("button", { type: "button", class: "button", on: { click: logIn } }, t("Log in with your name and password")),
      h("a", { class: "button quiet", href: "/recover" }, t("Recover it"))));
}

/** The key that the page itself came with: the engine asks the hub only about a link. */
function shellKey() {
  return document.querySelector("meta[name=accord-hub-key]")?.getAttribute("content") ?? "";
}

function linkForm(go) {
  const input = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "text",
      required: true,
      "data-first": true,
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      placeholder: `${location.origin}/join#…`,
    })
  );
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    go(input.value.trim());
  };
  return h(
    "form",
    { class: "stack", on: { submit } },
    h("label", { class: "field" }, h("span", null, t("Your invite link")), input),
    h("button", { type: "submit", class: "button primary big" }, t("Continue")),
  );
}

/** Why an invite lets nobody in: a title, and what has happened. */
const ENDS = {
  used: [t("This invite has been used"), t("An invite works once, and somebody has joined with this one.")],
  full: [t("Everybody has joined"), t("This link was for a circle of people, and all its places are taken.")],
  expired: [t("This invite has run out"),
    t("It waited as long as it could, at most three days, and nobody joined with it.")],
  withdrawn: [t("This invite was withdrawn"), t("Whoever made it has taken it back.")],
  locked: [t("This invite is locked"), t("The wrong code was given five times, so it went back to whoever made it.")],
  frozen: [t("This invite waits"), t("The account of whoever invited you is halted just now. Try again later.")],
  gone: [t("This invite no longer works"), t("It has been used, was withdrawn, or has run out.")],
};

function endedInvite(client, status) {
  const [title, what] = ENDS[status] ?? ENDS.gone;
  const mayBeMine = ["used", "full", "gone"].includes(status) || !(status in ENDS);
  return frame(
    { title, picture: "invite" },
    h("p", null, `${what} ${t("Nothing was changed.")}`),
    h("p", null, mayBeMine
      ? rich("If you used it yourself, open {hub} in the browser in which you did: your key is there. Otherwise ask whoever "
        + "invited you for another one.", { hub: h("a", { href: "/" }, hubName(client)) })
      : t("Ask whoever invited you for another one.")),
  );
}

function brokenLink(client, go) {
  return frame(
    { title: t("This link is not whole"), picture: "link" },
    h(
      "p",
      null,
      rich("An invite link looks like {address} and must be copied to its last letter. Some programs cut long links in "
        + "two; nothing was changed.", { address: h("code", { dir: "ltr" }, `${location.origin}/join#…`) }),
    ),
    h("p", null, t("Copy it again, whole, and paste it here:")),
    linkForm(go),
    h("p", { class: "meta" }, t("Or ask whoever invited you to {hub} for another one.", { hub: hubName(client) })),
  );
}

function elsewhere(hub, link) {
  const { origin } = new URL(link);
  return frame(
    { title: hub.name ? t("This invite is for {hub}", { hub: hub.name }) : t("This invite is for another hub"), picture: "link" },
    h("p", null, t("It leads to another address than this one:")),
    h("p", { class: "address" }, origin),
    h(
      "p",
      null,
      h("a", { class: "button primary big", href: link, rel: "noopener noreferrer", "data-first": true }, t("Go there")),
    ),
    h("p", { class: "meta" }, t("Go only if you expected this address. Nothing was sent, the invite is unused.")),
  );
}

/**
 * An invite in a browser that has an account already.
 * @param {any} client
 * @param {() => void} enter
 * @returns {import("./main.js").Page}
 */
export function alreadyInPage(client, enter) {
  const { me, hub } = client.state;
  const button = h("button", { type: "button", class: "button primary big", on: { click: enter } }, t("Open the chat"));
  return {
    element: h(
      "div",
      { class: "page-holder" },
      frame(
        {
          title: t("You are already in as {name}", { name: me.displayName || me.name }),
          picture: "check",
          documentTitle: hub?.name ?? "",
        },
        h(
          "p",
          null,
          hub?.name
            ? t("This browser has an account on {hub}. The invite stays unused: you can pass its link on to someone else.",
              { hub: hub.name })
            : t("This browser has an account on this hub. The invite stays unused: you can pass its link on to someone "
              + "else."),
        ),
        h("p", null, button),
      ),
    ),
    focus: () => button.focus(),
  };
}
