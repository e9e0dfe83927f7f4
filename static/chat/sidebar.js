/**
 * The list on the left: the hub's name, channels and direct conversations with what is unread, and me. One row a
 * conversation, kept while it exists, so that focus and scroll position stay.
 */

import { plural, t } from "../words/words.js";
import { avatar, h, icon, iconButton } from "./dom.js";
import { openAbout } from "./about.js";
import { openInvites } from "./invites.js";
import { openChannelForm } from "./channelform.js";
import { MORE, channelIcon, countText, listed, titleOf } from "./lists.js";
import { meStrip } from "./me.js";
import { openMentions } from "./mentions.js";
import { openNewChannel } from "./newchannel.js";
import { openPalette } from "./palette.js";
import { openSpaceInvite } from "./spaceinvite.js";
import { openSpace } from "./spacepage.js";

export class Sidebar {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.client = app.client;
    /** @type {Map<string, {element: HTMLElement, button: HTMLElement, face: string}>} */
    this.rows = new Map();
    /** @type {string | null} */
    this.selected = null;
    /** @type {string | null} the space whose channels are listed; null: what lies in none */
    this.space = null;
    this.me = meStrip(app);
    this.#build(app);
    this.update({
      hub: true,
      me: true,
      conversations: Object.keys(this.client.state.conversations),
      mentionsUnread: true,
    });
  }

  #build(app) {
    this.hubName = h("span", { class: "grow clip" });
    this.about = h(
      "button",
      { type: "button", class: "side-hub row grow",
        on: { click: () => (this.space === null ? openAbout(app) : openSpace(app, this.space)) } },
      this.hubName,
      icon("chevron"),
    );
    this.mentionsCount = h("span", { class: "side-count" });
    this.channels = h("ul", null);
    this.directs = h("ul", null);
    this.addChannel = iconButton("plus", t("New channel"), () =>
      this.space === null ? openNewChannel(app) : openChannelForm(app, this.space));
    this.invite = iconButton("invite", t("Invite someone"), () =>
      this.space === null ? openInvites(app) : openSpaceInvite(app, this.space));
    this.nav = h(
      "nav",
      { "aria-label": t("Conversations"), on: { keydown: (event) => this.#move(event) } },
      h(
        "button",
        { type: "button", class: "side-row", on: { click: () => openPalette(app) } },
        icon("search"),
        h("span", { class: "grow" }, t("Go to …")),
        h("kbd", { "aria-hidden": "true" }, t("Ctrl K")),
      ),
      h(
        "button",
        { type: "button", class: "side-row", on: { click: () => openMentions(app) } },
        icon("at"),
        h("span", { class: "grow" }, t("Mentions")),
        this.mentionsCount,
      ),
      h("div", { class: "side-head row" }, h("h2", { class: "grow" }, t("Channels")), this.addChannel),
      this.channels,
      h(
        "div",
        { class: "side-head row" },
        h("h2", { class: "grow" }, t("Direct")),
        iconButton("plus", t("Message someone"), () => openPalette(app, { only: "people" })),
      ),
      this.directs,
    );
    this.requests = h("ul", { "aria-label": t("Requests") });
    this.requestsHead = h("div", { class: "side-head row" }, h("h2", { class: "grow" }, t("Requests")));
    this.nav.append(this.requestsHead, this.requests);
    this.feeds = h("ul", null);
    this.feedsHead = h("div", { class: "side-head row" }, h("h2", { class: "grow" }, t("Following")));
    this.nav.append(this.feedsHead, this.feeds);
    this.noDirects = h("li", { class: "side-hint meta" }, t("Nobody yet. Press + to write to one person."));
    this.element = h(
      "section",
      { class: "side", "aria-label": t("List") },
      h(
        "header",
        null,
        h("h1", { class: "row grow" }, this.about),
        this.invite,
      ),
      this.nav,
      this.me.element,
    );
  }

  /** @param {any} detail what changed */
  update(detail) {
    const { state } = this.client;
    if (detail.hub || detail.me || detail.spaces) {
      this.#head();
    }
    if ("mentionsUnread" in detail) {
      this.mentionsCount.replaceChildren(...counted(state.mentionsUnread, true, unreadText(state.mentionsUnread)));
    }
    if (detail.conversations || detail.people || detail.marks || detail.spaces || detail.connections) {
      this.#rows();
    }
    this.me.update(detail);
  }

  /** List the channels of a space, or of none. @param {string | null} id */
  show(id) {
    this.space = id;
    this.#head();
    this.#rows();
  }

  #head() {
    const { state } = this.client;
    const space = state.spaces[this.space ?? ""];
    this.hubName.textContent = space?.name ?? state.hub?.name ?? "";
    this.about.title = space ? t("Channels and members") : t("About this hub");
    this.addChannel.hidden = space ? space.role !== "admin" : !state.me?.isAdmin;
    this.invite.hidden = space !== undefined && space.role !== "admin";
  }

  /** What is listed just now: direct conversations always, channels of the chosen space, else also whom one follows. */
  #isListed(conversation) {
    return conversation.kind === "direct" || (conversation.space ?? null) === this.space;
  }

  /** @param {string | null} id the conversation that is open */
  select(id) {
    this.selected = id;
    for (const [each, row] of this.rows) {
      row.button.toggleAttribute("aria-current", false);
      if (each === id) {
        row.button.setAttribute("aria-current", "page");
        row.button.scrollIntoView({ block: "nearest" });
      }
    }
  }

  focus() {
    const button = this.nav.querySelector("[aria-current]") ?? this.rows.get(this.app.current ?? "")?.button;
    /** @type {HTMLElement | null} */ (button ?? this.nav.querySelector("button"))?.focus();
  }

  #rows() {
    const order = listed(this.client).filter((each) => this.#isListed(each));
    const shown = new Set(order.map((each) => each.id));
    for (const [id, row] of this.rows) {
      if (!shown.has(id)) {
        row.element.remove();
        this.rows.delete(id);
      }
    }
    const places = { channel: 0, direct: 0, request: 0, feed: 0 };
    const lists = { channel: this.channels, direct: this.directs, request: this.requests, feed: this.feeds };
    for (const conversation of order) {
      const kind = conversation.isRequest ? "request" : conversation.kind;
      const list = lists[kind];
      const { element } = this.#row(conversation);
      const at = list.children[places[kind]];
      if (at !== element) {
        move(list, element, at ?? null);
      }
      places[kind] += 1;
    }
    this.feedsHead.hidden = places.feed === 0;
    this.requestsHead.hidden = places.request === 0;
    if (places.direct === 0) {
      this.directs.append(this.noDirects);
    } else {
      this.noDirects.remove();
    }
  }

  #row(conversation) {
    const { id } = conversation;
    let row = this.rows.get(id);
    if (row === undefined) {
      const button = h("button", { type: "button", class: "side-row", on: { click: () => this.app.open(id) } });
      if (id === this.selected) {
        button.setAttribute("aria-current", "page");
      }
      row = { element: h("li", null, button), button, face: "" };
      this.rows.set(id, row);
    }
    const key = conversation.with ?? conversation.author;
    const person = this.client.state.people[key];
    const title = titleOf(this.client, conversation);
    const hasDraft = conversation.draft !== "";
    const { unread, mentions } = conversation;
    const picked = channelIcon(this.client, conversation);
    const isAsking = this.client.state.connections[conversation.with]?.state === "asking";
    const face = JSON.stringify([title, person?.presence, person?.name, unread, mentions, hasDraft, picked, isAsking]);
    if (row.face !== face) {
      row.face = face;
      const isLoud = conversation.kind === "direct" || mentions > 0;
      const picture = key
        ? avatar(person ?? { key, name: title }, { small: true, presence: conversation.kind === "direct" })
        : icon(picked);
      row.button.classList.toggle("unread", unread > 0 || mentions > 0);
      row.button.replaceChildren(
        picture,
        h("span", { class: "grow clip" }, title),
        ...(isAsking ? [h("span", { class: "tag" }, t("asks"))] : []),
        ...(hasDraft ? [draftMark()] : []),
        ...(mentions > 0 && conversation.kind === "channel"
          ? counted(mentions, true, mentionsText(mentions))
          : counted(unread, isLoud, unreadText(unread))),
      );
    }
    return row;
  }

  #move(event) {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0 || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    const buttons = [...this.nav.querySelectorAll(".side-row")];
    const next = buttons[buttons.indexOf(document.activeElement) + step];
    if (next instanceof HTMLElement) {
      event.preventDefault();
      next.focus();
    }
  }
}

function unreadText(count) {
  return count >= MORE ? t("more than 99 unread") : t("{count} unread", { count });
}

function mentionsText(count) {
  return count >= MORE ? t("more than 99 mentions of you") : plural("{count} mention of you", "{count} mentions of you", count);
}

function counted(count, isLoud, what) {
  return count === 0
    ? []
    : [
        h("span", { class: isLoud ? "count" : "count quiet", "aria-hidden": "true" }, countText(count)),
        h("span", { class: "visually-hidden" }, `, ${what}`),
      ];
}

function draftMark() {
  return h(
    "span",
    { class: "side-draft", title: t("Draft") },
    icon("pencil"),
    h("span", { class: "visually-hidden" }, `, ${t("draft")}`),
  );
}

function move(list, element, before) {
  // moveBefore keeps focus where it exists; insertBefore takes it away
  if (element.parentNode === list && "moveBefore" in list) {
    /** @type {any} */ (list).moveBefore(element, before);
  } else {
    list.insertBefore(element, before);
  }
}
