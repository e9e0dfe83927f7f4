/** Codes of the vault, shown to be written down: its recovery code, the secret key. */

import { t } from "../words/words.js";
import { copyButton } from "./copy.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";

/**
 * The code with which the vault began, where it is still here, until the person says that it is saved.
 * @param {any} client
 * @param {() => void} [onClose]
 */
export async function openFirstCode(client, onClose) {
  const { groups } = await client.call("vault.code", {}).catch(() => ({ groups: null }));
  if (groups) {
    openVaultCode(groups, {
      isUnset: client.state.vault?.isUnset, onClose, onSaved: () => client.call("vault.codeSaved", {}),
    });
  }
}

/**
 * @param {string[]} groups
 * @param {{isUnset?: boolean, onClose?: () => void, onSaved?: () => Promise<any>}} [options] `isUnset`: there is no
 *   password
 */
export function openVaultCode(groups, { isUnset = false, onClose = () => {}, onSaved = async () => {} } = {}) {
  const says = isUnset
    ? t("It opens your account in any browser, and with it you can set a password. Without either, your account is in this "
      + "browser alone.")
    : t("It opens your vault if you forget the password. Without either, nobody can.");
  const { close, setFooter } = openDialog({ title: t("Your vault's recovery code"), narrow: true, onClose },
    ...codeParts(t("The vault's recovery code"), groups), h("p", { class: "meta" }, says));
  const saved = () => {
    onSaved().catch(() => {}); // then it is offered once more
    close();
  };
  setFooter(h("button", { type: "button", class: "button", on: { click: () => globalThis.print() } }, t("Print")),
    copyButton(groups.join(" "), t("Copy the recovery code"), { word: t("Copy") }),
    h("button", { type: "button", class: "button primary", on: { click: saved } }, t("I have saved it")));
}

/** @param {string} label what code it is @param {string[]} groups */
export function codeParts(label, groups) {
  return [
    h("p", null, t("Write it down, print it or keep it in a password manager. It is stored nowhere: later it cannot be shown "
      + "again.")),
    h("ol", { class: "code", "aria-label": label }, groups.map((group) => h("li", null, group))),
  ];
}
