/**
 * The page for somebody whose keys are elsewhere, or nowhere: back by the recovery code at once, or with the word of
 * people who know them. Not here: keys and messages (the engine).
 */

import { t } from "../words/words.js";
import { copyButton } from "./copy.js";
import { h, icon } from "./dom.js";
import { wordsBox } from "./keywords.js";
import { frame, hubKey, hubName } from "./pageframe.js";
import { passwordField } from "./passwordfield.js";
import { qrPicture } from "./qr.js";
import { reason } from "./words.js";

const LOOK_MS = 30_000;
const OWNER = "owner=";

/** The key that the page itself came with. */
function shellKey() {
  return document.querySelector("meta[name=accord-hub-key]")?.getAttribute("content") ?? "";
}

/**
 * @param {any} client
 * @returns {import("./main.js").Page}
 */
export function recoverPage(client) {
  const holder = h("div", { class: "page-holder" });
  const state = { timer: 0 };
  const show = (/** @type {HTMLElement} */ content) => holder.replaceChildren(content);
  const wait = (/** @type {any} */ request) => show(waiting(client, request, state));
  const first = forms(client, wait);
  show(first);
  client.call("recover.asked", {}).then((request) => request && wait(request), () => {});
  return {
    element: holder,
    focus: () => /** @type {HTMLElement} */ (first.querySelector("[data-first]")).focus(),
    close: () => clearInterval(state.timer),
  };
}

/** A form with one field; what goes wrong is said under it. */
function oneField({ label, hint, verb, value = "", isFirst = false, more = null }, send) {
  const input = /** @type {HTMLTextAreaElement} */ (h("textarea", {
    rows: 3, required: true, autocomplete: "off", autocapitalize: "characters", spellcheck: "false",
    class: "code-field", "data-first": isFirst || null,
  }));
  input.value = value;
  const failed = h("p", { class: "error", role: "alert" });
  const button = /** @type {HTMLButtonElement} */ (h("button", { type: "submit", class: "button primary big" }, verb));
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    button.disabled = true;
    failed.textContent = "";
    try {
      await send(input.value);
    } catch (failure) {
      failed.textContent = reason(failure);
      input.focus();
    }
    button.disabled = false;
  };
  return h("form", { class: "stack", on: { submit } },
    h("label", { class: "field" }, h("span", null, label), input, h("span", { class: "meta" }, hint)), more, failed,
    button);
}

/** The account's name, with which its new key gets a vault, and a password; both optional. `known`: the name, where it is. */
function vaultFields(known) {
  const name = /** @type {HTMLInputElement} */ (h("input", { type: "text", autocomplete: "username", autocapitalize: "off",
    spellcheck: "false", value: known }));
  const password = passwordField({ label: t("Password"), isNew: true, optional: true });
  const label = h("label", { class: "field" }, h("span", null, t("Your name here (optional)")), name,
    h("span", { class: "meta" }, t("With it the new key also lies on the hub, sealed, for you to come back to.")));
  const details = h("details", null, h("summary", null, t("With a password, to log in from any browser (optional)")),
    known ? label : null, password.element);
  const element = known ? details : [label, details];
  const read = () => {
    const typed = password.read();
    return typed === null ? null : { name: name.value, password: typed };
  };
  return { element, read };
}

/** What came with the page's address: the code of an owner's link, which then stands there no longer, or an old key. */
function fragment() {
  const given = decodeURIComponent(location.hash.slice(1));
  if (!given.startsWith(OWNER)) {
    return { owner: "", old: given };
  }
  history.replaceState(history.state, "", location.pathname);
  return { owner: given.slice(OWNER.length), old: "" };
}

/** Whoever opens an owner's link has the admin's account. */
function ownerForm(client, hub, owner) {
  const vault = vaultFields("admin");
  return frame({ title: t("The admin's account"), picture: "key", documentTitle: `${t("Owner")} · ${hubName(client)}` },
    h("p", { class: "lead" }, t("This browser makes a new key for the admin of this hub. An owner's key that was in another "
      + "browser stops working; the hub's own commands and its console go on.")),
    oneField({
      label: t("The code of the owner's link"), hint: t("It works once, for an hour after it was made."),
      verb: t("Take the admin's account"), value: owner, isFirst: true, more: vault.element,
    }, async (code) => {
      const chosen = vault.read();
      if (chosen) {
        await client.call("recover.use", { hub, code, ...chosen });
      }
    }),
    hubKey(hub));
}

function forms(client, wait) {
  const hub = shellKey();
  const { owner, old } = fragment();
  if (owner) {
    return ownerForm(client, hub, owner);
  }
  const vault = vaultFields("");
  return frame({ title: t("Back into your account"), picture: "key", documentTitle: t("Recover · {hub}", { hub: hubName(client) }) },
    h("p", { class: "lead" },
      t("This browser makes a new key for your account, and the old one stops working. Your name, your place and your "
        + "messages stay yours.")),
    oneField({
      label: t("Your recovery code"), hint: t("14 groups of four, as you saved them. It is not stored here."),
      verb: t("Recover my account"), isFirst: true, more: vault.element,
    }, async (code) => {
      const chosen = vault.read();
      if (chosen) {
        await client.call("recover.use", { hub, code, ...chosen });
      }
    }),
    h("div", { class: "folds" },
      h("details", { open: old !== "" },
        h("summary", null, t("I have no recovery code")),
        h("p", { class: "meta" },
          t("Then people who know you can vouch for your new key: whoever invited you, those above them, and those whom "
            + "you invited. After that it takes three days, in which your old key can stop it. Ask one of them for your "
            + "old key: they find it in your card.")),
        oneField({ label: t("Your old key"), hint: t("43 letters and digits."), verb: t("Ask for my account"), value: old },
          async (key) => wait(await client.call("recover.ask", { hub, old: key })))),
      hubKey(hub)));
}

function waiting(client, request, state) {
  const says = h("p", { class: "meta", role: "status" }, t("Nobody's word is complete yet."));
  const look = async () => {
    try {
      await client.call("recover.look", {});
    } catch (failure) {
      says.textContent = reason(failure);
    }
  };
  clearInterval(state.timer);
  state.timer = setInterval(look, LOOK_MS);
  return frame({ title: t("Ask people who know you"), picture: "people", documentTitle: t("Ask people who know you") },
    h("p", null,
      t("Send them this link, and read them the words when they ask: in person or on the phone, where they know your "
        + "voice. Keep this browser's data until you are in.")),
    h("section", { class: "link-box", "aria-label": t("The link for people who know you") },
      qrPicture(request.link, t("The link as a QR code")),
      h("div", { class: "stack grow" },
        h("input", { type: "text", readonly: true, value: request.link, "aria-label": t("Link"), class: "link-field" }),
        h("div", { class: "row" }, copyButton(request.link, t("Copy link"), { word: t("Copy link"), class: "primary" })))),
    wordsBox(t("The words of your new key"), request.words),
    says,
    h("p", { class: "row" },
      h("button", { type: "button", class: "button", on: { click: look } }, icon("retry"), t("Look now"))));
}
