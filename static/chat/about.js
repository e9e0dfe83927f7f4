/** About this hub: what it is called, the key by which to know it. What it can see has a page of its own (hubsees.js). */

import { openDialog } from "./dialog.js";
import { h, icon } from "./dom.js";
import { openHubSees } from "./hubsees.js";
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
        "button",
        { type: "button", class: "button", on: { click: () => openHubSees(app.client) } },
        icon("eye"),
        "What this hub can see",
      ),
    ),
  );
}
