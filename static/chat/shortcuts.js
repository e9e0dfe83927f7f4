/** The list of all keys. */

import { t } from "../words/words.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { KEY_MAP } from "./keys.js";

const IS_MAC = /Mac|iPhone|iPad/.test(navigator.platform);

/** Show it. */
export function openShortcuts() {
  const name = (key) => (IS_MAC && key === "Ctrl" ? "⌘" : IS_MAC && key === "Alt" ? "⌥" : key);
  const { body } = openDialog(
    { title: t("Keyboard shortcuts") },
    KEY_MAP.map(([title, rows]) =>
      h(
        "table",
        { class: "keys" },
        h("caption", null, title),
        h(
          "tbody",
          null,
          rows.map(([keys, what]) =>
            h(
              "tr",
              null,
              h("th", { scope: "row" }, what),
              h(
                "td",
                null,
                keys.map((key) => h("kbd", null, name(key))),
              ),
            ),
          ),
        ),
      ),
    ),
  );
  body.tabIndex = 0; // so that the arrow keys scroll it
}
