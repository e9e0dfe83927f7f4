/** The pages on which everything stops: what happened, what was kept, what to do. */

import { rich, said, t } from "../words/words.js";
import { h, icon } from "./dom.js";
import { frame } from "./pageframe.js";
import { keyBox } from "./person.js";
import { openForget } from "./settings.js";
import { erasedPage } from "./stop_erased.js";
import { frozenPage, removedPage } from "./stop_removed.js";
import { sentence } from "./words.js";

/** @typedef {{code: string, detail: string, facts: any}} Stop */

const PAGES = {
  wrong_key: wrongKey,
  storage,
  erased: erasedPage,
  unsupported: newerHub,
  removed,
  replaced,
  revoked,
  insecure,
  outdated,
  unsupported_browser: oldBrowser,
};

/**
 * @param {any} client null if it could not even be opened
 * @param {Stop} stop
 * @returns {import("./main.js").Page}
 */
export function stopPage(client, stop) {
  const { page, close } = stop.code === "frozen"
    ? frozenPage(client, stop)
    : { page: (PAGES[stop.code] ?? unknown)(client, stop), close: undefined };
  return {
    element: h("div", { class: "page-holder" }, page),
    focus: () => /** @type {HTMLElement} */ (page.querySelector("h1")).focus(),
    close,
  };
}

function reload(word) {
  return h("button", { type: "button", class: "button primary", on: { click: () => location.reload() } }, word);
}

function startAnew(client, summary, ...why) {
  return client === null
    ? null
    : h(
        "details",
        null,
        h("summary", null, summary),
        ...why,
        h(
          "p",
          null,
          h(
            "button",
            { type: "button", class: "button danger", on: { click: () => openForget(client) } },
            t("Forget this browser"),
          ),
        ),
      );
}

function keys({ expected, found }, kept) {
  return [keyBox(kept, expected ?? "", ""), found ? keyBox(t("Key found now"), found, "") : null];
}

function otherHub({ facts }) {
  return frame(
    { title: t("The link names another hub"), picture: "warn", danger: true, documentTitle: t("Stopped: another key") },
    h(
      "p",
      null,
      t("The hub at this address has another key than the one in your link. Either the hub was set up anew since the "
        + "link was made, or somebody stands between you and it. Nothing was sent."),
    ),
    keys(facts, t("Key in the link")),
    h("p", null, t("Ask whoever invited you which key they see, on another way than this page, and for a new link.")),
    h("p", { class: "row" }, reload(t("Check again"))),
  );
}

function wrongKey(client, { facts }) {
  if (!client?.state.me) {
    return otherHub({ facts });
  }
  return frame(
    { title: t("This is not the hub you know"), picture: "warn", danger: true, documentTitle: t("Stopped: another key") },
    h(
      "p",
      null,
      t("The hub at this address shows another key than the one this browser has kept. Everything is stopped: "
        + "nothing was sent, and nothing from it is shown."),
    ),
    keys(facts, t("Kept key")),
    h("h2", null, t("What may have happened")),
    h(
      "ul",
      { class: "points" },
      h("li", null, t("The operator has set up the hub anew, or put another one at this address.")),
      h("li", null, t("Somebody stands between you and the hub, and would read along.")),
    ),
    h("h2", null, t("What to do")),
    h(
      "p",
      null,
      t("Ask the operator, in person or on the phone, whether the key has changed. Do not trust an answer that comes "
        + "through this page. Your key and your messages are kept here as they were."),
    ),
    h("p", { class: "row" }, reload(t("Check again"))),
    h(
      "div",
      { class: "folds" },
      startAnew(
        client,
        t("The operator says that the hub is new"),
        h(
          "p",
          { class: "meta" },
          t("Then your account was on the old one. Forget it in this browser and ask for a new invite."),
        ),
      ),
    ),
  );
}

function storage() {
  return frame(
    { title: t("This browser keeps nothing for this page"), picture: "warn", documentTitle: t("Stopped: no storage") },
    h(
      "p",
      null,
      t("Your key must stay in this browser, but the browser refuses to store it. This is so in private windows, "
        + "when site data is blocked, or when the disk is full. Nothing was sent, and an invite stays unused."),
    ),
    h("p", null, t("Open this page in an ordinary window, allow site data for this address, then try again.")),
    h("p", { class: "row" }, reload(t("Try again"))),
  );
}

