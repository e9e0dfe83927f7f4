/**
 * What a browser shows whose account is being removed or was removed: what happened, by whom if that is known, until
 * when it may be undone, what is kept, what to do. It comes back by itself when it is undone. Not here: a key that was
 * replaced (stop.js).
 */

import { h } from "./dom.js";
import { frame } from "./pageframe.js";
import { leftText } from "./branch_words.js";

const TICK_MS = 1_000;
const CLOCK = new Intl.DateTimeFormat(undefined, { weekday: "long", hour: "2-digit", minute: "2-digit" });

/** Who did it, as the beginning of a sentence. */
function whoOf({ by }) {
  if (by === "me") {
    return "You have";
  }
  return by ? `${by} has` : "Whoever invited you, somebody above them, or the operator has";
}

/**
 * The account is halted: its removal may still be undone.
 * @param {any} client
 * @param {{facts: {until?: number, by?: string}}} stop
 */
export function frozenPage(client, { facts }) {
  const { until = 0 } = facts;
  const clock = h("strong", { class: "countdown", role: "timer" });
  const click = () => client?.call("link.retry", {});
  const check = h("button", { type: "button", class: "button primary", on: { click } }, "Check now");
  const title = "Your account is being removed";
  const page = frame(
    { title, picture: "person", danger: true, documentTitle: "Stopped: being removed" },
    h("p", { class: "lead" }, `${whoOf(facts)} removed you from this hub, alone or with others. It is not final yet.`),
    until > 0
      ? h("p", null, "It can be undone until ", CLOCK.format(until), ": ", clock)
      : null,
    h("h2", null, "What is kept"),
    h("ul", { class: "points" },
      h("li", null, "In this browser: your key, your drafts, and what waited to be sent."),
      h("li", null, "On the hub: your account with its name, its place and its invites, until the time is over; and "
        + "all that you wrote.")),
    h("h2", null, "What to do"),
    h("p", null, "If it is a mistake, ask whoever invited you, or the operator, by other means than this hub, before "
      + "the time is over. Leave this page open: when the removal is undone, you are back here by yourself."),
    h("p", { class: "row" }, check),
  );
  const show = () => {
    const left = until - Date.now();
    clock.textContent = left > 0 ? `${leftText(left)} left` : "the time is over";
  };
  show();
  const timer = setInterval(show, TICK_MS);
  return { page, close: () => clearInterval(timer) };
}

/**
 * The account is gone.
 * @param {{facts: {by?: string}}} stop
 * @param {Node | null} anew
 */
export function removedPage({ facts }, anew) {
  return frame(
    { title: "Your account here was removed", picture: "person", documentTitle: "Stopped: removed" },
    h("p", { class: "lead" }, `${whoOf(facts)} removed it, and that is final.`),
    h("h2", null, "What is kept"),
    h("ul", { class: "points" },
      h("li", null, "On the hub: what you wrote before. It takes nothing more under this key."),
      h("li", null, "In this browser: your key and your drafts, until you let it forget them. What still waited was "
        + "not sent.")),
    h("h2", null, "What to do"),
    h("p", null, "If you think that this is a mistake, ask whoever invited you. To come back you need a new invite, "
      + "and get a new key."),
    h("p", { class: "row" }, reload()),
    h("div", { class: "folds" }, anew),
  );
}

function reload() {
  const on = { click: () => location.reload() };
  return h("button", { type: "button", class: "button primary", on }, "Check again");
}
