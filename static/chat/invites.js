/** My invites: how many are left, a new one to pass on, and what became of the others. */

import { allowanceNote } from "./allowance.js";
import { announce } from "./announcer.js";
import { confirmDialog, openDialog } from "./dialog.js";
import { agoText, append, h } from "./dom.js";
import { linkBox, momentText } from "./invitecard.js";
import { inviteForm } from "./inviteform.js";
import { busyList, fillList } from "./listing.js";
import { reason } from "./words.js";

const STATES = {
  waiting: ["Waiting", ""],
  claimed: ["Joined", "good"],
  expired: ["Ran out", ""],
  withdrawn: ["Withdrawn", "bad"],
  locked: ["Locked", "bad"],
};
const MAX_TRIES = 5;
const MAX_SHOWN_NAMES = 8;
const MIB = 1024 * 1024;

/** @param {import("./app.js").App} app */
export function openInvites(app) {
  const left = h("p", { class: "dialog-lead", tabindex: -1 });
  const made = h("div", null);
  const list = h("ul", { class: "cards" });
  const status = busyList();
  const error = h("p", { class: "error", role: "alert" });
  const gone = new AbortController();
  const { signal } = gone;
  let known = -1;
  const load = () =>
    fillList(app.client.call("invites.list", {}), status, (answer) => {
      known = answer.left;
      left.textContent = leftText(answer.left);
      form.setLeft(answer.left);
      const waiting = answer.invites.filter((invite) => invite.status === "waiting");
      const others = answer.invites.filter((invite) => invite.status !== "waiting");
      list.replaceChildren(...[...waiting, ...others].map((invite) => card(app, invite, load)));
    });
  const form = inviteForm(app, async (/** @type {any} */ wanted) => {
    error.textContent = "";
    try {
      const invite = await app.client.call("invites.create", wanted);
      made.replaceChildren(linkBox(app, { ...invite, label: wanted.label, name: wanted.name }));
      announce("The invite is ready");
      /** @type {HTMLElement} */ (made.querySelector("button")).focus();
      await load();
      return true;
    } catch (failure) {
      error.textContent = refusal(failure, wanted);
      return false;
    }
  });
  app.client.addEventListener("state", ({ detail }) => {
    const told = detail.allowance ? app.client.state.allowance.invites : null;
    if (told !== null && told !== known) {
      load();
    }
  }, { signal });
  const room = allowanceNote(app.client, signal);
  openDialog({ title: "Invites", onClose: () => gone.abort() }, left, room, form.element, error, made, status, list);
  load();
}

function refusal(failure, { name, people, invites, messages, bytes }) {
  if (failure.code === "conflict" && name) {
    return `Somebody here is called ${name} already, or is invited under that name. Suggest another.`;
  }
  if (failure.code === "quota") {
    const needed = people * (1 + invites);
    const isLimited = messages !== null || bytes !== null;
    const also = isLimited ? ", or it gives more messages or room than you have yourself" : "";
    return `This takes ${needed} of your invites, and you have not so many left${also}. Nothing was changed.`;
  }
  return reason(failure);
}

function leftText(left) {
  if (left === 0) {
    return "You have no invites left. An invite that runs out or is withdrawn comes back to you.";
  }
  return `You can invite ${left === 1 ? "one more person" : `${left} more people`}.`;
}

function nameOf(app, key) {
  const person = app.client.state.people[key];
  return person ? person.displayName || person.name : "somebody who has left";
}

/** What goes along with each account. */
function givenOf({ invites, messages, bytes }) {
  const given = [];
  if (invites > 0) {
    given.push(`may invite ${invites}`);
  }
  if (messages !== null) {
    given.push(`${messages.toLocaleString("en")} ${messages === 1 ? "message" : "messages"}`);
  }
  if (bytes !== null) {
    given.push(`${(bytes / MIB).toLocaleString("en", { maximumFractionDigits: 1 })} MiB`);
  }
  return given;
}

/** Who has joined, when it ends, how many tries of the code are left. */
function factsOf(app, invite) {
  const { status, joined, people } = invite;
  const facts = [];
  if (people > 1) {
    facts.push(`${joined.length} of ${people} joined`);
  }
  if (joined.length > 0) {
    const names = joined.slice(0, MAX_SHOWN_NAMES).map((key) => nameOf(app, key));
    facts.push(names.join(", ") + (joined.length > MAX_SHOWN_NAMES ? " and more" : ""));
  }
  if (status === "waiting") {
    facts.push(`until ${momentText(invite.expires)}`);
    if (invite.tries !== null) {
      facts.push(invite.tries < MAX_TRIES ? `code needed, ${invite.tries} tries left` : "code needed");
    }
    facts.push(...givenOf(invite));
    if (!invite.isHere) {
      facts.push("made in another browser");
    }
  } else {
    facts.push(`made ${agoText(invite.createdAt)}`);
  }
  if (status === "locked") {
    facts.push("the wrong code was given five times, and the invite came back to you");
  }
  const text = facts.join(" · ");
  const beginsWithName = people === 1 && joined.length > 0;
  return beginsWithName ? text : text.charAt(0).toUpperCase() + text.slice(1);
}

function channelsOf(app, { channels }) {
  const names = channels
    .map((id) => app.client.state.conversations[id])
    .filter((each) => each !== undefined)
    .map((each) => `#${each.name}`);
  return names.length > 0 ? h("p", { class: "meta" }, `Begins in ${names.join(", ")}`) : null;
}

function card(app, invite, reload) {
  const isWaiting = invite.status === "waiting";
  const [word, kind] = STATES[invite.status];
  const name = invite.label || invite.name || (invite.people > 1 ? `A circle of ${invite.people}` : "Without a note");
  const box = h("div", { class: "invite-link" });
  const withdrawLabel = invite.joined.length > 0 ? "Withdraw the rest" : "Withdraw";
  return h(
    "li",
    { class: isWaiting || invite.status === "claimed" ? "card" : "card off" },
    h(
      "div",
      { class: "row wrap" },
      h("h3", { class: "grow" }, name),
      h("span", { class: `tag ${kind}` }, word),
      isWaiting && invite.link ? showButton(app, invite, name, box) : null,
      isWaiting
        ? h(
            "button",
            {
              type: "button",
              class: "button small danger",
              "aria-label": `${withdrawLabel} ${invite.joined.length > 0 ? "of " : ""}${name}`,
              on: { click: () => withdraw(app, invite, reload) },
            },
            withdrawLabel,
          )
        : null,
    ),
    h("p", { class: "meta" }, factsOf(app, invite)),
    channelsOf(app, invite),
    box,
  );
}

function showButton(app, invite, name, box) {
  const show = h(
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
          append(box, isOpen ? [] : [linkBox(app, invite, { hasTitle: false })]);
          show.setAttribute("aria-expanded", String(!isOpen));
        },
      },
    },
    "Link",
  );
  return show;
}

async function withdraw(app, invite, reload) {
  const rest = invite.waiting.length;
  const isCircle = invite.people > 1;
  const sure = await confirmDialog(
    { title: isCircle ? `Withdraw ${rest} of ${invite.people} places?` : "Withdraw this invite?", verb: "Withdraw" },
    h(
      "p",
      null,
      isCircle
        ? "Its link stops working, and the places that nobody has taken come back to you. Whoever has joined stays."
        : "Its link stops working, and the invite comes back to you.",
    ),
  );
  if (!sure) {
    return;
  }
  try {
    await app.client.call("invites.withdraw", { key: invite.key });
    announce("The invite is withdrawn");
  } catch (failure) {
    announce(reason(failure));
  }
  await reload();
}
