/** Keys and recovery: the recovery code, replacements that I may stop, and vouching for somebody's new key. */

import { locale, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { copyButton } from "./copy.js";
import { confirmDialog, openDialog } from "./dialog.js";
import { h, icon } from "./dom.js";
import { wordsBox } from "./keywords.js";
import { nameOf } from "./message.js";
import { reason } from "./words.js";

const WHEN = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });

/**
 * @param {import("./app.js").App} app
 * @param {string} [link] by which somebody asks to be vouched for
 */
export function openMyKeys(app, link = "") {
  const { client } = app;
  const recovery = h("section", null);
  const pending = h("section", null);
  const { body } = openDialog({ title: t("Keys and recovery"), onClose: () => client.call("keys.forgetCode", {}).catch(() => {}) });
  body.append(h("div", { class: "sections" }, recovery, pending, vouching(app, link, () => show())));
  const show = async () => {
    try {
      const [state, { items }] = await Promise.all([client.call("keys.state", {}), client.call("keys.replacements", {})]);
      if (!recovery.querySelector("form")) {
        recovery.replaceChildren(...recoveryParts(app, state, recovery));
      }
      pending.replaceChildren(...pendingParts(app, items, show));
    } catch (failure) {
      recovery.replaceChildren(h("h3", null, t("Recovery code")), h("p", { class: "error", role: "alert" }, reason(failure)));
    }
  };
  recovery.append(h("h3", null, t("Recovery code")), h("p", { class: "meta", role: "status" }, t("Asking the hub …")));
  show();
}

function recoveryParts(app, { recovery, coming }, section) {
  const title = h("h3", null, t("Recovery code"));
  if (app.client.state.me?.isAdmin) {
    return [title, h("p", { class: "meta" }, t("If you lose this browser, whoever runs the hub makes an owner's link for "
      + "you: manage.py owner."))];
  }
  const has = recovery !== null || coming !== null;
  const says = coming
    ? `${t("The code that you made last counts from {moment}.", { moment: WHEN.format(coming.counts_from) })} ${
      recovery ? t("Until then the one before it does.") : ""}`
    : recovery
      ? t("You have one, made {moment}. It brings you back at once, in any browser.", { moment: WHEN.format(recovery.set_at) })
      : hasWayBack(app.client.state.vault)
        ? t("Your vault brings your key back, in any browser. This code is for when somebody else has got at your key: it "
          + "moves your account to a new one, at once. Without it, people who know you have to vouch for you, and it takes "
          + "three days.")
        : t("Your key exists in this browser only. With a recovery code you come back at once if you lose it; without "
          + "one, people who know you have to vouch for you, and it takes three days.");
  const make = async () => section.replaceChildren(...(await codeParts(app, section)));
  return [title, h("p", null, says),
    h("button", { type: "button", class: has ? "button" : "button primary", on: { click: make } }, icon("key"),
      has ? t("Make a new recovery code") : t("Make a recovery code"))];
}

/** Whether the vault opens for its owner, as far as this browser knows. @param {any} vault as in `client.state` */
export function hasWayBack(vault) {
  return vault !== null && (!vault.isUnset || vault.code === "saved");
}

/** The code, shown once, and a part of it to be typed back. */
async function codeParts(app, section) {
  const { groups, asked } = await app.client.call("keys.makeCode", {});
  const error = h("p", { class: "error", role: "alert" });
  const inputs = asked.map((place) => h("input", {
    type: "text", required: true, autocomplete: "off", autocapitalize: "characters", spellcheck: "false", size: 6,
    maxlength: 6, "aria-label": t("Group {number}", { number: place + 1 }),
  }));
  const code = h("ol", { class: "code", "aria-label": t("Recovery code") }, groups.map((group) => h("li", null, group)));
  const hidden = h("p", { class: "meta", hidden: true }, t("Hidden: type from what you have saved."));
  const saved = h("button", { type: "button", class: "button", on: { click: () => {
    code.hidden = true;
    copy.hidden = true;
    hidden.hidden = false;
    saved.hidden = true;
    proof.hidden = false;
    inputs[0].focus();
  } } }, t("I have saved it"));
  const copy = copyButton(groups.join(" "), t("Copy the recovery code"), { word: t("Copy") });
  const print = h("button", { type: "button", class: "button", on: { click: () => globalThis.print() } }, t("Print"));
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      const typed = inputs.map((input) => /** @type {HTMLInputElement} */ (input).value);
      const state = await app.client.call("keys.useCode", { typed });
      section.replaceChildren(...recoveryParts(app, state, section));
      announce(t("Your recovery code is saved"));
      app.keyNotes.look();
    } catch (failure) {
      error.textContent = reason(failure);
      code.hidden = false;
      copy.hidden = false;
      hidden.hidden = true;
    }
  };
  const proof = h("div", { class: "stack", hidden: true },
    h("p", null, t("To be sure that it is saved, type two groups of it:")),
    h("div", { class: "row" }, asked.map((place, i) =>
      h("label", { class: "field" }, h("span", null, t("Group {number}", { number: place + 1 })), inputs[i]))),
    error, h("button", { type: "submit", class: "button primary" }, t("Use this code")));
  return [h("h3", null, t("Recovery code")),
    h("p", null, t("Write it down, print it or keep it in a password manager. It is shown this once and stored nowhere: "
      + "whoever has it can take your account.")),
    code, hidden, h("div", { class: "row" }, saved, copy, print), h("form", { class: "stack", on: { submit: send } }, proof)];
}

