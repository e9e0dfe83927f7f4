/**
 * Password and lock: how it stands with the vault, another password, a new recovery code, a secret key, and locking
 * this browser. Not here: what a vault is (the engine).
 */

import { announce } from "./announcer.js";
import { copyButton } from "./copy.js";
import { openDialog } from "./dialog.js";
import { agoText, h, icon } from "./dom.js";
import { codeField, passwordField, sendForm } from "./passwordfield.js";
import { setPref, setTabMemory } from "./prefs.js";
import { reason } from "./words.js";

/** What the status says, and whether it asks for something. */
export const STATUS = {
  saved: "Everything in it is saved.",
  waiting: "Something waits to be saved.",
  stale: "Your password was changed on another device. Type the new one, so that this browser follows again.",
  older: "The hub has shown an older vault than this browser has seen.",
  gone: "The hub no longer has your vault.",
};

/** The code of the vault, shown this once. @param {string[]} groups @param {() => void} [onClose] */
export function openVaultCode(groups, onClose) {
  const { close, setFooter } = openDialog({ title: "Your vault's recovery code", narrow: true, onClose },
    ...codeParts("recovery code", groups),
    h("p", { class: "meta" }, "It opens your vault if you forget the password. Without either, nobody can."));
  setFooter(h("button", { type: "button", class: "button", on: { click: () => globalThis.print() } }, "Print"),
    copyButton(groups.join(" "), "Copy the recovery code", { word: "Copy" }),
    h("button", { type: "button", class: "button primary", on: { click: close } }, "I have saved it"));
}

function codeParts(what, groups) {
  return [
    h("p", null, "Write it down, print it or keep it in a password manager. It is shown this once and stored nowhere."),
    h("ol", { class: "code", "aria-label": `The vault's ${what}` }, groups.map((group) => h("li", null, group))),
  ];
}

/** @param {import("./app.js").App} app */
export function openVault(app) {
  const { client } = app;
  const { body } = openDialog({ title: "Password and lock" });
  const show = async () => {
    const { vault } = client.state;
    if (vault === null) {
      body.replaceChildren(...without());
      return;
    }
    const { isSecret } = await client.call("vault.details", {});
    body.replaceChildren(h("div", { class: "sections" },
      standing(client, vault, isSecret, show), lockSection(client),
      ["saved", "waiting"].includes(vault.status)
        ? [changing(client, isSecret, show), codeSection(client, vault, isSecret, show),
          secretSection(client, isSecret, show)] : null));
  };
  show().catch((failure) => body.append(h("p", { class: "error", role: "alert" }, reason(failure))));
}

function without() {
  return [
    h("p", null, "This account has no password: its key was made in this browser, stays here, and cannot be copied ",
      "out. So there is nothing that another browser could open, and this one cannot be locked."),
    h("p", null, "To have a password, move the account to a new key: open ",
      h("a", { href: "/recover", target: "_blank", rel: "noopener" }, "the page for recovery"),
      " in another browser, with your recovery code, and choose a password there. People who know you will be asked to ",
      "compare the new key."),
  ];
}

/** The password, and the secret key where there is one. */
function proof(isSecret, label = "Your password") {
  const password = passwordField({ label });
  const secret = isSecret ? codeField({ label: "Your secret key" }) : null;
  const read = () => {
    const typed = password.read();
    return typed === null ? null : { password: typed, secret: secret?.input.value.trim() ?? "" };
  };
  return { elements: [password.element, secret?.element], read };
}

function standing(client, vault, isSecret, show) {
  const saved = vault.savedAt ? ` Last saved ${agoText(vault.savedAt)}.` : "";
  const section = h("section", null, h("h3", null, "Your vault"),
    h("p", { class: ["saved", "waiting"].includes(vault.status) ? null : "note danger" }, STATUS[vault.status],
      vault.status === "saved" ? saved : "",
      vault.status === "older" ? ` It showed version ${vault.found}; the newest one is version ${vault.version}.` : ""),
    h("p", { class: "meta" }, "Sealed on the hub under your password: your key, the keys of what is encrypted, whom you ",
      "know, what you have read, your settings. The hub sees its size and when it changes, not what is in it."));
  const mend = { stale: ["vault.unlock", "Go on with it"], older: ["vault.putBack", "Put the newest back"],
    gone: ["vault.putBack", "Put it back"] }[vault.status];
  if (mend) {
    const { elements, read } = proof(isSecret, vault.status === "stale" ? "The new password" : "Your password");
    const send = async () => {
      const typed = read();
      if (typed) {
        await client.call(mend[0], typed);
        announce("Your vault is up to date");
        await show();
      }
    };
    section.append(sendForm({ verb: mend[1], busy: "Opening …", send }, ...elements));
  }
  return section;
}

