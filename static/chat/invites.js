/** My invites: how many are left, a new one as link and QR code, and what became of the others. */

import { announce } from "./announcer.js";
import { copyButton } from "./copy.js";
import { confirmDialog, openDialog } from "./dialog.js";
import { agoText, append, h } from "./dom.js";
import { busyList, fillList } from "./listing.js";
import { qrPicture } from "./qr.js";
import { reason } from "./words.js";

const MAX_LABEL_CHARS = 80;
const STATES = {
  waiting: ["Waiting", ""],
  claimed: ["Joined", "good"],
  expired: ["Ran out", ""],
  withdrawn: ["Withdrawn", "bad"],
};
const UNTIL = new Intl.DateTimeFormat("en-GB", {
  weekday: "long",
  day: "numeric",
  month: "long",
  hour: "2-digit",
  minute: "2-digit",
});

/** @param {import("./app.js").App} app */
export function openInvites(app) {
  const left = h("p", { class: "dialog-lead", tabindex: -1 });
  const made = h("div", null);
  const list = h("ul", { class: "cards" });
  const status = busyList();
  const label = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "text",
      maxlength: MAX_LABEL_CHARS,
      placeholder: "So that you know it again",
      autocomplete: "off",
    })
  );
  const onward = /** @type {HTMLInputElement} */ (
    h("input", { type: "number", min: 0, max: 0, step: 1, value: 0, required: true })
  );
  const button = /** @type {HTMLButtonElement} */ (
    h("button", { type: "submit", class: "button primary" }, "Make invite")
  );
  const error = h("p", { class: "error", role: "alert" });
  const load = () =>
    fillList(app.client.call("invites.list", {}), status, (answer) => {
      left.textContent = leftText(answer.left);
      form.hidden = answer.left === 0;
      onward.max = String(Math.max(0, answer.left - 1));
      onward.closest("label").hidden = answer.left < 2;
      const waiting = answer.invites.filter((invite) => invite.status === "waiting");
      const others = answer.invites.filter((invite) => invite.status !== "waiting");
      list.replaceChildren(...[...waiting, ...others].map((invite) => card(app, invite, load)));
    });
  const make = async (/** @type {Event} */ event) => {
    event.preventDefault();
    button.disabled = true;
    error.textContent = "";
    try {
      const invite = await app.client.call("invites.create", {
        label: label.value.trim(),
        invites: onward.valueAsNumber,
      });
      made.replaceChildren(linkBox(invite.link, invite.expires, label.value.trim()));
      label.value = "";
      onward.value = "0";
      announce("The invite is ready");
      /** @type {HTMLElement} */ (made.querySelector("button")).focus();
      await load();
    } catch (failure) {
      error.textContent = reason(failure);
    } finally {
      button.disabled = false;
    }
  };
  const form = h(
    "form",
    { class: "invite-form", hidden: true, on: { submit: make } },
    h("label", { class: "field grow" }, h("span", null, "For whom (only you see this)"), label),
    h("label", { class: "field onward", title: "Taken from yours" }, h("span", null, "They may invite"), onward),
    button,
  );
  openDialog({ title: "Invites" }, left, form, error, made, status, list);
  load();
}

function leftText(left) {
  if (left === 0) {
    return "You have no invites left. An invite that runs out or is withdrawn comes back to you.";
  }
  return `You can invite ${left === 1 ? "one more person" : `${left} more people`}.`;
}

/** A link to pass on: to copy, or to scan. */
function linkBox(link, expires, label) {
  const field = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "text",
      readonly: true,
      value: link,
      "aria-label": "Invite link",
      class: "link-field",
      on: { focus: () => field.select() },
    })
  );
  return h(
    "section",
    { class: "link-box", "aria-label": label ? `Invite for ${label}` : "New invite" },
    qrPicture(link, "The invite link as a QR code"),
    h(
      "div",
      { class: "stack grow" },
      label ? h("h3", null, `For ${label}`) : null,
      field,
      h("div", { class: "row" }, copyButton(link, "Copy link", { word: "Copy link", class: "primary" })),
      h(
        "p",
        { class: "meta" },
        `Works once, until ${UNTIL.format(expires)}. Send it in private: whoever opens it first is in.`,
      ),
    ),
  );
}

function card(app, invite, reload) {
  const [word, kind] = STATES[invite.status];
  const person = invite.claimedBy ? app.client.state.people[invite.claimedBy] : null;
  const isWaiting = invite.status === "waiting";
  const box = h("div", { class: "invite-link" });
  const name = invite.label || "Without a label";
  const show =
    isWaiting && invite.link
      ? h(
          "button",
          {
            type: "button",
            class: "button small",
            "aria-expanded": "false",
            "aria-label": `Show link of ${name}`,
            on: {
              click: () => {
                const isOpen = box.hasChildNodes();
                box.replaceChildren();
                append(box, isOpen ? [] : [linkBox(invite.link, invite.expires, "")]);
                show.setAttribute("aria-expanded", String(!isOpen));
              },
            },
          },
          "Link",
        )
      : null;
  const when = isWaiting
    ? `Until ${UNTIL.format(invite.expires)}${invite.link ? "" : " · made in another browser"}`
    : invite.status === "claimed" && person
      ? `${person.displayName || person.name} · made ${agoText(invite.createdAt)}`
      : `Made ${agoText(invite.createdAt)}`;
  return h(
    "li",
    { class: isWaiting || invite.status === "claimed" ? "card" : "card off" },
    h(
      "div",
      { class: "row" },
      h("h3", { class: "grow" }, name),
      h("span", { class: `tag ${kind}` }, word),
      show,
      isWaiting
        ? h(
            "button",
            {
              type: "button",
              class: "button small danger",
              "aria-label": `Withdraw ${name}`,
              on: { click: () => withdraw(app, invite, reload) },
            },
            "Withdraw",
          )
        : null,
    ),
    h("p", { class: "meta" }, when),
    box,
  );
}

async function withdraw(app, invite, reload) {
  const sure = await confirmDialog(
    { title: "Withdraw this invite?", verb: "Withdraw" },
    h("p", null, "Its link stops working, and the invite comes back to you."),
  );
  if (!sure) {
    return;
  }
  try {
    await app.client.call("invites.withdraw", { key: invite.key });
    announce("The invite is withdrawn");
    await reload();
  } catch (failure) {
    announce(reason(failure));
  }
}
