/**
 * The pages on which somebody comes to their account by name and password: in a new browser, in a locked one, and with
 * the vault's recovery code where the password is forgotten. Not here: what opens the vault (the engine).
 */

import { t } from "../words/words.js";
import { h, icon } from "./dom.js";
import { frame, hubKey, hubName } from "./pageframe.js";
import { codeField, passwordField, sendForm } from "./passwordfield.js";

/** The key that the page itself came with. */
function shellKey() {
  return document.querySelector("meta[name=accord-hub-key]")?.getAttribute("content") ?? "";
}

function nameField(name) {
  const input = /** @type {HTMLInputElement} */ (h("input", {
    type: "text", required: true, autocomplete: "username", autocapitalize: "off", spellcheck: "false", value: name,
    "data-first": name === "" || null,
  }));
  return { element: h("label", { class: "field" }, h("span", null, t("Your name here")), input), input };
}

/**
 * @param {any} client
 * @param {{locked?: string, back?: () => void, device?: string}} [options] `locked`: the name to which this browser is
 *   locked; `device`: the code of another device, as a link brought it
 * @returns {import("./main.js").Page}
 */
export function loginPage(client, { locked = "", back, device = "" } = {}) {
  const holder = h("div", { class: "page-holder" });
  const focus = () => {
    const first = holder.querySelector("[data-first]") ?? holder.querySelector("h1");
    /** @type {HTMLElement} */ (first).focus();
  };
  const show = (/** @type {HTMLElement} */ content) => {
    holder.replaceChildren(content);
    focus();
  };
  const byPassword = () => show(passwordPage(client, { locked, back, byCode, byDevice }));
  const byCode = () => show(codePage(client, { locked, byPassword }));
  const byDevice = () => show(devicePage(client, { device: "", byPassword }));
  holder.replaceChildren(device
    ? devicePage(client, { device, byPassword }) : passwordPage(client, { locked, back, byCode, byDevice }));
  return { element: holder, focus };
}

function passwordPage(client, { locked, back, byCode, byDevice }) {
  const name = nameField(locked);
  const password = passwordField({ label: t("Password"), isFirst: locked !== "" });
  const secret = codeField({ label: t("Secret key"), hint: t("Only for those who have made one: 8 groups of four.") });
  secret.input.required = false;
  const send = async () => {
    const typed = password.read();
    if (typed !== null) {
      await client.call("vault.open", {
        hub: shellKey(), name: name.input.value, password: typed, secret: secret.input.value.trim(),
      });
    }
  };
  const title = locked ? t("Locked: {locked}", { locked }) : t("Log in");
  return frame({ title, picture: locked ? "lock" : "key", documentTitle: `${title} · ${hubName(client)}` },
    h("p", { class: "lead" }, locked
      ? t("This browser has forgotten your keys. Your password brings them back.")
      : t("With your name and password you come to your account in any browser: what you need lies sealed on the "
        + "hub, and only your password opens it.")),
    sendForm({ verb: locked ? t("Unlock") : t("Log in"), busy: t("Opening …"), send, isBig: true },
      locked ? h("div", { hidden: true }, name.element) : name.element, password.element,
      h("details", null, h("summary", null, t("I have a secret key")), secret.element)),
    h("p", { class: "meta" }, t("Forgotten?"), " ",
      h("button", { type: "button", class: "link", on: { click: byCode } }, t("Use the vault's recovery code")), ". ",
      t("Logged in elsewhere?"), " ",
      h("button", { type: "button", class: "link", on: { click: byDevice } }, t("Use a code of that device")), ".",
      back ? [" ", h("button", { type: "button", class: "link", on: { click: back } }, t("Back"))] : null),
    h("div", { class: "folds" }, hubKey(shellKey()),
      locked ? h("details", null, h("summary", null, t("This is not me")),
        h("p", { class: "meta" }, t("Then let this browser forget the name too. The account stays as it is.")),
        h("p", null, h("button", { type: "button", class: "button", on: { click: () =>
          client.call("account.forget", {}) } }, t("Forget this name")))) : null));
}

function codePage(client, { locked, byPassword }) {
  const name = nameField(locked);
  const code = codeField({ label: t("The vault's recovery code"), hint: t("8 groups of four, as you saved them.") });
  const password = passwordField({ label: t("New password"), isNew: true });
  const send = async () => {
    const newPassword = password.read();
    if (newPassword !== null) {
      await client.call("vault.open", { hub: shellKey(), name: name.input.value, code: code.input.value, newPassword });
    }
  };
  return frame({ title: t("Open your vault by its recovery code"), picture: "key" },
    h("p", null, t("It opens your vault as the password does, and you choose a new password with it.")),
    sendForm({ verb: t("Open it"), busy: t("Opening …"), send, isBig: true }, name.element, code.element, password.element),
    h("p", { class: "note" }, icon("info"), h("span", null,
      t("A code of 14 groups is another one: it moves your account to a new key."), " ",
      h("a", { href: "/recover" }, t("Use that one")), ".")),
    h("p", { class: "meta" }, h("button", { type: "button", class: "link", on: { click: byPassword } }, t("Back"))));
}

function devicePage(client, { device, byPassword }) {
  const code = codeField({ label: t("The code of the other device"), isFirst: device === "",
    hint: t("There: Devices, Add a device. It works for ten minutes.") });
  code.input.value = device;
  const send = () => client.call("vault.open", { hub: shellKey(), device: code.input.value });
  return frame({ title: t("Add this browser to your devices"), picture: "device" },
    h("p", null, t("It comes to your account without your typing the password here.")),
    sendForm({ verb: t("Add this browser"), busy: t("Opening …"), send, isBig: true }, code.element),
    h("p", { class: "meta" }, h("button", { type: "button", class: "link", on: { click: byPassword } },
      t("Log in by name and password"))));
}
