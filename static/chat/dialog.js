/**
 * Dialogs: one native <dialog> each, made when it opens and gone when it closes. Focus goes back to where it was.
 */

import { t } from "../words/words.js";
import { append, h, iconButton } from "./dom.js";

let count = 0;

/**
 * Open a dialog over the page. Esc, the close button and a click beside it close it.
 * @param {{title: string, narrow?: boolean, class?: string, onClose?: () => void}} options
 * @param {...any} children of its body
 * @returns {{dialog: HTMLDialogElement, body: HTMLElement, close: () => void, setFooter: (...children: any[]) => void}}
 */
export function openDialog({ title, narrow = false, class: extra = "", onClose }, ...children) {
  const id = `dialog-${(count += 1)}`;
  const before = document.activeElement;
  const body = h("div", { class: "dialog-body" }, ...children);
  const classes = [narrow ? "narrow" : "", extra].filter(Boolean).join(" ");
  const dialog = /** @type {HTMLDialogElement} */ (h("dialog", { class: classes || null, "aria-labelledby": id }));
  const close = () => dialog.close();
  append(dialog, [
    h(
      "header",
      null,
      h("h2", { id, tabindex: -1 }, title),
      iconButton("close", t("Close"), close, { class: "dialog-close" }),
    ),
    body,
  ]);
  dialog.addEventListener("mousedown", (event) => {
    if (event.target === dialog) {
      close();
    }
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    onClose?.();
    restoreFocus(before);
  });
  document.body.append(dialog);
  dialog.showModal();
  const setFooter = (/** @type {any[]} */ ...parts) => {
    dialog.querySelector(":scope > footer")?.remove();
    if (parts.length > 0) {
      dialog.append(h("footer", null, ...parts));
    }
  };
  return { dialog, body, close, setFooter };
}

/**
 * Ask before something that cannot be taken back.
 * @param {{title: string, verb: string, danger?: boolean}} options
 * @param {...any} children what will happen
 * @returns {Promise<boolean>}
 */
export function confirmDialog({ title, verb, danger = true }, ...children) {
  return new Promise((resolve) => {
    let answer = false;
    const { close, setFooter, dialog } = openDialog(
      { title, narrow: true, onClose: () => resolve(answer) },
      ...children,
    );
    const yes = () => {
      answer = true;
      close();
    };
    const cancel = h("button", { type: "button", class: "button", on: { click: close } }, t("Cancel"));
    setFooter(
      cancel,
      h("button", { type: "button", class: `button primary${danger ? " danger" : ""}`, on: { click: yes } }, verb),
    );
    dialog.setAttribute("role", "alertdialog");
    cancel.focus();
  });
}

/** Whether a dialog is open. */
export function dialogIsOpen() {
  return document.querySelector("dialog[open]") !== null;
}

/**
 * A dialog is gone. The browser has given the focus back already, unless the element could not take it; the person may
 * have gone on since. It leaves the caret where it was, though: in a field of the dialog, so that what is typed is lost.
 * @param {Element | null} element
 */
export function restoreFocus(element) {
  const isFree = document.activeElement === null || document.activeElement === document.body;
  if (isFree && element instanceof HTMLElement && element.isConnected) {
    element.focus();
  }
  const focused = document.activeElement;
  if (focused instanceof HTMLTextAreaElement || (focused instanceof HTMLInputElement && focused.selectionStart !== null)) {
    focused.setSelectionRange(focused.selectionStart, focused.selectionEnd);
  }
}
