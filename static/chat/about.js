/** About this hub: what it is called, the key by which to know it, and what it can read. */

import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { keyBox } from "./person.js";

/** @param {import("./app.js").App} app */
export function openAbout(app) {
  const { hub } = app.client.state;
  openDialog(
    { title: hub.name },
    h(
      "div",
      { class: "sections" },
      h(
        "section",
        null,
        h(
          "p",
          null,
          "An Accord hub at ",
          h("a", { href: hub.url, rel: "noopener noreferrer" }, hub.url),
          ". People come in by invitation; everyone's account is a key that stays on their own computer.",
        ),
      ),
      keyBox("The hub's key", hub.key, "Compare it with what others see. If it differs, you are not on the same hub."),
      h(
        "section",
        null,
        h("h3", null, "What the hub can read"),
        h(
          "ul",
          { class: "points" },
          h(
            "li",
            null,
            "Open channels and, for now, direct messages too: they are not yet encrypted between " +
              "you and the other person.",
          ),
          h("li", null, "Names, profiles, who is here, and when somebody writes to whom."),
        ),
        h("h3", null, "What it cannot do"),
        h(
          "ul",
          { class: "points" },
          h(
            "li",
            null,
            "Write in your name, or change what you wrote: this browser signs your messages and " +
              "checks those of the others.",
          ),
          h("li", null, "Have your key."),
        ),
      ),
    ),
  );
}
