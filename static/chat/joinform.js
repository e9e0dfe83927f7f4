/** The page behind an invite link that works: a name, what the key is, "Join". */

import { h, icon } from "./dom.js";
import { checkName } from "./naming.js";
import { commandLine, frame, hubKey, hubName } from "./pageframe.js";
import { reason } from "./words.js";

const RULE = "3 to 32 letters a to z, digits, dots, dashes or underscores. It stays.";

/** The key of the hub in a link: the engine enters no other. */
function keyOf(link) {
  return link.slice(link.lastIndexOf(".") + 1);
}

/** The field for the name, which says what is wrong while one types. */
function nameField() {
  const input = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "text",
      "data-first": true,
      required: true,
      autocomplete: "username",
      autocapitalize: "off",
      spellcheck: "false",
      "aria-describedby": "name-hint name-error",
    })
  );
  const hint = h("span", { class: "meta", id: "name-hint" }, RULE);
  const error = h("span", { class: "error", id: "name-error", role: "alert" });
  const say = (/** @type {string} */ problem) => {
    error.textContent = problem;
    hint.hidden = problem !== "";
    if (problem) {
      input.setAttribute("aria-invalid", "true");
    } else {
      input.removeAttribute("aria-invalid");
    }
  };
  const refuse = (/** @type {string} */ problem) => {
    say(problem);
    input.focus();
  };
  input.addEventListener("input", () => {
    const typed = input.value.trim();
    const { name, problem, isUnfinished } = checkName(typed);
    say(isUnfinished ? "" : problem);
    hint.textContent = problem === "" && name !== typed ? `You will be @${name}, shown as ${typed}.` : RULE;
  });
  /** The name as typed; null, saying why, if it is none. */
  const read = () => {
    const { problem } = checkName(input.value);
    if (problem) {
      refuse(problem);
    }
    return problem ? null : input.value.trim();
  };
  const element = h("label", { class: "field" }, h("span", null, "Your name here"), input, hint, error);
  return { element, read, refuse };
}

/**
 * @param {any} client
 * @param {string} link
 * @param {(failure: any) => boolean} isRefusal whether the failure has a page of its own, which is shown then
 * @returns {{element: HTMLElement, fail: (text: string) => void}}
 */
export function joinForm(client, link, isRefusal) {
  const field = nameField();
  const failed = h("p", { class: "error", role: "alert" });
  const button = /** @type {HTMLButtonElement} */ (
    h("button", { type: "submit", class: "button primary big" }, "Join")
  );
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const name = field.read();
    if (name === null) {
      return;
    }
    failed.textContent = "";
    button.disabled = true;
    button.textContent = "Joining …";
    try {
      await client.call("join.claim", { link, name });
    } catch (failure) {
      button.disabled = false;
      button.textContent = "Join";
      if (failure.code === "conflict") {
        field.refuse(`Somebody is already called ${checkName(name).name}. Choose another name.`);
      } else if (!isRefusal(failure)) {
        failed.textContent = reason(failure);
      }
    }
  };
  const element = frame(
    { title: `You are invited to ${hubName(client)}` },
    h("form", { class: "stack", novalidate: true, on: { submit } }, field.element, failed, button),
    h(
      "p",
      { class: "note" },
      icon("key"),
      h(
        "span",
        null,
        "Your key is made in this browser and stays here: it is your account, and it cannot " +
          "be copied out. Keep this browser's data; if you lose it, ask whoever invited you for another invite.",
      ),
    ),
    h("div", { class: "folds" }, hubKey(keyOf(link)), commandLine()),
  );
  const fail = (/** @type {string} */ text) => {
    failed.textContent = text;
  };
  return { element, fail };
}