function changing(client, isSecret, show) {
  const { elements, read } = proof(isSecret);
  const fresh = passwordField({ label: "New password", isNew: true });
  const send = async () => {
    const typed = read();
    const password = typed && fresh.read();
    if (typed && password) {
      await client.call("vault.changePassword", { current: typed.password, secret: typed.secret, password });
      announce("Your password is changed");
      await show();
    }
  };
  return h("details", null, h("summary", null, "Change the password"),
    h("p", { class: "meta" }, "Your other devices ask for the new one.",
      isSecret ? " Your secret key ends with it; make another one afterwards, if you want one." : ""),
    sendForm({ verb: "Change the password", busy: "Changing …", send }, ...elements, fresh.element));
}

function codeSection(client, vault, isSecret, show) {
  const { elements, read } = proof(isSecret);
  const send = async () => {
    const typed = read();
    if (typed) {
      const { groups } = await client.call("vault.makeCode", typed);
      openVaultCode(groups, () => show());
    }
  };
  return h("details", null, h("summary", null, vault.hasRecovery ? "New recovery code" : "Make a recovery code"),
    h("p", { class: "meta" }, "For when the password is forgotten.",
      vault.hasRecovery ? " The one that you have ends." : ""),
    sendForm({ verb: "Make a code", busy: "Making …", send }, ...elements));
}

/** A secret key beside the password: shown first, in use once a part of it was typed back. */
function secretSection(client, isSecret, show) {
  const details = h("details", null, h("summary", null, isSecret ? "New secret key" : "Secret key"));
  const begin = async () => {
    const { groups } = await client.call("vault.makeSecret", {});
    const { elements, read } = proof(isSecret);
    const again = h("input", { type: "text", autocomplete: "off", spellcheck: "false", size: 6, maxlength: 6 });
    const list = codeParts("secret key", groups);
    const wrong = h("p", { class: "error", role: "alert" });
    const send = async () => {
      wrong.textContent = again.value.trim().toUpperCase() === groups.at(-1) ? "" : "That is not its last group.";
      const typed = wrong.textContent ? null : read();
      if (typed) {
        await client.call("vault.changePassword", {
          current: typed.password, secret: typed.secret, password: typed.password, useSecret: true,
        });
        announce("Your secret key is in use");
        await show();
      }
    };
    details.replaceChildren(h("summary", null, "Secret key"), ...list,
      sendForm({ verb: "Use it", busy: "Changing …", send }, ...elements,
        h("label", { class: "field" }, h("span", null, "Its last group, to be sure that it is saved"), again), wrong));
  };
  details.append(h("p", { class: "meta" }, isSecret
    ? "You log in with your password and a secret key."
    : "A code beside the password, that you carry with you: then nobody can guess the way in, not even with a copy of "
      + "the hub's database. If you lose it, only the vault's recovery code helps."),
  h("button", { type: "button", class: "button", on: { click: begin } }, icon("key"), "Make a secret key"));
  return details;
}

function lockSection(client) {
  const error = h("p", { class: "error", role: "alert" });
  const anyway = h("button", { type: "button", class: "button danger", hidden: true, on: { click: () => lock(true) } },
    "Lock it all the same");
  const lock = async (/** @type {boolean} */ evenSo) => {
    try {
      await client.call("account.lock", { evenSo });
      setPref("conversation", null);
      setTabMemory("conversation", null);
      history.replaceState(null, "", "/");
      for (const dialog of document.querySelectorAll("dialog")) {
        dialog.close();
      }
      announce("This browser is locked");
    } catch (failure) {
      error.textContent = `${reason(failure)} What was not saved is lost when you lock it now.`;
      anyway.hidden = false;
    }
  };
  return h("section", null, h("h3", null, "Lock this browser"),
    h("p", { class: "meta" }, "Deletes your keys and all that they open from this browser, in all its tabs. Your name ",
      "and password bring them back, here or elsewhere."),
    error, h("div", { class: "row" },
      h("button", { type: "button", class: "button", on: { click: () => lock(false) } }, icon("lock"), "Lock"), anyway));
}