function newerHub() {
  return frame(
    { title: t("The hub is newer than this page"), picture: "retry", documentTitle: t("Stopped: old page") },
    h(
      "p",
      null,
      t("It speaks a protocol that this page does not know yet. Your key and what you have written are kept in this "
        + "browser."),
    ),
    h(
      "p",
      null,
      t("Load the page again to get the hub's own version. If that does not help, its operator has to bring the page "
        + "up to date."),
    ),
    h("p", { class: "row" }, reload(t("Load again"))),
  );
}

function outdated() {
  return frame(
    { title: t("Another tab has a newer page"), picture: "retry", documentTitle: t("Stopped: old page") },
    h(
      "p",
      null,
      t("The hub was brought up to date, and another tab has the new page already. Your key and what you have "
        + "written are kept."),
    ),
    h("p", { class: "row" }, reload(t("Load again"))),
  );
}

function anew(client) {
  return startAnew(
    client,
    t("I have a new invite"),
    h("p", { class: "meta" }, t("First this browser has to forget the old account and its key.")),
  );
}

function removed(client, stop) {
  return removedPage(stop, anew(client));
}

function replaced(client) {
  return frame(
    { title: t("Your account has a new key"), picture: "key", documentTitle: t("Stopped: key replaced") },
    h(
      "p",
      null,
      t("The key in this browser no longer opens your account: a new one has taken its place. What you wrote stays "
        + "under your name."),
    ),
    h(
      "p",
      null,
      t("If it was you, go on where the new key is. If it was not, tell whoever invited you, or the operator, at "
        + "once: they can remove the account; a recovery code of the old key counts no more."),
    ),
    h("p", { class: "row" }, reload(t("Check again"))),
    h(
      "div",
      { class: "folds" },
      startAnew(client, t("Clear this browser"), h("p", { class: "meta" }, t("Deletes the old key and all that is kept "
        + "here."))),
    ),
  );
}

function revoked(client) {
  return frame(
    { title: t("This browser was revoked"), picture: "device", documentTitle: t("Stopped: revoked") },
    h(
      "p",
      null,
      t("You, or the operator, have taken from this browser the right to speak for you. It is disconnected; messages "
        + "that had not gone out yet were not sent."),
    ),
    h(
      "p",
      null,
      t("If it was you, all is well: this page may be closed. If it was not, look at your devices in another "
        + "browser, or ask the operator."),
    ),
    h("p", { class: "row" }, reload(t("Check again"))),
    h(
      "div",
      { class: "folds" },
      startAnew(client, t("Clear this browser"), h("p", { class: "meta" }, t("Deletes the key and all that is kept here."))),
    ),
  );
}

function insecure() {
  const safe = `https://${location.host}/`;
  return frame(
    { title: t("This address is not safe enough for keys"), picture: "open", documentTitle: t("Stopped: no https") },
    h(
      "p",
      null,
      t("Browsers make and use keys only on pages that came over https, or from this same computer. This page came "
        + "over plain http, so nothing was made and nothing was sent; an invite stays unused."),
    ),
    h(
      "p",
      null,
      rich("Ask the operator for the https address. Perhaps it is {address}. On the computer that runs the hub, use {local}.", {
        address: h("a", { href: safe, dir: "ltr" }, safe), local: h("code", { dir: "ltr" }, "http://127.0.0.1"),
      }),
    ),
    h("p", { class: "row" }, reload(t("Try again"))),
  );
}

function oldBrowser() {
  return frame(
    { title: t("This browser is too old for this page"), picture: "device", documentTitle: t("Stopped: old browser") },
    h(
      "p",
      null,
      t("It cannot make the kind of key that accounts here are made of (Ed25519). Nothing was made and nothing was "
        + "sent; an invite stays unused."),
    ),
    h(
      "p",
      null,
      t("Bring it up to date, or open this address in Firefox 135, Chrome or Edge 137, Safari 18, or newer. The "
        + "command line client works too."),
    ),
    h("pre", { tabindex: 0 }, h("code", null, `pip install .\naccord join '<${t("your link")}>'`)),
    h("p", { class: "row" }, reload(t("Try again"))),
  );
}

function unknown(client, { code, detail }) {
  return frame(
    { title: t("The page could not start"), picture: "warn", documentTitle: t("Stopped") },
    h("p", null, detail ? sentence(said(detail)) : t("Something failed while it was opening.")),
    h(
      "p",
      null,
      t("Your key and what you have written are kept in this browser. Load the page again, and tell the hub's "
        + "operator if that does not help."),
    ),
    h("p", { class: "row" }, reload(t("Load again")), h("span", { class: "meta" }, icon("info"), ` ${code}`)),
  );
}
