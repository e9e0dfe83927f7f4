/** My invites: how many are left, a new one to pass on, and what became of the others. */

import { numberText, plural, t } from "../words/words.js";
import { allowanceNote } from "./allowance.js";
import { announce } from "./announcer.js";
import { confirmDialog, openDialog } from "./dialog.js";
import { agoText, append, h } from "./dom.js";
import { linkBox, momentText } from "./invitecard.js";
import { inviteForm } from "./inviteform.js";
import { busyList, fillList } from "./listing.js";
import { reason } from "./words.js";

const STATES = {
  waiting: [t("Waiting"), ""],
  claimed: [t("Joined"), "good"],
  expired: [t("Ran out"), ""],
  withdrawn: [t("Withdrawn"), "bad"],
  locked: [t("Locked"), "bad"],
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
      announce(t("The invite is ready"));
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
  openDialog({ title: t("Invites"), onClose: () => gone.abort() }, left, room, form.element, error, made, status, list);
  load();
}

function refusal(failure, { name, people, invites, messages, bytes }) {
  if (failure.code === "conflict" && name) {
    return t("Somebody here is called {name} already, or is invited under that name. Suggest another.", { name });
  }
  if (failure.code === "quota") {
    const needed = people * (1 + invites);
    const isLimited = messages !== null || bytes !== null;
    return isLimited
      ? t("This takes {needed} of your invites, and you have not so many left, or it gives more messages or room than you "
        + "have yourself. Nothing was changed.", { needed })
      : t("This takes {needed} of your invites, and you have not so many left. Nothing was changed.", { needed });
  }
  return reason(failure);
}

function leftText(left) {
  if (left === 0) {
    return t("You have no invites left. An invite that runs out or is withdrawn comes back to you.");
  }
  return plural("You can invite one more person.", "You can invite {count} more people.", left);
}

function nameOf(app, key) {
  const person = app.client.state.people[key];
  return person ? person.displayName || person.name : t("somebody who has left");
}

/** What goes along with each account. */
function givenOf({ invites, messages, bytes }) {
  const given = [];
  if (invites > 0) {
    given.push(t("may invite {invites}", { invites }));
  }
  if (messages !== null) {
    given.push(plural("{count} message", "{count} messages", messages));
  }
  if (bytes !== null) {
    given.push(`${numberText(bytes / MIB, { maximumFractionDigits: 1 })} MiB`);
  }
  return given;
}

/** Who has joined, when it ends, how many tries of the code are left. */
function factsOf(app, invite) {
  const { status, joined, people } = invite;
  const facts = [];
  if (people > 1) {
    facts.push(t("{count} of {people} joined", { count: joined.length, people }));
  }
  if (joined.length > 0) {
    const names = joined.slice(0, MAX_SHOWN_NAMES).map((key) => nameOf(app, key));
    const some = names.join(", ");
    facts.push(joined.length > MAX_SHOWN_NAMES ? t("{names} and more", { names: some }) : some);
  }
  if (status === "waiting") {
    facts.push(t("until {moment}", { moment: momentText(invite.expires) }));
    if (invite.tries !== null) {
      facts.push(invite.tries < MAX_TRIES
        ? plural("code needed, {count} try left", "code needed, {count} tries left", invite.tries) : t("code needed"));
    }
    facts.push(...givenOf(invite));
    if (!invite.isHere) {
      facts.push(t("made in another browser"));
    }
  } else {
    facts.push(t("made {ago}", { ago: agoText(invite.createdAt) }));
  }
  if (status === "locked") {
    facts.push(t("the wrong code was given five times, and the invite came back to you"));
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
  return names.length > 0 ? h("p", { class: "meta" }, t("Begins in {channels}", { channels: names.join(", ") })) : null;
}

function card(app, invite, reload) {
  const isWaiting = invite.status === "waiting";
  const [word, kind] = STATES[invite.status];
  const name = invite.label || invite.name
    || (invite.people > 1 ? t("A circle of {people}", { people: invite.people }) : t("Without a note"));
  const box = h("div", { class: "invite-link" });
  const [withdrawWord, withdrawLabel] = invite.joined.length > 0
    ? [t("Withdraw the rest"), t("Withdraw the rest of {name}", { name })] : [t("Withdraw"), t("Withdraw {name}", { name })];
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
              "aria-label": withdrawLabel,
              on: { click: () => withdraw(app, invite, reload) },
            },
            withdrawWord,
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
      "aria-label": t("Show link of {name}", { name }),
      on: {
        click: () => {
          const isOpen = box.hasChildNodes();
          box.replaceChildren();
          append(box, isOpen ? [] : [linkBox(app, invite, { hasTitle: false })]);
          show.setAttribute("aria-expanded", String(!isOpen));
        },
      },
    },
    t("Link"),
  );
  return show;
}

async function withdraw(app, invite, reload) {
  const rest = invite.waiting.length;
  const isCircle = invite.people > 1;
  const sure = await confirmDialog(
    { title: isCircle ? t("Withdraw {rest} of {people} places?", { rest, people: invite.people }) : t("Withdraw this invite?"), verb: t("Withdraw") },
    h(
      "p",
      null,
      isCircle
        ? t("Its link stops working, and the places that nobody has taken come back to you. Whoever has joined stays.")
        : t("Its link stops working, and the invite comes back to you."),
    ),
  );
  if (!sure) {
    return;
  }
  try {
    await app.client.call("invites.withdraw", { key: invite.key });
    announce(t("The invite is withdrawn"));
  } catch (failure) {
    announce(reason(failure));
  }
  await reload();
}
