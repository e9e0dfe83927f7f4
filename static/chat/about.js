/** About this hub: what it is called, the key by which to know it. What it can see has a page of its own (hubsees.js). */

import { rich, t } from "../words/words.js";
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
          rich("An Accord hub at {address}. People come in by invitation; everyone's account is a key that stays on "
            + "their own computer.", { address: h("a", { href: hub.url, rel: "noopener noreferrer" }, hub.url) }),
        ),
      ),
      keyBox(t("The hub's key"), hub.key, t("Compare it with what others see. If it differs, you are not on the same "
        + "hub.")),
      h(
        "button",
        { type: "button", class: "button", on: { click: () => openHubSees(app.client) } },
        icon("eye"),
        t("What this hub can see"),
      ),
    ),
  );
}
