/**
 * What a browser shows whose account is being removed or was removed: what happened, by whom if that is known, until
 * when it may be undone, what is kept, what to do. It comes back by itself when it is undone. Not here: a key that was
 * replaced (stop.js).
 */

import { clockLocale, rich, t } from "../words/words.js";
import { h } from "./dom.js";
import { frame } from "./pageframe.js";
import { leftText } from "./branch_words.js";

const TICK_MS = 1_000;
const CLOCK = new Intl.DateTimeFormat(clockLocale, { weekday: "long", hour: "2-digit", minute: "2-digit" });

function beginsText({ by }) {
  if (by === "me") {
    return t("You have removed you from this hub, alone or with others. It is not final yet.");
  }
  return by
    ? t("{by} has removed you from this hub, alone or with others. It is not final yet.", { by })
    : t("Whoever invited you, somebody above them, or the operator has removed you from this hub, alone or with others. It "
      + "is not final yet.");
}

function finalText({ by }) {
  if (by === "me") {
    return t("You have removed it, and that is final.");
  }
  return by
    ? t("{by} has removed it, and that is final.", { by })
    : t("Whoever invited you, somebody above them, or the operator has removed it, and that is final.");
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
  const check = h("button", { type: "button", class: "button primary", on: { click } }, t("Check now"));
  const title = t("Your account is being removed");
  const page = frame(
    { title, picture: "person", danger: true, documentTitle: t("Stopped: being removed") },
    h("p", { class: "lead" }, beginsText(facts)),
    until > 0
      ? h("p", null, rich("It can be undone until {moment}: {clock}", { moment: CLOCK.format(until), clock }))
      : null,
    h("h2", null, t("What is kept")),
    h("ul", { class: "points" },
      h("li", null, t("In this browser: your key, your drafts, and what waited to be sent.")),
      h("li", null, t("On the hub: your account with its name, its place and its invites, until the time is over; "
        + "and all that you wrote."))),
    h("h2", null, t("What to do")),
    h("p", null, t("If it is a mistake, ask whoever invited you, or the operator, by other means than this hub, "
      + "before the time is over. Leave this page open: when the removal is undone, you are back here by yourself.")),
    h("p", { class: "row" }, check),
  );
  const show = () => {
    const left = until - Date.now();
    clock.textContent = left > 0 ? t("{left} left", { left: leftText(left) }) : t("the time is over");
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
    { title: t("Your account here was removed"), picture: "person", documentTitle: t("Stopped: removed") },
    h("p", { class: "lead" }, finalText(facts)),
    h("h2", null, t("What is kept")),
    h("ul", { class: "points" },
      h("li", null, t("On the hub: what you wrote before. It takes nothing more under this key.")),
      h("li", null, t("In this browser: your key and your drafts, until you let it forget them. What still waited "
        + "was not sent."))),
    h("h2", null, t("What to do")),
    h("p", null, t("If you think that this is a mistake, ask whoever invited you. To come back you need a new "
      + "invite, and get a new key.")),
    h("p", { class: "row" }, reload()),
    h("div", { class: "folds" }, anew),
  );
}

function reload() {
  const on = { click: () => location.reload() };
  return h("button", { type: "button", class: "button primary", on }, t("Check again"));
}
