/** The page behind an invite link that works: a name, the code where one is needed, what the key is, "Join". */

import { h, icon } from "./dom.js";
import { momentText } from "./invitecard.js";
import { checkName } from "./naming.js";
import { commandLine, frame, hubKey, hubName } from "./pageframe.js";
import { passwordField } from "./passwordfield.js";
import { reason } from "./words.js";

const RULE = "3 to 32 letters a to z, digits, dots, dashes or underscores. It stays.";

const CODE_CHARS = 10;

/** The key of the hub in a link: the engine enters no other. */
function keyOf(link) {
  return link.slice(link.indexOf("#") + 1).split(".")[1] ?? "";
}

/** The field for the code of an invite, not shown unless it is needed. */
function codeField() {
  const input = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "text",
      class: "code-field",
      autocomplete: "one-time-code",
      autocapitalize: "characters",
      spellcheck: "false",
      placeholder: "XXXXX-XXXXX",
      "aria-describedby": "code-hint code-error",
    })
  );
  const hint = h("span", { class: "meta", id: "code-hint" }, "Whoever invited you tells it by another way than the link.");
  const error = h("span", { class: "error", id: "code-error", role: "alert" });
  const element = h("label", { class: "field", hidden: true }, h("span", null, "Code"), input, hint, error);
  const refuse = (/** @type {string} */ problem) => {
    element.hidden = false;
    error.textContent = problem;
    hint.hidden = problem !== "";
    input.setAttribute("aria-invalid", "true");
    input.focus();
  };
  input.addEventListener("input", () => {
    error.textContent = "";
    hint.hidden = false;
    input.removeAttribute("aria-invalid");
  });
  /** The code as typed; null, saying why, if it cannot be one. */
  const read = () => {
    const typed = input.value.trim();
    const isWhole = typed.replace(/[ -]/g, "").length === CODE_CHARS;
    if (!element.hidden && !isWhole) {
      refuse(typed === "" ? "This invite needs its code." : "A code has ten letters and digits, as in XXXXX-XXXXX.");
      return null;
    }
    return element.hidden ? "" : typed;
  };
  const need = () => {
    element.hidden = false;
  };
  return { element, read, refuse, need };
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
  let suggested = "";
  input.addEventListener("focus", () => {
    if (input.value !== "" && input.value === suggested) {
      input.select(); // what is typed takes its place
    }
  });
  const suggest = (/** @type {string} */ name) => {
    if (name !== "" && input.value === "") {
      suggested = name;
      input.value = name;
      input.select();
    }
  };
  return { element, read, refuse, suggest };
}

/** What the invite says, in a line or two. */
function offerLines({ people, offer }) {
  const lines = [];
  if (people > 1) {
    lines.push(`This link is for a circle of ${people} people; each takes a name.`);
  }
  if (offer?.expires) {
    lines.push(`The invite works until ${momentText(offer.expires)}.`);
  }
  return lines.map((line) => h("p", null, line));
}

/**
 * @param {any} client
 * @param {string} link
 * @param {(failure: any) => boolean} isRefusal whether the failure has a page of its own, which is shown then
 * @returns {{element: HTMLElement, fail: (text: string) => void, tell: (looked: any) => void}}
 */
export function joinForm(client, link, isRefusal) {
  const field = nameField();
  const code = codeField();
  const password = passwordField({
    label: "Password", isNew: true, optional: true,
    hint: "With one you can log in from any browser. The hub never learns it.",
  });
  const offered = h("div", { class: "offer" });
  const failed = h("p", { class: "error", role: "alert" });
  const button = /** @type {HTMLButtonElement} */ (
    h("button", { type: "submit", class: "button primary big" }, "Join")
  );
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const name = field.read();
    const typed = name === null ? null : code.read();
    const secret = typed === null ? null : password.read();
    if (name === null || typed === null || secret === null) {
      return;
    }
    failed.textContent = "";
    button.disabled = true;
    button.textContent = "Joining …";
    try {
      await client.call("join.claim", { link, name, code: typed, password: secret });
    } catch (failure) {
      button.disabled = false;
      button.textContent = "Join";
      if (failure.code === "conflict") {
        field.refuse(`Somebody is already called ${checkName(name).name}. Choose another name.`);
      } else if (["need_code", "wrong_code", "bad_code"].includes(failure.code)) {
        code.refuse(reason(failure));
      } else if (!isRefusal(failure)) {
        failed.textContent = reason(failure);
      }
    }
  };
  const element = frame(
    { title: `You are invited to ${hubName(client)}` },
    offered,
    h("form", { class: "stack", novalidate: true, on: { submit } }, field.element, code.element,
      h("details", null, h("summary", null, "With a password, to log in from any browser (optional)"), password.element),
      failed, button),
    h(
      "p",
      { class: "note" },
      icon("key"),
      h(
        "span",
        null,
        "Your key is made in this browser: it is your account. Without a password it stays here and cannot be " +
          "copied out, and if you lose this browser's data you need a recovery code. With a password it also lies on " +
          "the hub, sealed so that only the password opens it. A password can not be added later to the same key.",
      ),
    ),
    h("div", { class: "folds" }, hubKey(keyOf(link)), commandLine()),
  );
  const fail = (/** @type {string} */ text) => {
    failed.textContent = text;
  };
  /** Show what stands behind the link. */
  const tell = (/** @type {any} */ looked) => {
    offered.replaceChildren(...offerLines(looked));
    field.suggest(looked.offer?.suggestion ?? "");
    if (looked.offer?.needsCode) {
      code.need();
    }
  };
  return { element, fail, tell };
}
