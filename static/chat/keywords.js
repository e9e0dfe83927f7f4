/** Words by which two people compare keys, and the dialog in which they do. */

import { rich, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { openDialog } from "./dialog.js";
import { dateText, h, icon } from "./dom.js";
import { nameOf } from "./message.js";
import { qrPicture } from "./qr.js";
import { reason } from "./words.js";

/** @param {string} title @param {string[]} words */
export function wordsBox(title, words) {
  return h("div", { class: "key-box" },
    h("p", { class: "key-title" }, title),
    h("ol", { class: "key-words", "aria-label": title }, words.map((word) => h("li", null, word))));
}

/**
 * Compare the key of somebody with them: both see the same words, and the same code.
 * @param {any} client
 * @param {string} key
 */
export async function openCompare(client, key) {
  const { state } = client;
  const name = nameOf(key, state, "them");
  const error = h("p", { class: "error", role: "alert" });
  const { body, close, setFooter } = openDialog({ title: t("Compare keys with {name}", { name }), narrow: true },
    h("p", null, t("{name} sees the same words behind \"Compare words\". Read them to each other, in person or on the "
      + "phone.", { name })));
  try {
    const { words, mine } = await client.call("keys.words", { key });
    const pair = [mine, key].sort().join(" ");
    body.append(wordsBox(t("Words of both keys"), words), h("details", null, h("summary", null, t("As a picture")),
      h("p", { class: "meta" }, t("Both screens show the same picture.")), qrPicture(pair, t("Both keys as a QR code"))), error);
  } catch (failure) {
    error.textContent = reason(failure);
    body.append(error);
    return;
  }
  const mark = async (/** @type {boolean} */ isVerified) => {
    try {
      await client.call("keys.mark", { key, isVerified });
      close();
      announce(isVerified ? t("{name}'s key is checked", { name }) : t("{name}'s key is no longer marked as checked", { name }));
    } catch (failure) {
      error.textContent = reason(failure);
    }
  };
  const isVerified = state.people[key]?.isVerified === true;
  setFooter(
    isVerified
      ? h("button", { type: "button", class: "button", on: { click: () => mark(false) } }, t("No longer sure"))
      : h("button", { type: "button", class: "button", on: { click: close } }, t("Not now")),
    h("button", { type: "button", class: "button primary", on: { click: () => mark(true) } }, icon("check"),
      t("The words are the same")));
}

/**
 * What the card of a person says of their key, and what can be done about it.
 * @param {any} client
 * @param {any} person
 * @param {(then: () => void) => () => void} leave closes the card, then does something
 */
export function keySection(client, person, leave) {
  const says = person.isVerified ? t("You have compared this key with them.") : t("Not compared with them yet.");
  return h("div", { class: "row key-standing" },
    h("span", { class: person.isVerified ? "tag good" : "tag" }, person.isVerified ? t("Checked") : t("Not checked")),
    h("span", { class: "meta grow" }, says),
    h("button", { type: "button", class: "button small", on: { click: leave(() => openCompare(client, person.key)) } },
      t("Compare")));
}

/** What is proved of a change of keys, and by whom; `isDoubtful`: nobody has signed for it. */
function proofOf({ way, by, signedAt }) {
  const date = dateText(signedAt);
  const names = by.map(({ name, isVerified }) => (isVerified ? t("{name} (key checked)", { name }) : name));
  switch (way) {
    case "key":
      return { text: t("The old key itself signed for the new one ({date}).", { date }), isDoubtful: false };
    case "recovery":
      return { text: t("It was signed with the recovery code that the old key had named ({date}).", { date }),
        isDoubtful: false };
    case "chain":
      return { text: t("These vouched for it: {names} ({date}).", { names: names.join(", "), date }), isDoubtful: false };
    case "hub":
      return { text: t("This hub signed that its admin has the new key ({date}): whoever runs it decides that.", { date }),
        isDoubtful: true };
    default:
      return { text: t("Only this hub says so: nobody has signed for it."), isDoubtful: true };
  }
}

function proofs({ keyChanges }) {
  const found = keyChanges.map(proofOf);
  return h("ul", { class: "key-proofs", "aria-label": t("What is proved") }, found.map(({ text, isDoubtful }) =>
    h("li", { class: isDoubtful ? "doubtful" : "" }, icon(isDoubtful ? "warn" : "check"), h("span", null, text))));
}

/**
 * The stop in a conversation whose other side has a new key: nothing is sent until one has looked, and whoever is
 * followed is not followed under the new key before.
 * @param {any} client
 * @param {any} conversation
 */
export function keyStop(client, conversation) {
  const key = conversation.keyChanged;
  const isFeed = conversation.kind === "feed";
  const name = nameOf(key, client.state, conversation.name);
  const error = h("p", { class: "error", role: "alert" });
  const goOn = async () => {
    try {
      await client.call("keys.mark", { key, isVerified: false });
    } catch (failure) {
      error.textContent = reason(failure);
    }
  };
  return h("section", { class: "key-stop", "aria-label": t("Key changed") },
    h("h2", null, icon("warn"), t("Key changed")),
    h("p", null, rich("{name} has a new key on this hub. It may be that they lost their old one; it may be that somebody "
      + "else speaks for them now.", { name: h("bdi", null, name) }), " ",
    isFeed ? t("What the new key posts is shown here once you have decided.")
      : t("Nothing is sent until you have decided.")),
    proofs(conversation), error,
    h("div", { class: "row" },
      h("button", { type: "button", class: "button primary", on: { click: () => openCompare(client, key) } },
        icon("key"), t("Compare keys")),
      h("button", { type: "button", class: "button", on: { click: goOn } }, t("Go on without comparing"))));
}
