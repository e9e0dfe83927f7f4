/**
 * Password and lock: how it stands with the vault, the first password or another one, a new recovery code, a secret key,
 * and locking this browser. Not here: what a vault is (the engine), how its codes are shown (vaultcode.js).
 */

import { rich, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { openDialog } from "./dialog.js";
import { agoText, h, icon } from "./dom.js";
import { codeField, passwordField, sendForm } from "./passwordfield.js";
import { setPref, setTabMemory } from "./prefs.js";
import { codeParts, openFirstCode, openVaultCode } from "./vaultcode.js";
import { reason } from "./words.js";

/** What the status says, and whether it asks for something. */
export const STATUS = {
  saved: t("Everything in it is saved."),
  waiting: t("Something waits to be saved."),
  stale: t("Your password was changed on another device. Type the new one, so that this browser follows again."),
  older: t("The hub has shown an older vault than this browser has seen."),
  gone: t("The hub no longer has your vault."),
};
const IS_WELL = ["saved", "waiting"];

/** @param {import("./app.js").App} app */
export function openVault(app) {
  const { client } = app;
  const { body } = openDialog({ title: t("Password and lock") });
  const show = async () => {
    const { vault } = client.state;
    if (vault === null) {
      body.replaceChildren(...without());
      return;
    }
    if (vault.isUnset && IS_WELL.includes(vault.status)) {
      body.replaceChildren(h("div", { class: "sections" }, first(client, vault, show), lost()));
      return;
    }
    const { isSecret } = await client.call("vault.details", {});
    body.replaceChildren(h("div", { class: "sections" },
      standing(client, vault, isSecret, show), vault.isUnset ? null : lockSection(client),
      IS_WELL.includes(vault.status)
        ? [changing(client, isSecret, show), codeSection(client, vault, isSecret, show),
          secretSection(client, isSecret, show)] : null));
  };
  show().catch((failure) => body.append(h("p", { class: "error", role: "alert" }, reason(failure))));
}

function without() {
  return [
    h("p", null, t("This account has no password: its key was made in this browser, stays here, and cannot be copied out. So "
      + "there is nothing that another browser could open, and this one cannot be locked.")),
    toNewKey(),
  ];
}

function toNewKey() {
  const page = h("a", { href: "/recover", target: "_blank", rel: "noopener" }, t("the page for recovery"));
  return h("p", null, rich("To have a password, move the account to a new key: open {page} in another browser, with your "
    + "recovery code of 14 groups, and choose a password there. People who know you will be asked to compare the new key.",
  { page }));
}

/** The first password, of an account that has joined without one. */
function first(client, vault, show) {
  const isHere = vault.code === "here";
  const code = isHere ? null : codeField({ label: t("Your vault's recovery code"), hint: t("8 groups of four, as you saved them.") });
  const fresh = passwordField({ label: t("New password"), isNew: true });
  const send = async () => {
    const password = fresh.read();
    if (password) {
      await client.call("vault.setPassword", { password, code: code?.input.value ?? "" });
      announce(t("Your password is set"));
      await show();
    }
  };
  return h("section", null, h("h3", null, t("Set a password")),
    h("p", null, t("With one you log in from any browser, add devices, and can lock this one. It changes nothing for the "
      + "people who know you.")),
    h("p", { class: "meta" }, isHere
      ? t("Your key lies sealed on the hub since you joined. So far only a recovery code opens it, which this browser knows "
        + "until you close it.")
      : t("Your key lies sealed on the hub since you joined. So far only the recovery code opens it, which you were offered "
        + "then.")),
    isHere ? h("p", null, h("button", { type: "button", class: "button", on: { click: () => openFirstCode(client, show) } },
      icon("key"), t("Show the recovery code"))) : null,
    sendForm({ verb: t("Set the password"), busy: t("Sealing …"), send }, code?.element, fresh.element));
}

function lost() {
  return h("details", null, h("summary", null, t("I have no such code")),
    h("p", null, t("Then nothing opens what lies on the hub, and the key itself cannot be copied out of this browser.")),
    toNewKey());
}

/** The recovery code, where there is no password. */
function codeProof() {
  const code = codeField({ label: t("Your vault's recovery code") });
  return { elements: [code.element], read: () => ({ code: code.input.value }) };
}

/** The password, and the secret key where there is one. */
function proof(isSecret, label = t("Your password")) {
  const password = passwordField({ label });
  const secret = isSecret ? codeField({ label: t("Your secret key") }) : null;
  const read = () => {
    const typed = password.read();
    return typed === null ? null : { password: typed, secret: secret?.input.value.trim() ?? "" };
  };
  return { elements: [password.element, secret?.element], read };
}

function standing(client, vault, isSecret, show) {
  const { status, found, version } = vault;
  const section = h("section", null, h("h3", null, t("Your vault")),
    h("p", { class: IS_WELL.includes(status) ? null : "note danger" }, STATUS[status],
      status === "saved" && vault.savedAt ? ` ${t("Last saved {ago}.", { ago: agoText(vault.savedAt) })}` : "",
      status === "older" ? ` ${t("It showed version {found}; the newest one is version {version}.", { found, version })}` : ""),
    h("p", { class: "meta" }, t("Sealed on the hub: your key, the keys of what is encrypted, whom you know, what you have read, "
      + "your settings. The hub sees its size and when it changes, not what is in it.")),
    vault.isFull ? h("p", { class: "note" }, icon("warn"), h("span", null, t("It is full, so what is oldest is left out, the keys "
      + "of old messages first. This browser keeps them; one in which you log in later cannot read those messages."))) : null);
  const mend = { stale: ["vault.unlock", t("Go on with it")], older: ["vault.putBack", t("Put the newest back")],
    gone: ["vault.putBack", t("Put it back")] }[status];
  if (mend) {
    const isByCode = vault.isUnset && status !== "stale";
    const { elements, read } = isByCode
      ? codeProof() : proof(isSecret, status === "stale" ? t("The new password") : t("Your password"));
    const send = async () => {
      const typed = read();
      if (typed) {
        await client.call(mend[0], typed);
        announce(t("Your vault is up to date"));
        await show();
      }
    };
    section.append(sendForm({ verb: mend[1], busy: t("Opening …"), send }, ...elements));
  }
  return section;
}

function changing(client, isSecret, show) {
  const { elements, read } = proof(isSecret);
  const fresh = passwordField({ label: t("New password"), isNew: true });
  const send = async () => {
    const typed = read();
    const password = typed && fresh.read();
    if (typed && password) {
      await client.call("vault.changePassword", { current: typed.password, secret: typed.secret, password });
      announce(t("Your password is changed"));
      await show();
    }
  };
  return h("details", null, h("summary", null, t("Change the password")),
    h("p", { class: "meta" }, isSecret
      ? t("Your other devices ask for the new one. Your secret key ends with it; make another one afterwards, if you want one.")
      : t("Your other devices ask for the new one.")),
    sendForm({ verb: t("Change the password"), busy: t("Changing …"), send }, ...elements, fresh.element));
}

function codeSection(client, vault, isSecret, show) {
  const { elements, read } = proof(isSecret);
  const send = async () => {
    const typed = read();
    if (typed) {
      const { groups } = await client.call("vault.makeCode", typed);
      openVaultCode(groups, { onClose: () => show() });
    }
  };
  return h("details", null,
    h("summary", null, vault.hasRecovery ? t("New recovery code") : t("Make a recovery code")),
    h("p", { class: "meta" }, vault.hasRecovery
      ? t("For when the password is forgotten. The one that you have ends.") : t("For when the password is forgotten.")),
    sendForm({ verb: t("Make a code"), busy: t("Making …"), send }, ...elements));
}

/** A secret key beside the password: shown first, in use once a part of it was typed back. */
function secretSection(client, isSecret, show) {
  const details = h("details", null, h("summary", null, isSecret ? t("New secret key") : t("Secret key")));
  const begin = async () => {
    const { groups } = await client.call("vault.makeSecret", {});
    const { elements, read } = proof(isSecret);
    const again = h("input", { type: "text", autocomplete: "off", spellcheck: "false", size: 6, maxlength: 6 });
    const wrong = h("p", { class: "error", role: "alert" });
    again.addEventListener("input", () => {
      wrong.textContent = "";
    });
    const send = async () => {
      wrong.textContent = again.value.trim().toUpperCase() === groups.at(-1) ? "" : t("That is not its last group.");
      const typed = wrong.textContent ? null : read();
      if (typed) {
        await client.call("vault.changePassword", {
          current: typed.password, secret: typed.secret, password: typed.password, useSecret: true,
        });
        announce(t("Your secret key is in use"));
        await show();
      }
    };
    details.replaceChildren(h("summary", null, t("Secret key")), ...codeParts(t("The vault's secret key"), groups),
      sendForm({ verb: t("Use it"), busy: t("Changing …"), send }, ...elements,
        h("label", { class: "field" }, h("span", null, t("Its last group, to be sure that it is saved")), again), wrong));
  };
  details.append(h("p", { class: "meta" }, isSecret
    ? t("You log in with your password and a secret key.")
    : t("A code beside the password, that you carry with you: then nobody can guess the way in, not even with a copy of the "
      + "hub's database. If you lose it, only the vault's recovery code helps.")),
  h("button", { type: "button", class: "button", on: { click: begin } }, icon("key"), t("Make a secret key")));
  return details;
}

function lockSection(client) {
  const error = h("p", { class: "error", role: "alert" });
  const anyway = h("button", { type: "button", class: "button danger", hidden: true, on: { click: () => lock(true) } },
    t("Lock it all the same"));
  const lock = async (/** @type {boolean} */ evenSo) => {
    try {
      await client.call("account.lock", { evenSo });
      setPref("conversation", null);
      setTabMemory("conversation", null);
      history.replaceState(null, "", "/");
      for (const dialog of document.querySelectorAll("dialog")) {
        dialog.close();
      }
      announce(t("This browser is locked"));
    } catch (failure) {
      error.textContent = `${reason(failure)} ${t("What was not saved is lost when you lock it now.")}`;
      anyway.hidden = false;
    }
  };
  return h("section", null, h("h3", null, t("Lock this browser")),
    h("p", { class: "meta" }, t("Deletes your keys and all that they open from this browser, in all its tabs, drafts too. Your "
      + "name and password bring you back, here or elsewhere.")),
    error, h("div", { class: "row" },
      h("button", { type: "button", class: "button", on: { click: () => lock(false) } }, icon("lock"), t("Lock")), anyway));
}
