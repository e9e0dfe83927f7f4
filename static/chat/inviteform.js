/** The form for a new invite: for whom, what goes along with it, how long it waits, whether it needs a code. */

import { t } from "../words/words.js";
import { h } from "./dom.js";
import { listed } from "./lists.js";
import { checkName } from "./naming.js";

const MAX_LABEL_CHARS = 80;
const MAX_PEOPLE = 50;
const MAX_CHANNELS = 16;
const HOUR_MS = 3_600_000;
const MIB = 1024 * 1024;
const MAX_MESSAGES = 1_000_000_000;
const MAX_MIB = 1_000_000;
const LIVES = [
  [72, t("3 days")],
  [24, t("1 day")],
  [8, t("8 hours")],
  [1, t("1 hour")],
];

function field(label, input, hint = "", extra = "") {
  const note = hint ? h("span", { class: "meta" }, hint) : null;
  return h("label", { class: `field ${extra}`.trim() }, h("span", null, label), input, note);
}

function number(min, max, value, placeholder = "") {
  const isNeeded = placeholder === "";
  return /** @type {HTMLInputElement} */ (
    h("input", { type: "number", min, max, step: 1, value, placeholder, required: isNeeded, inputmode: "numeric" })
  );
}

/** The channels to lead to; null where there is but one. */
function channelChoice(app) {
  const channels = listed(app.client).filter((each) => each.kind === "channel");
  if (channels.length < 2) {
    return null;
  }
  const boxes = channels.map((each) => ({ id: each.id, box: h("input", { type: "checkbox", value: each.id }) }));
  const rows = boxes.map(({ box }, i) => {
    const { name, hub } = channels[i];
    return h("label", { class: "check" }, box, h("bdi", null, `#${name}${hub ? ` · ${hub.name}` : ""}`));
  });
  const element = h(
    "fieldset",
    { class: "choice" },
    h("legend", null, t("Channels to begin in")),
    h("div", { class: "invite-channels" }, ...rows),
  );
  const read = () =>
    boxes.filter(({ box }) => /** @type {HTMLInputElement} */ (box).checked).map(({ id }) => id).slice(0, MAX_CHANNELS);
  const clear = () => boxes.forEach(({ box }) => (/** @type {HTMLInputElement} */ (box).checked = false));
  return { element, read, clear };
}

/**
 * @param {import("./app.js").App} app
 * @param {(wanted: object) => Promise<boolean>} onMake whether it was made; the form is then emptied
 * @returns {{element: HTMLElement, setLeft: (left: number) => void}}
 */
export function inviteForm(app, onMake) {
  const label = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "text",
      maxlength: MAX_LABEL_CHARS,
      placeholder: t("A note for yourself"),
      autocomplete: "off",
    })
  );
  const onward = number(0, 0, 0);
  const people = number(1, MAX_PEOPLE, 1);
  const name = /** @type {HTMLInputElement} */ (
    h("input", { type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false", maxlength: 32 })
  );
  const life = /** @type {HTMLSelectElement} */ (
    h("select", null, ...LIVES.map(([hours, words]) => h("option", { value: hours }, words)))
  );
  const messages = number(0, MAX_MESSAGES, "", t("No limit"));
  const mib = number(0, MAX_MIB, "", t("No limit"));
  const hasCode = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox" }));
  const channels = channelChoice(app);
  const button = /** @type {HTMLButtonElement} */ (
    h("button", { type: "submit", class: "button primary" }, t("Make invite"))
  );
  const nameField = field(t("Suggested name"), name, t("Kept free for them; they may take another."));
  people.addEventListener("input", () => {
    nameField.hidden = people.valueAsNumber > 1;
  });
  name.addEventListener("input", () => {
    const { problem } = checkName(name.value);
    name.setCustomValidity(name.value.trim() === "" ? "" : problem);
  });
  const empty = () => {
    for (const [input, value] of [[label, ""], [name, ""], [messages, ""], [mib, ""], [onward, "0"], [people, "1"]]) {
      /** @type {HTMLInputElement} */ (input).value = /** @type {string} */ (value);
    }
    hasCode.checked = false;
    nameField.hidden = false;
    channels?.clear();
    more.open = false;
  };
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    button.disabled = true;
    button.textContent = t("Making …");
    try {
      const isMade = await onMake({
        label: label.value.trim(),
        name: name.value.trim(),
        invites: onward.valueAsNumber,
        people: people.valueAsNumber,
        lifeMs: Number(life.value) * HOUR_MS,
        messages: messages.value === "" ? null : messages.valueAsNumber,
        bytes: mib.value === "" ? null : mib.valueAsNumber * MIB,
        hasCode: hasCode.checked,
        channels: channels?.read() ?? [],
      });
      if (isMade) {
        empty();
      }
    } finally {
      button.disabled = false;
      button.textContent = t("Make invite");
    }
  };
  const onwardField = field(t("They may invite"), onward, "", "onward");
  onwardField.title = t("Taken from yours");
  const more = /** @type {HTMLDetailsElement} */ (h(
    "details",
    { class: "invite-more" },
    h("summary", null, t("More: a circle, a name, a code, limits, channels")),
    h(
      "div",
      { class: "invite-grid" },
      field(t("How many people"), people, t("One link for a circle of up to 50.")),
      nameField,
      field(t("Works for"), life),
      field(t("Messages they may store"), messages),
      field(t("Room they may use, MiB"), mib),
    ),
    h(
      "label",
      { class: "check" },
      hasCode,
      h("span", null, t("Ask for a code, which I tell by another way than the link")),
    ),
    channels?.element ?? null,
  ));
  more.addEventListener("invalid", () => (more.open = true), true);
  const element = h(
    "form",
    { class: "invite-make", hidden: true, on: { submit } },
    h("div", { class: "invite-form" }, field(t("For whom (only you see this)"), label, "", "grow"), onwardField, button),
    more,
  );
  const setLeft = (/** @type {number} */ left) => {
    element.hidden = left === 0;
    onward.max = String(Math.max(0, left - 1));
    onwardField.hidden = left < 2;
    people.max = String(Math.max(1, Math.min(MAX_PEOPLE, left)));
  };
  return { element, setLeft };
}
