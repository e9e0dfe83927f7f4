/** The page behind an invite link that works: a name, the code where one is needed, what the key is, "Join". */

import { plural, t } from "../words/words.js";
import { h, icon } from "./dom.js";
import { momentText } from "./invitecard.js";
import { checkName } from "./naming.js";
import { commandLine, frame, hubKey, hubName } from "./pageframe.js";
import { passwordField } from "./passwordfield.js";
import { reason } from "./words.js";

const RULE = t("3 to 32 letters a to z, digits, dots, dashes or underscores. It stays.");

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
  const hint = h("span", { class: "meta", id: "code-hint" }, t("Whoever invited you tells it by another way than the link."));
  const error = h("span", { class: "error", id: "code-error", role: "alert" });
  const element = h("label", { class: "field", hidden: true }, h("span", null, t("Code")), input, hint, error);
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
      refuse(typed === ""
        ? t("This invite needs its code.") : t("A code has ten letters and digits, as in XXXXX-XXXXX."));
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
    hint.textContent = problem === "" && name !== typed ? t("You will be @{name}, shown as {typed}.", { name, typed }) : RULE;
  });
  /** The name as typed; null, saying why, if it is none. */
  const read = () => {
    const { problem } = checkName(input.value);
    if (problem) {
      refuse(problem);
    }
    return problem ? null : input.value.trim();
  };
  const element = h("label", { class: "field" }, h("span", null, t("Your name here")), input, hint, error);
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
    lines.push(plural(
      "This link is for a circle of {count} person; each takes a name.",
      "This link is for a circle of {count} people; each takes a name.", people,
    ));
  }
  if (offer?.expires) {
    lines.push(t("The invite works until {moment}.", { moment: momentText(offer.expires) }));
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
    label: t("Password"), isNew: true, optional: true,
    hint: t("With one you can log in from any browser. The hub never learns it."),
  });
  const offered = h("div", { class: "offer" });
  const failed = h("p", { class: "error", role: "alert" });
  const button = /** @type {HTMLButtonElement} */ (
    h("button", { type: "submit", class: "button primary big" }, t("Join"))
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
    button.textContent = t("Joining …");
    try {
      await client.call("join.claim", { link, name, code: typed, password: secret });
    } catch (failure) {
      button.disabled = false;
      button.textContent = t("Join");
      if (failure.code === "conflict") {
        field.refuse(t("Somebody is already called {name}. Choose another name.", { name: checkName(name).name }));
      } else if (["need_code", "wrong_code", "bad_code"].includes(failure.code)) {
        code.refuse(reason(failure));
      } else if (!isRefusal(failure)) {
        failed.textContent = reason(failure);
      }
    }
  };
  const element = frame(
    { title: t("You are invited to {hub}", { hub: hubName(client) }) },
    offered,
    h("form", { class: "stack", novalidate: true, on: { submit } }, field.element, code.element,
      h("details", null, h("summary", null, t("With a password, to log in from any browser (optional)")), password.element),
      failed, button),
    h(
      "p",
      { class: "note" },
      icon("key"),
      h(
        "span",
        null,
        t("Your key is made in this browser: it is your account, and cannot be copied out. It also lies on the hub, sealed: "
          + "only your password opens it, or a recovery code that you are offered to save. A password can be set later too, "
          + "with that code."),
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
