/** My strip at the foot of the list: who I am, whether the hub is reached, and the menu of all that is mine. */

import { t } from "../words/words.js";
import { openAbout } from "./about.js";
import { openDevices } from "./devices.js";
import { openBranch } from "./branch.js";
import { avatar, h, icon } from "./dom.js";
import { openHubSees } from "./hubsees.js";
import { openInvites } from "./invites.js";
import { openMyKeys } from "./mykeys.js";
import { openMyPosts, openNoted } from "./notes.js";
import { openProfile } from "./profile.js";
import { openReports } from "./reports.js";
import { openSettings } from "./settings.js";
import { openShortcuts } from "./shortcuts.js";
import { openBlocked } from "./trouble.js";
import { openVault } from "./vaultdialog.js";
import { openVouching } from "./vouching.js";

const MENU_ID = "me-menu";

/** The actions of the menu; the palette offers them too. @param {import("./app.js").App} app */
export function actionsOf(app) {
  return [
    { name: t("Profile"), words: t("my name status about"), icon: "person", run: () => openProfile(app) },
    { name: t("Devices"), words: t("browsers sessions revoke"), icon: "device", run: () => openDevices(app) },
    { name: t("Invites"), words: t("invite people link qr"), icon: "invite", run: () => openInvites(app) },
    { name: t("My branch"), words: t("people invited limits remove undo tree"), icon: "tree", run: () => openBranch(app) },
    { name: t("My posts"), words: t("feed write everyone followers"), icon: "pencil", run: () => openMyPosts(app) },
    { name: t("People others know"), words: t("identities notes vouch"), icon: "people", run: () => openNoted(app) },
    { name: t("Vouch for somebody"), words: t("voucher stranger mail letter"), icon: "check", run: () => openVouching(app.client) },
    { name: t("Blocked and muted"), words: t("hide people silence"), icon: "minus", run: () => openBlocked(app) },
    { name: t("Reports"), words: t("abuse spam complain judge"), icon: "warn", run: () => openReports(app), count: "reports" },
    { name: t("Keys and recovery"), words: t("recovery code lost key vouch replace"), icon: "key", run: () => openMyKeys(app) },
    { name: t("Password and lock"), words: t("vault change password lock this browser log out"), icon: "lock", run: () => openVault(app) },
    { name: t("Settings"), words: t("theme dark light notifications forget"), icon: "gear", run: () => openSettings(app) },
    { name: t("Keyboard shortcuts"), words: t("keys help"), icon: "keyboard", run: () => openShortcuts() },
    { name: t("What this hub can see"), words: t("privacy encrypted read trust"), icon: "eye", run: () => openHubSees(app.client) },
    { name: t("About this hub"), words: t("fingerprint key privacy"), icon: "info", run: () => openAbout(app) },
  ];
}

/** @param {import("./app.js").App} app */
export function meStrip(app) {
  const { client } = app;
  const face = h("span", { class: "row grow" });
  const button = h(
    "button",
    { type: "button", class: "me-button", popovertarget: MENU_ID, "aria-haspopup": "menu", "aria-expanded": "false" },
    face,
    icon("gear"),
  );
  const show = () => {
    if (client.state.me !== null) {
      face.replaceChildren(...faceOf(client.state));
    }
    for (const badge of badges()) {
      const count = client.state[badge.dataset.count ?? ""] ?? 0;
      badge.hidden = count === 0;
      badge.textContent = count === 0 ? "" : String(count);
    }
  };
  const waiting = h("span", { class: "count", hidden: true, title: t("Reports wait for you"), dataset: { count: "reports" } });
  button.append(waiting);
  const menu = menuOf(app, button);
  const badges = () => /** @type {HTMLElement[]} */ ([waiting, ...menu.querySelectorAll("[data-count]")]);
  show();
  return {
    element: h("div", { class: "me-strip" }, button, menu),
    update: (/** @type {any} */ detail) => {
      if (detail.me || detail.link || detail.people || "reports" in detail) {
        show();
      }
    },
  };
}

function faceOf({ me, people, link }) {
  const presence = people[me.key]?.presence ?? "online";
  const isOnline = link.status === "online";
  const here = me.status || (presence === "away" ? t("Away") : t("Online"));
  const says = isOnline ? here : link.status === "connecting" ? t("Connecting …") : t("Out of reach");
  const mark = h("small", { class: isOnline ? "clip" : "clip trouble" }, says);
  return [
    avatar({ ...me, presence: isOnline ? presence : "offline" }, { small: true, presence: true }),
    h("span", { class: "grow clip" }, me.displayName || me.name, mark),
  ];
}

function menuOf(app, button) {
  const menu = h("div", {
    id: MENU_ID,
    class: "menu me-menu",
    popover: "auto",
    role: "menu",
    "aria-label": t("You"),
    on: { keydown: moveInMenu },
  });
  for (const action of actionsOf(app)) {
    const click = () => {
      menu.hidePopover();
      button.focus();
      action.run();
    };
    const props = { type: "button", role: "menuitem", tabindex: -1, on: { click } };
    const badge = action.count ? h("span", { class: "count", hidden: true, dataset: { count: action.count } }) : null;
    menu.append(h("button", props, icon(action.icon), action.name, badge));
  }
  menu.addEventListener("beforetoggle", () => {
    /** @type {HTMLElement} */ (menu.firstElementChild).autofocus = true; // in the document it would be the page's
  });
  menu.addEventListener("toggle", (/** @type {any} */ event) => {
    button.setAttribute("aria-expanded", String(event.newState === "open"));
  });
  return menu;
}

function moveInMenu(event) {
  const items = [...event.currentTarget.children];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    items.at(to % items.length).focus();
  } else if (event.key === "Tab") {
    event.currentTarget.hidePopover();
  }
}
