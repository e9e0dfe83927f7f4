/** Choices of a person: theme, language, notifications, export, and to be forgotten by this browser. */

import { LANGUAGES } from "../words/languages.js";
import { t } from "../words/words.js";
import { allowanceNote } from "./allowance.js";
import { announce } from "./announcer.js";
import { openDialog } from "./dialog.js";
import { h, icon } from "./dom.js";
import { exportSection } from "./exporting.js";
import { chosenLanguage, setLanguage } from "./language.js";
import { canNotify, notificationsAreOn, setNotifications } from "./notifier.js";
import { setPref, setTabMemory } from "./prefs.js";
import { setTheme, theme } from "./theme.js";
import { reason } from "./words.js";

const THEMES = [
  ["system", t("System"), "gear"],
  ["light", t("Light"), "sun"],
  ["dark", t("Dark"), "moon"],
];

/** @param {import("./app.js").App} app */
export function openSettings(app) {
  const gone = new AbortController();
  openDialog(
    { title: t("Settings"), onClose: () => gone.abort() },
    h(
      "div",
      { class: "sections" },
      themeChoice(app.client),
      languageChoice(app.client),
      notificationChoice(),
      roomSection(app.client, gone.signal),
      exportSection(app.client, gone.signal),
      h(
        "section",
        null,
        h("h3", null, t("Forget this browser")),
        h(
          "p",
          { class: "meta" },
          wayBack(app.client.state.vault).short,
        ),
        h(
          "button",
          { type: "button", class: "button danger", on: { click: () => openForget(app.client) } },
          t("Forget this browser"),
        ),
      ),
    ),
  );
}

/** How one comes back to an account that this browser has forgotten. @param {any} vault as in `client.state` */
function wayBack(vault) {
  if (vault === null) {
    return {
      short: t("Deletes your key and everything that is kept here. Your key exists only in this browser's data: it cannot be "
        + "had back."),
      long: t("Your key is deleted and cannot be had back. The account stays on the hub, but nobody can enter it any more. To "
        + "come back you need a new invite and start as someone new."),
    };
  }
  return vault.isUnset
    ? {
      short: t("Deletes your key and everything that is kept here. Your name and your vault's recovery code bring you back."),
      long: t("Your key is deleted here. The account stays on the hub: your name and your vault's recovery code open it, in "
        + "any browser. If you have not saved that code, nothing opens it."),
    }
    : {
      short: t("Deletes your key and everything that is kept here. Your name and password bring you back."),
      long: t("Your key is deleted here. The account stays on the hub: your name and password open it, in any browser."),
    };
}

function themeChoice(client) {
  const current = theme();
  return h(
    "fieldset",
    { class: "choice" },
    h("legend", null, t("Theme")),
    h(
      "div",
      { class: "segments" },
      THEMES.map(([value, word, picture]) =>
        h(
          "label",
          null,
          h("input", {
            type: "radio",
            name: "theme",
            value,
            checked: value === current,
            on: {
              change: () => {
                setTheme(value);
                client.call("setting.set", { name: "theme", value }).catch(() => {}); // here it is kept all the same
              },
            },
          }),
          icon(picture),
          word,
        ),
      ),
    ),
  );
}

function languageChoice(client) {
  const current = chosenLanguage();
  const select = /** @type {HTMLSelectElement} */ (
    h("select", { "aria-labelledby": "language-title" }, h("option", { value: "system" }, t("As the browser has it")),
      LANGUAGES.map(([tag, name]) => h("option", { value: tag, selected: tag === current, lang: tag }, name)))
  );
  select.addEventListener("change", () => {
    setLanguage(select.value, () => client.call("setting.set", { name: "language", value: select.value }));
  });
  return h("section", null, h("h3", { id: "language-title" }, t("Language")), select);
}

function notificationChoice() {
  const says = h("p", { class: "meta", id: "notification-note" });
  const box = /** @type {HTMLInputElement} */ (
    h("input", { type: "checkbox", "aria-describedby": "notification-note" })
  );
  const show = () => {
    box.checked = notificationsAreOn();
    box.disabled = !canNotify() || Notification.permission === "denied";
    says.textContent = !canNotify()
      ? t("This browser has no notifications.")
      : Notification.permission === "denied"
        ? t("The browser refuses them for this address. Allow them in the browser's settings for this page, then come back.")
        : t("For mentions and direct messages while you look elsewhere. The text stays on this computer.");
  };
  box.addEventListener("change", async () => {
    await setNotifications(box.checked);
    show();
  });
  show();
  return h(
    "section",
    null,
    h("h3", null, t("Notifications")),
    h("label", { class: "row" }, box, t("Notify me on the desktop")),
    says,
  );
}

/** What one may store here; nothing where there is no limit. */
function roomSection(client, signal) {
  const section = h("section", { hidden: true }, h("h3", null, t("Your room on this hub")));
  section.append(allowanceNote(client, signal, (says) => (section.hidden = says === "")));
  return section;
}

/**
 * The last question before the key is deleted: one types one's name.
 * @param {any} client
 */
export function openForget(client) {
  const name = client.state.me?.name ?? "forget";
  const input = /** @type {HTMLInputElement} */ (
    h("input", { type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false" })
  );
  const button = /** @type {HTMLButtonElement} */ (
    h("button", { type: "submit", form: "forget", class: "button primary danger", disabled: true }, t("Forget"))
  );
  const error = h("p", { class: "error", role: "alert" });
  const forget = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (input.value.trim() !== name) {
      return;
    }
    button.disabled = true;
    try {
      await client.call("account.forget", {});
      setPref("conversation", null);
      setPref("notifications", null);
      setTabMemory("conversation", null);
      history.replaceState(null, "");
      for (const dialog of document.querySelectorAll("dialog")) {
        dialog.close();
      }
      announce(t("This browser has forgotten you"));
    } catch (failure) {
      error.textContent = reason(failure);
      button.disabled = false;
    }
  };
  const { close, setFooter } = openDialog(
    { title: t("Forget this browser?"), narrow: true },
    h(
      "form",
      { id: "forget", class: "stack", on: { submit: forget } },
      h(
        "p",
        { class: "note danger" },
        icon("warn"),
        h(
          "span",
          null,
          wayBack(client.state.vault).long,
        ),
      ),
      h("p", null, t("What you wrote stays for the others.")),
      h("label", { class: "field" }, h("span", null, t("Type {name} to go on", { name })), input),
      error,
    ),
  );
  input.addEventListener("input", () => {
    button.disabled = input.value.trim() !== name;
  });
  setFooter(h("button", { type: "button", class: "button", on: { click: close } }, t("Cancel")), button);
  input.focus();
}
