/** What stands behind a message: whose key signed it, when, its id, and the signed header as it is. */

import { locale, plural, rich, t } from "../words/words.js";
import { copyButton } from "./copy.js";
import { openDialog } from "./dialog.js";
import { groups, h, icon } from "./dom.js";
import { authorOf, nameOf } from "./message.js";
import { reason } from "./words.js";

const FULL = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "long" });

/**
 * @param {any} client
 * @param {any} item
 */
export async function openDetails(client, item) {
  const waiting = h("p", { class: "meta" }, t("Looking it up"));
  const { body } = openDialog({ title: t("Message details"), class: "details-dialog" }, waiting);
  try {
    const facts = await client.call("message.details", { conversation: item.conversation, id: item.id });
    body.replaceChildren(...contents(client.state, item, facts));
  } catch (error) {
    body.replaceChildren(h("p", { class: "note warn" }, icon("warn"), reason(error)));
  }
}

function contents(state, item, facts) {
  const isImport = item.kind === "import";
  const signer = h("bdi", null, isImport
    ? t("{name}'s import", { name: state.hub.name }) : nameOf(item.author, state, facts.authorName));
  const key = groups(facts.fingerprint ?? facts.author);
  return [
    h("p", { class: "note signed" }, icon("check"), h("span", null,
      rich("Signed by {signer}, key checked.", { signer }),
      isImport ? [" ", rich("It was written elsewhere by “{author}” and brought here; whether they wrote it, this signature "
        + "cannot say.", { author: h("bdi", null, authorOf(item, state)) })] : null)),
    h("dl", { class: "facts" },
      fact(t("Key"), h("span", { class: "key" }, key), copyButton(key, t("Copy the key"))),
      fact(t("Id"), h("span", { class: "key" }, facts.id), copyButton(facts.id, t("Copy the id"))),
      fact(t("Sent"), FULL.format(facts.createdAt)),
      item.editedAt ? fact(t("Edited"), FULL.format(item.editedAt)) : null,
      item.deletedAt ? fact(t("Deleted"), FULL.format(item.deletedAt)) : null,
      item.burnAt ? fact(t("Disappears"), FULL.format(item.burnAt)) : null,
      fact(t("Type"), h("code", null, facts.type)),
      fact(t("Size"), plural("{count} byte", "{count} bytes", facts.bytes)),
      facts.cursor ? fact(t("Number at the hub"), String(facts.cursor)) : null),
    h("details", null, h("summary", null, t("Signed header")),
      h("pre", { tabindex: "0" }, h("code", null, JSON.stringify(facts.header, null, 2)))),
  ];
}

function fact(name, value, button = null) {
  return h("div", null, h("dt", null, name), h("dd", null, h("span", { class: "grow" }, value), button));
}
