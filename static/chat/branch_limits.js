/** What somebody below me may do: how many they may invite, how much they may store here. */

import { plural, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { numberText, sizeText } from "./branch_words.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { reason } from "./words.js";

const MIB = 1024 * 1024;
const MAX_MESSAGES = 1_000_000_000;
const MAX_MIB = 1_000_000;

function number(max, value, placeholder = "") {
  const required = placeholder === "";
  const range = { type: "number", min: 0, max, step: 1, inputmode: "numeric" };
  const props = { ...range, value: value ?? "", placeholder, required };
  return /** @type {HTMLInputElement} */ (h("input", props));
}

function field(label, input, hint) {
  return h("label", { class: "field" }, h("span", null, label), input, h("span", { class: "meta" }, hint));
}

/** What was written, null for nothing; undefined where it is as before. */
function changed(input, before, unit = 1) {
  const value = input.value === "" ? null : input.valueAsNumber * unit;
  return input.value === input.defaultValue ? undefined : value === before ? undefined : value;
}

function mibOf(bytes) {
  return bytes === null ? null : Math.ceil(bytes / MIB);
}

/**
 * @param {any} client
 * @param {{item: import("./branch_model.js").Item, mine: import("./branch_model.js").Item, title: string}} of
 * @param {() => void} done
 */
export function openLimits(client, { item, mine, title }, done) {
  const invites = number(item.invites_left + mine.invites_left, item.invites_left);
  const messages = number(MAX_MESSAGES, item.messages_limit, t("No limit"));
  const mib = number(MAX_MIB, mibOf(item.bytes_limit), t("No limit"));
  for (const input of [invites, messages, mib]) {
    input.defaultValue = input.value;
  }
  const error = h("p", { class: "error", role: "alert" });
  const button = /** @type {HTMLButtonElement} */ (
    h("button", { type: "submit", form: "limits", class: "button primary" }, t("Set limits"))
  );
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const wanted = {
      invites: changed(invites, item.invites_left),
      messages: changed(messages, item.messages_limit),
      bytes: changed(mib, item.bytes_limit, MIB),
    };
    if (Object.values(wanted).every((value) => value === undefined)) {
      close();
      return;
    }
    button.disabled = true;
    try {
      await client.call("branch.limit", { key: item.key, ...wanted });
      announce(t("The limits of {title} are set", { title }));
      close();
      done();
    } catch (failure) {
      error.textContent = failure.code === "quota"
        ? t("You have not so much yourself, so nothing was changed. Nobody gives more than they have.")
        : reason(failure);
      button.disabled = false;
    }
  };
  const form = h(
    "form",
    { id: "limits", class: "stack", on: { submit } },
    field(t("Invites left"), invites,
      plural("You have {count} invite: what you give comes from them, what you take back goes to them.",
        "You have {count} invites: what you give comes from them, what you take back goes to them.", mine.invites_left)),
    field(t("Messages"), messages, t("{number} used so far. Empty: no limit.", { number: numberText(item.messages) })),
    field(t("Room in MiB"), mib, t("{size} used so far. Empty: no limit.", { size: sizeText(item.bytes) })),
    h("p", { class: "meta" }, t("What is stored already stays, whatever you set. Only for this account: those below "
      + "it have limits of their own.")),
    error,
  );
  const { close, setFooter } = openDialog({ title: t("Limits of {title}", { title }), narrow: true }, form);
  setFooter(h("button", { type: "button", class: "button", on: { click: close } }, t("Cancel")), button);
  invites.focus();
}
