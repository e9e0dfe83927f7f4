/** My devices: every browser and program that may speak for me, renamed and revoked here. */

import { t } from "../words/words.js";
import { announce } from "./announcer.js";
import { confirmDialog, openDialog } from "./dialog.js";
import { agoText, dateText, h, icon, iconButton } from "./dom.js";
import { busyList, fillList } from "./listing.js";
import { openNewDevice } from "./newdevice.js";
import { reason } from "./words.js";

const MAX_NAME_CHARS = 80;

/** @param {import("./app.js").App} app */
export function openDevices(app) {
  const list = h("ul", { class: "cards" });
  const status = busyList();
  openDialog(
    { title: t("Devices") },
    h(
      "p",
      { class: "dialog-lead" },
      t("Each of these may read and write as you. Revoke what you do not know or no longer use."),
    ),
    h("p", null, h("button", { type: "button", class: "button", on: { click: () => openNewDevice(app) } },
      icon("plus"), t("Add a device"))),
    status,
    list,
    carryingChoice(app),
  );
  const load = () =>
    fillList(app.client.call("devices.list", {}), status, (devices) => {
      list.replaceChildren(...inOrder(devices).map((device) => card(app, device, load)));
    });
  load();
}

/** Whether this hub carries for me between linked hubs. The choice is the account's, not this browser's. */
function carryingChoice(app) {
  const box = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", "aria-describedby": "carrying-note" }));
  const says = h(
    "p",
    { class: "meta", id: "carrying-note" },
    t("With it, people on linked hubs find you and can write to you: this hub shows the others a certificate that "
      + "you have signed, and fetches there what is for you. It may read it, and it can write nothing in your name."),
  );
  const error = h("p", { class: "error", role: "alert" });
  const section = h(
    "section",
    { hidden: true },
    h("h3", null, t("Other hubs")),
    h("label", { class: "row" }, box, t("Be reached from hubs that this one is linked with")),
    says,
    error,
  );
  const show = async () => {
    const { isKnown, carry } = await app.client.call("carrying.state", {});
    section.hidden = !isKnown;
    box.checked = carry;
  };
  box.addEventListener("change", async () => {
    box.disabled = true;
    error.textContent = "";
    try {
      await app.client.call("carrying.want", { carry: box.checked });
      announce(box.checked ? t("You can be reached from linked hubs") : t("Linked hubs no longer reach you"));
    } catch (failure) {
      error.textContent = reason(failure);
      box.checked = !box.checked;
    }
    box.disabled = false;
  });
  show().catch(() => {}); // without a connection the list above says so
  return section;
}

function inOrder(devices) {
  const rank = (device) => (device.isThis ? 0 : device.isRevoked ? 2 : 1);
  return [...devices].sort((a, b) => rank(a) - rank(b) || b.lastSeen - a.lastSeen);
}

function nameOf(device) {
  return device.name || t("Device {key}", { key: device.key.slice(0, 8) });
}

function card(app, device, reload) {
  const name = nameOf(device);
  const title = h("h3", { class: "grow" }, name);
  const head = h(
    "div",
    { class: "row" },
    icon("device"),
    title,
    device.isThis ? h("span", { class: "tag" }, t("This one")) : null,
    device.isHub ? h("span", { class: "tag" }, t("Hub")) : null,
    device.isRevoked
      ? h("span", { class: "tag bad" }, t("Revoked"))
      : device.isConnected && !device.isThis
        ? h("span", { class: "tag good" }, t("Connected"))
        : null,
    device.isRevoked ? null : iconButton("edit", t("Rename {name}", { name }), () => rename(app, device, head, reload)),
    device.isThis || device.isRevoked
      ? null
      : h(
          "button",
          {
            type: "button",
            class: "button small danger",
            "aria-label": t("Revoke {name}", { name }),
            on: { click: () => revoke(app, device, reload) },
          },
          t("Revoke"),
        ),
  );
  const seen = device.isConnected ? t("Here now") : t("Last seen {ago}", { ago: agoText(device.lastSeen) });
  const facts = [seen, t("First seen {date}", { date: dateText(device.firstSeen) })];
  if (!device.isRevoked && device.expires < Date.now()) {
    facts.push(t("Run out"));
  }
  return h(
    "li",
    { class: device.isRevoked ? "card off" : "card" },
    head,
    h("p", { class: "meta" }, facts.join(" · ")),
    device.isRevoked || device.isHub ? null : h("p", { class: "meta" }, untilText(device)),
  );
}

/** Until when it may speak for me, and until when what is encrypted is sealed to it. */
function untilText({ expires, sealedUntil }) {
  const may = expires < Date.now()
    ? t("It has to log in again") : t("Its access is renewed by itself, next before {date}", { date: dateText(expires) });
  const reads = sealedUntil > Date.now()
    ? t("Reads what is encrypted until {date}, and longer when it comes back before.", { date: dateText(sealedUntil) })
    : t("Nothing new that is encrypted is sealed to it until it comes back.");
  return `${may} · ${reads}`;
}

function rename(app, device, head, reload) {
  const input = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "text",
      value: nameOf(device),
      maxlength: MAX_NAME_CHARS,
      required: true,
      "aria-label": t("Name of the device"),
      autocomplete: "off",
    })
  );
  const error = h("p", { class: "error", role: "alert" });
  const cancel = () => {
    form.replaceWith(head);
    /** @type {HTMLElement} */ (head.querySelector(".icon-button")).focus();
  };
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      await app.client.call("devices.rename", { key: device.key, name: input.value.trim() });
      announce(t("Renamed"));
      await reload();
    } catch (failure) {
      error.textContent = reason(failure);
    }
  };
  const form = h(
    "form",
    {
      class: "row wrap",
      on: {
        submit: save,
        keydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key === "Escape") {
            event.preventDefault();
            cancel();
          }
        },
      },
    },
    h("span", { class: "grow" }, input),
    h("button", { type: "submit", class: "button" }, t("Save")),
    h("button", { type: "button", class: "button quiet", on: { click: cancel } }, t("Cancel")),
    error,
  );
  head.replaceWith(form);
  input.select();
}

async function revoke(app, device, reload) {
  const name = nameOf(device);
  const sure = await confirmDialog(
    { title: t("Revoke {name}?", { name }), verb: t("Revoke") },
    h(
      "p",
      null,
      t("It is disconnected at once and may no longer read or write as you. This cannot be taken back; what it wrote "
        + "before stays."),
    ),
  );
  if (!sure) {
    return;
  }
  try {
    await app.client.call("devices.revoke", { key: device.key });
    announce(t("{name} is revoked", { name }));
    await reload();
  } catch (failure) {
    announce(reason(failure));
  }
}