// ------------------------------------------------------------------------------------------------------ replacements

function pendingParts(app, items, reload) {
  if (items.length === 0) {
    return [];
  }
  return [h("h3", null, t("Keys that are being replaced")),
    h("ul", { class: "cards" }, items.map((item) => card(app, item, reload)))];
}

function card(app, item, reload) {
  const who = item.isMine ? t("Your account") : item.name;
  const end = item.state === "waiting" ? t("Gets the new key on {moment}", { moment: WHEN.format(item.due_at) }) :
    t("{vouched} of {needed} have vouched", { vouched: item.vouched, needed: item.needed });
  const cancel = async () => {
    const sure = await confirmDialog({ title: item.isMine
      ? t("Keep your key as it is?") : t("Keep {name}'s key as it is?", { name: item.name }),
      verb: t("Stop the replacement") }, h("p", null, t("The new key is not taken. It can be asked for again.")));
    if (sure) {
      await app.client.call("keys.cancel", { key: item.key }).catch((failure) => announce(reason(failure)));
      await reload();
      app.keyNotes.look();
    }
  };
  return h("li", { class: "card" },
    h("div", { class: "row" }, h("h3", { class: "grow" }, who),
      h("span", { class: "tag" }, item.way === "key" ? t("signed by the old key") : t("people vouch")),
      item.may_cancel
        ? h("button", { type: "button", class: "button small danger", "aria-label": t("Stop: {who}", { who }), on: { click: cancel } },
          t("Stop"))
        : null),
    h("p", { class: "meta" }, `${end}. ${item.may_vouch ? t("To vouch, ask them for their link.") : ""}`.trim()),
    wordsBox(t("Words of the new key"), item.words));
}

function vouching(app, link, reload) {
  const { client } = app;
  const input = /** @type {HTMLInputElement} */ (h("input", { type: "text", required: true, autocomplete: "off",
    spellcheck: "false", value: link, placeholder: `${location.origin}/vouch#…` }));
  const error = h("p", { class: "error", role: "alert" });
  const found = h("div", null);
  const read = async (/** @type {Event} */ event) => {
    event?.preventDefault();
    error.textContent = "";
    found.replaceChildren();
    try {
      const asked = await client.call("keys.readLink", { link: input.value.trim() });
      found.replaceChildren(question(client, asked, async () => {
        await client.call("keys.vouch", { link: input.value.trim() });
        input.value = "";
        found.replaceChildren(h("p", { class: "note" }, icon("check"), t("Done: the hub has your word.")));
        await reload();
      }));
    } catch (failure) {
      error.textContent = reason(failure);
    }
  };
  if (link) {
    queueMicrotask(read);
  }
  return h("section", null, h("h3", null, t("Somebody asks you to vouch for their new key")),
    h("form", { class: "stack", on: { submit: read } },
      h("label", { class: "field" }, h("span", null, t("The link that they gave you")), input),
      h("div", null, h("button", { type: "submit", class: "button" }, t("Look at it")))), error, found);
}

function question(client, { key, isKnown, isMine, words }, vouch) {
  const error = h("p", { class: "error", role: "alert" });
  if (!isKnown) {
    return h("p", { class: "error" }, t("Nobody here has that old key: the link is for another hub, or it was done "
      + "already."));
  }
  const name = nameOf(key, client.state, "them");
  const button = /** @type {HTMLButtonElement} */ (h("button", { type: "button", class: "button primary" },
    isMine ? t("Hand my account over in a day") : t("The words are the same: vouch")));
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await vouch();
    } catch (failure) {
      error.textContent = reason(failure);
      button.disabled = false;
    }
  });
  return h("div", { class: "link-box stack" },
    h("p", null, isMine ? t("Another browser of yours asks for your account. Its screen must show these words:")
      : t("{name} asks to replace their key. Have them read these words to you, in person or on the phone:", { name })),
    wordsBox(t("Words of the new key"), words), error, h("div", null, button));
}
