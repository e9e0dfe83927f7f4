/**
 * The web client starts here: opens the engine and shows the page that fits its phase. Nothing is painted before the
 * phase is known, unless that takes long. Not here: any page itself.
 */

import "./theme.js";
import { t } from "../words/words.js";
import { openClient } from "../client/client.js";
import { App } from "./app.js";
import { nameThisDevice } from "./devicename.js";
import { h } from "./dom.js";
import { followLanguage } from "./language.js";
import { loginPage } from "./loginpage.js";
import { alreadyInPage, outsidePage } from "./outside.js";
import { openJoinSpace } from "./joinspace.js";
import { openMyKeys } from "./mykeys.js";
import { setTabMemory, tabMemory } from "./prefs.js";
import { recoverPage } from "./recoverpage.js";
import { stopPage } from "./stop.js";
import { setTheme } from "./theme.js";
import { openFirstCode } from "./vaultcode.js";

const SLOW_START_MS = 500;
const SPACE_LINK = "space-link";

/** @typedef {{element: HTMLElement, focus?: () => void, close?: () => void, update?: (detail: any) => void}} Page */

/** @type {Page | null} */
let page = null;
let shown = "";

function show(/** @type {string} */ name, /** @type {() => Page} */ make) {
  if (name === shown) {
    return;
  }
  page?.close?.();
  shown = name;
  page = make();
  document.body.replaceChildren(page.element);
  page.focus?.();
}

function waitingPage() {
  return { element: h("main", { class: "waiting" }, h("h1", { class: "dim" }, t("Opening the hub …"))) };
}

function hasInvite() {
  return location.pathname === "/join" && location.hash.length > 1;
}

function spaceLink() {
  return location.pathname === "/space" && location.hash.length > 1 ? location.href : "";
}

/** The code of another device, where its link was followed. */
function deviceCode() {
  return location.hash.startsWith("#device=") ? location.hash.slice("#device=".length) : "";
}

function forgetInvite() {
  history.replaceState(history.state, "", "/");
}

function route(client) {
  const { phase, stop } = client.state;
  if (phase === "stopped") {
    show(`stopped ${stop?.code}`, () => stopPage(client, stop));
  } else if (phase === "outside") {
    if (location.pathname === "/recover") {
      show("outside recover", () => recoverPage(client));
      return;
    }
    if (spaceLink()) {
      setTabMemory(SPACE_LINK, spaceLink()); // for after they have joined the hub
      forgetInvite();
    }
    const { locked } = client.state;
    const device = deviceCode();
    if (device) {
      show("outside device", () => loginPage(client, { device }));
      forgetInvite();
      return;
    }
    if (shown === "outside device") {
      return;
    }
    if (locked && !hasInvite()) {
      show(`outside locked ${locked}`, () => loginPage(client, { locked }));
      return;
    }
    show(`outside ${location.hash}`, () =>
      outsidePage(client, hasInvite() ? location.href : "", tabMemory(SPACE_LINK) ?? ""));
  } else if (phase === "inside") {
    const hasJoined = shown.startsWith("outside");
    if (hasInvite() && !hasJoined) {
      show("already in", () =>
        alreadyInPage(client, () => {
          forgetInvite();
          route(client);
        }),
      );
      return;
    }
    const request = location.pathname === "/vouch" ? location.href : "";
    const space = spaceLink() || tabMemory(SPACE_LINK);
    setTabMemory(SPACE_LINK, null);
    if (location.pathname !== "/" || location.hash) {
      forgetInvite();
    }
    show("inside", () => new App(client));
    if (space) {
      openJoinSpace(/** @type {any} */ (page), space);
    }
    if (request) {
      openMyKeys(/** @type {any} */ (page), request);
    }
    if (hasJoined) {
      nameThisDevice(client);
      if (!client.state.vault?.isUnset) {
        openFirstCode(client, () => page?.focus?.()); // of a vault with a password; else the list's foot offers it
      }
    }
  }
}

async function start() {
  const slow = setTimeout(() => show("waiting", waitingPage), SLOW_START_MS);
  try {
    const client = await openClient();
    const change = () => {
      if (client.state.phase !== "starting") {
        clearTimeout(slow);
        route(client);
      }
    };
    client.addEventListener("state", (event) => {
      const { detail } = /** @type {CustomEvent} */ (event);
      if (detail.phase || detail.locked) {
        change();
      }
      if (detail.settings && client.state.settings.theme) { // chosen on another device
        setTheme(client.state.settings.theme);
      }
      if (detail.settings && client.state.settings.language) {
        followLanguage(client.state.settings.language);
      }
      page?.update?.(detail);
    });
    globalThis.addEventListener("hashchange", change);
    change();
  } catch (error) {
    clearTimeout(slow);
    const { code = "internal", detail = String(error), facts = {} } = /** @type {any} */ (error);
    show(`stopped ${code}`, () => stopPage(null, { code, detail, facts }));
  }
}

start();
