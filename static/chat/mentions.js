/** The inbox of mentions: who named me, where and when; a click goes there. */

import { t } from "../words/words.js";
import { openDialog } from "./dialog.js";
import { agoText, avatar, h } from "./dom.js";
import { busyList, fillList } from "./listing.js";
import { titleOf } from "./lists.js";
import { parse, textOf } from "./markup.js";

const SHOWN_CHARS = 200;

/** @param {import("./app.js").App} app */
export function openMentions(app) {
  if (document.querySelector("dialog.mentions")) {
    return;
  }
  const { client } = app;
  const list = h("ul", { class: "mention-list" });
  const status = busyList();
  const more = h("button", { type: "button", class: "button", hidden: true, on: { click: () => load() } }, t("Older"));
  const { close } = openDialog({ title: t("Mentions"), class: "mentions" }, status, list, more);
  let before = null;
  const go = (item) => {
    close();
    app.open(item.conversation, { message: item.id });
  };
  const load = () =>
    fillList(client.call("mentions.list", before === null ? {} : { before }), status, (answer) => {
      list.append(...answer.items.map((item) => entry(client, item, go)));
      before = answer.next;
      more.hidden = before === null;
      if (list.children.length === 0) {
        status.hidden = false;
        status.replaceChildren(
          h(
            "p",
            { class: "dim" },
            t("Nobody has mentioned you yet. When someone writes @{name}, it is listed here.", {
              name: client.state.me?.name ?? t("you"),
            }),
          ),
        );
      }
    });
  load().then(() => {
    /** @type {HTMLElement | null} */ (list.querySelector("button"))?.focus();
  });
  if (client.state.mentionsUnread > 0) {
    client.call("mentions.read", {}).catch(() => {}); // counted anew at the next connection
  }
}

function entry(client, item, go) {
  const person = client.state.people[item.author] ?? { key: item.author, name: item.authorName };
  const place = client.state.conversations[item.conversation];
  const where = place === undefined ? "" : place.kind === "channel" ? `#${place.name}` : titleOf(client, place);
  const isHidden = client.state.marks[item.author] === "blocked";
  const text = item.isDeleted ? "(deleted)" : isHidden ? t("hidden message") : plain(item);
  return h(
    "li",
    null,
    h(
      "button",
      { type: "button", class: "mention-row", on: { click: () => go(item) } },
      avatar(person, { small: true }),
      h(
        "span",
        { class: "grow" },
        h(
          "span",
          { class: "row" },
          h("b", { class: "clip" }, person.displayName || item.authorName),
          h("span", { class: "meta clip grow" }, where),
          h("span", { class: "meta" }, agoText(item.at)),
        ),
        h("span", { class: "mention-text" }, text),
      ),
    ),
  );
}

function plain(item) {
  const { blocks } = parse(item.text.slice(0, 2 * SHOWN_CHARS), { format: item.format });
  const text = blocks.map(wordsOf).join(" ");
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)} …` : text;
}

/** A block of a text as one line. */
function wordsOf(block) {
  if (block.blocks) {
    return block.blocks.map(wordsOf).join(" ");
  }
  return block.items
    ? block.items.map((item) => textOf(item.children)).join(", ")
    : (block.text ?? textOf(block.children));
}
