/** Adding a device from one that is logged in: a QR picture and a code that work for ten minutes. */

import { announce } from "./announcer.js";
import { copyButton } from "./copy.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { codeField, passwordField, sendForm } from "./passwordfield.js";
import { qrPicture } from "./qr.js";

const TIME = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });

/** @param {import("./app.js").App} app */
export async function openNewDevice(app) {
  const { client } = app;
  const { body } = openDialog({ title: "Add a device", narrow: true });
  if (client.state.vault === null) {
    body.replaceChildren(h("p", null, "This account has no password, and its key cannot be copied out of this browser: ",
      "it works on this device only. Password and lock, in your menu, says how it comes to have one."));
    return;
  }
  const { isSecret } = await client.call("vault.details", {});
  const password = passwordField({ label: "Your password" });
  const secret = isSecret ? codeField({ label: "Your secret key" }) : null;
  const send = async () => {
    const typed = password.read();
    if (typed !== null) {
      const offered = await client.call("vault.offerCode", { password: typed, secret: secret?.input.value.trim() ?? "" });
      body.replaceChildren(...codeParts(offered));
      announce("The code is made");
    }
  };
  body.replaceChildren(h("p", null, "You get a code for the new device. Whoever has it within ten minutes has your ",
    "account, so show it to nobody else."),
  sendForm({ verb: "Make a code", busy: "Making …", send }, password.element, secret?.element));
  password.input.focus();
}

function codeParts({ groups, link, until }) {
  return [
    h("p", null, "Scan this with the new device, or open ", h("b", null, location.host), " there, choose Log in, and ",
      "type the code."),
    qrPicture(link, "The code as a picture"),
    h("ol", { class: "code", "aria-label": "Code for the new device" }, groups.map((group) => h("li", null, group))),
    copyButton(link, "Copy the link", { word: "Copy the link" }),
    h("p", { class: "meta" }, `It works until ${TIME.format(until)}.`),
  ];
}
