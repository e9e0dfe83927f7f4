/** Adding a device from one that is logged in: a QR picture and a code that work for ten minutes. */

import { locale, rich, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { copyButton } from "./copy.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { codeField, passwordField, sendForm } from "./passwordfield.js";
import { qrPicture } from "./qr.js";
import { openVault } from "./vaultdialog.js";

const TIME = new Intl.DateTimeFormat(locale, { timeStyle: "short" });

/** @param {import("./app.js").App} app */
export async function openNewDevice(app) {
  const { client } = app;
  const { body, close, setFooter } = openDialog({ title: t("Add a device"), narrow: true });
  if (client.state.vault === null) {
    body.replaceChildren(h("p", null, t("This account has no password, and its key cannot be copied out of this browser: it "
      + "works on this device only. Password and lock, in your menu, says how it comes to have one.")));
    return;
  }
  if (client.state.vault.isUnset) {
    const go = () => {
      close();
      openVault(app);
    };
    body.replaceChildren(h("p", null, t("This account has no password yet. Set one; then other devices come in by it, or by "
      + "a code that you make here.")));
    setFooter(h("button", { type: "button", class: "button primary", on: { click: go } }, t("Set a password")));
    return;
  }
  const { isSecret } = await client.call("vault.details", {});
  const password = passwordField({ label: t("Your password") });
  const secret = isSecret ? codeField({ label: t("Your secret key") }) : null;
  const send = async () => {
    const typed = password.read();
    if (typed !== null) {
      const offered = await client.call("vault.offerCode", { password: typed, secret: secret?.input.value.trim() ?? "" });
      body.replaceChildren(...codeParts(offered));
      announce(t("The code is made"));
    }
  };
  body.replaceChildren(h("p", null, t("You get a code for the new device. Whoever has it within ten minutes has your account, "
    + "so show it to nobody else.")),
  sendForm({ verb: t("Make a code"), busy: t("Making …"), send }, password.element, secret?.element));
  password.input.focus();
}

function codeParts({ groups, link, until }) {
  return [
    h("p", null, rich("Scan this with the new device, or open {host} there, choose Log in, and type the code.",
      { host: h("b", null, location.host) })),
    qrPicture(link, t("The code as a picture")),
    h("ol", { class: "code", "aria-label": t("Code for the new device") }, groups.map((group) => h("li", null, group))),
    copyButton(link, t("Copy the link"), { word: t("Copy the link") }),
    h("p", { class: "meta" }, t("It works until {time}.", { time: TIME.format(until) })),
  ];
}
