/**
 * My branch: those below me in the invite tree as a picture, what each has left, and the ways to their limits and to
 * their removal. Not here: the picture (branch_picture.js), the limits and the removal themselves (branch_limits.js,
 * branch_remove.js).
 */

import "./branch_picture.js";
import { plural, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { RemovalBand } from "./branch_band.js";
import { openLimits } from "./branch_limits.js";
import { openRemoval } from "./branch_remove.js";
import { numberText, sizeText, usedText } from "./branch_words.js";
import { confirmDialog, openDialog } from "./dialog.js";
import { dateText, h } from "./dom.js";
import { openInvites } from "./invites.js";
import { busyList, fillList } from "./listing.js";
import { openPerson } from "./person.js";
import { reason } from "./words.js";

/** @typedef {import("./branch_model.js").Item} Item */

const STATES = {
  active: t("Member"),
  waiting: t("An invite that nobody has claimed yet"),
  frozen: t("Being removed; that can be undone until its time is over"),
};

function belowText({ below, below_invites: invites }) {
  const left = plural("{count} invite", "{count} invites", invites);
  return below > 0
    ? plural("{count} account, with {left} left", "{count} accounts, with {left} left", below, { left }) : t("nobody yet");
}

/** @param {import("./app.js").App} app */
export function openBranch(app) {
  const page = new BranchPage(app);
  page.open();
}

class BranchPage {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.client = app.client;
    /** @type {import("./branch_picture.js").BranchPicture} */
    this.picture = /** @type {any} */ (document.createElement("accord-branch"));
    this.picture.label = t("My branch");
    this.side = h("aside", { class: "branch-side", "aria-label": t("Chosen account") });
    this.status = busyList();
    this.band = new RemovalBand(app.client, () => this.load());
    this.picture.addEventListener("choose", (event) => this.#choose(/** @type {CustomEvent} */ (event).detail.key));
    this.picture.addEventListener("need", (event) => this.#need(/** @type {CustomEvent} */ (event).detail.key));
  }

  open() {
    const content = h("div", { class: "branch-page" }, this.picture, this.side);
    this.close = openDialog(
      { title: t("My branch"), class: "branch-dialog", onClose: () => this.band.close() },
      this.band.element,
      this.status,
      content,
    ).close;
    this.load();
  }

  /** What the hub says now. */
  load() {
    return fillList(this.client.call("branch.list", {}), this.status, ({ items }) => {
      this.picture.show(this.#titled(items));
      const { chosen } = this.picture;
      this.#choose(chosen || items[0].key);
    });
  }

  /** People as they are called here; invites have no name of their own. */
  #titled(items) {
    const { people, me } = this.client.state;
    return items.map((item) => {
      const title = item.kind === "temp" ? t("invite") : people[item.key]?.displayName || item.name;
      return { ...item, title: item.key === me.key ? t("{name} (you)", { name: title }) : title };
    });
  }

  async #need(key) {
    try {
      this.picture.add(this.#titled((await this.client.call("branch.list", { key })).items));
    } catch (error) {
      announce(reason(error));
    }
  }

  #choose(key) {
    const { item, title } = this.picture.model.nodes.get(key);
    const isMe = item.key === this.client.state.me.key;
    const facts = [
      [t("State"), isMe ? "" : STATES[item.state]],
      [t("Since"), dateText(item.created_at)],
      [t("Invites left"), numberText(item.invites_left)],
      [t("Messages"), usedText(item.messages, item.messages_limit)],
      [t("Stored"), usedText(item.bytes, item.bytes_limit, sizeText)],
      [t("Below"), belowText(item)],
    ];
    this.side.replaceChildren(
      h("h3", null, title),
      h("dl", { class: "branch-facts" }, facts.filter(([, value]) => value).map(([label, value]) =>
        h("div", null, h("dt", null, label), h("dd", null, value)))),
      h("p", { class: "branch-deeds" }, isMe ? this.#mine(item) : this.#deeds(item)),
    );
  }

  #button(word, click, extra = "") {
    return h("button", { type: "button", class: `button ${extra}`.trim(), on: { click } }, word);
  }

  #mine(item) {
    const hint = item.below === 0
      ? h("span", { class: "meta" }, t("Whoever you invite, and whoever they invite, stands below you here. You "
        + "answer for them: you set their limits, and can remove them."))
      : null;
    return [hint, this.#button(t("Invite"), () => this.#leave(() => openInvites(this.app)), "primary")];
  }

  #leave(then) {
    this.close();
    then();
  }

  #deeds(item) {
    if (item.state === "waiting") {
      return [this.#button(t("Withdraw the invite"), () => this.#withdraw(item), "danger")];
    }
    if (item.state === "frozen") {
      return [];
    }
    return [
      this.#button(t("Profile"), () => openPerson(this.app, item.key)),
      this.#button(t("Limits"), () => this.#limit(item)),
      this.#button(t("Remove"), () => this.#remove(item), "danger"),
    ];
  }

  #limit(item) {
    const { root, nodes } = this.picture.model;
    openLimits(this.client, { item, mine: root.item, title: nodes.get(item.key).title }, () => this.load());
  }

  #remove(item) {
    const { model } = this.picture;
    const items = model.branch(item.key).map((node) => node.item);
    openRemoval(this.client, { items, inviter: model.nodes.get(item.key).parent }, () => this.load());
  }

  async #withdraw(item) {
    const isSure = await confirmDialog(
      { title: t("Withdraw this invite?"), verb: t("Withdraw") },
      h("p", null, plural("Its link opens nothing any more. {count} invite comes back to whoever made it.",
        "Its link opens nothing any more. {count} invites come back to whoever made it.", 1 + item.invites_left)),
    );
    if (isSure) {
      try {
        await this.client.call("invites.withdraw", { key: item.key });
        announce(t("The invite is withdrawn"));
      } catch (error) {
        announce(reason(error));
      }
      this.load();
    }
  }
}
