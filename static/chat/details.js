/** What stands behind a message: whose key signed it, when, its id, and the signed header as it is. */

import { copyButton } from "./copy.js";
import { openDialog } from "./dialog.js";
import { groups, h, icon } from "./dom.js";
import { authorOf, nameOf } from "./message.js";
import { reason } from "./words.js";

const FULL = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });

/**
 * @param {any} client
 * @param {any} item
 */
export async function openDetails(client, item) {
  const waiting = h("p", { class: "meta" }, "Looking it up");
  const { body } = openDialog({ title: "Message details", class: "details-dialog" }, waiting);
  try {
    const facts = await client.call("message.details", { conversation: item.conversation, id: item.id });
    body.replaceChildren(...contents(client.state, item, facts));
  } catch (error) {
    body.replaceChildren(h("p", { class: "note warn" }, icon("warn"), reason(error)));
  }
}

function contents(state, item, facts) {
  const isImport = item.kind === "import";
  const signer = h("bdi", null, isImport ? `${state.hub.name}'s import` : nameOf(item.author, state, facts.authorName));
  const key = groups(facts.fingerprint ?? facts.author);
  return [
    h("p", { class: "note signed" }, icon("check"), h("span", null, "Signed by ", signer, ", key checked.",
      isImport ? [" It was written elsewhere by “", h("bdi", null, authorOf(item, state)),
        "” and brought here; whether they wrote it, ",
        "this signature cannot say."] : null)),
    h("dl", { class: "facts" },
      fact("Key", h("span", { class: "key" }, key), copyButton(key, "Copy the key")),
      fact("Id", h("span", { class: "key" }, facts.id), copyButton(facts.id, "Copy the id")),
      fact("Sent", FULL.format(facts.createdAt)),
      item.editedAt ? fact("Edited", FULL.format(item.editedAt)) : null,
      item.deletedAt ? fact("Deleted", FULL.format(item.deletedAt)) : null,
      item.burnAt ? fact("Disappears", FULL.format(item.burnAt)) : null,
      fact("Type", h("code", null, facts.type)),
      fact("Size", `${facts.bytes.toLocaleString("en-GB")} bytes`),
      facts.cursor ? fact("Number at the hub", String(facts.cursor)) : null),
    h("details", null, h("summary", null, "Signed header"),
      h("pre", { tabindex: "0" }, h("code", null, JSON.stringify(facts.header, null, 2)))),
  ];
}

function fact(name, value, button = null) {
  return h("div", null, h("dt", null, name), h("dd", null, h("span", { class: "grow" }, value), button));
}
