/**
 * What was said in a space before somebody came, given to them by one of its admins (protocol.md section 7,
 * `space.history`): channel by channel, as far back as this browser has keys.
 */

import { t } from "../words/words.js";
import { announce } from "./announcer.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { nameOf } from "./message.js";
import { reason } from "./words.js";

/**
 * @param {import("./app.js").App} app
 * @param {string} space
 * @param {{key: string, role: string}} member who is to read it
 */
export function openGiveHistory(app, space, { key, role }) {
  const name = nameOf(key, app.client.state, t("this person"));
  const channels = app.client.state.spaces[space].channels
    .filter((/** @type {any} */ each) => !each.isClosed && (!each.isPrivate || role === "admin"));
  const gone = new AbortController();
  const bar = /** @type {HTMLProgressElement} */ (
    h("progress", { max: Math.max(1, channels.length), value: 0, hidden: true, "aria-label": t("Channels done") })
  );
  const status = h("p", { class: "meta", role: "status" });
  const error = h("p", { class: "error", role: "alert" });
  const button = /** @type {HTMLButtonElement} */ (
    h("button", { type: "button", class: "button primary", on: { click: () => give() } }, t("Let them read it"))
  );
  const { close, setFooter } = openDialog(
    { title: t("What was said before {name} came", { name }), narrow: true, onClose: () => gone.abort() },
    h("div", { class: "stack" },
      h("p", null, t("{name} reads only what is said since they came. You can give them the keys of what was said "
        + "before, in every channel that they can open and that is not closed, as far back as this browser can "
        + "read it.", { name })),
      h("p", { class: "note" }, t("This cannot be taken back. What has disappeared stays gone.")),
      bar, status, error));
  const cancel = h("button", { type: "button", class: "button", on: { click: close } }, t("Cancel"));
  setFooter(cancel, button);

  const give = async () => {
    button.disabled = true;
    bar.hidden = false;
    error.textContent = "";
    let given = 0;
    for (const [done, channel] of channels.entries()) {
      status.textContent = t("#{name}, {place} of {count}", { name: channel.name, place: done + 1,
        count: channels.length });
      try {
        given += (await app.client.call("channel.giveHistory", { conversation: channel.id, key })).given;
      } catch (failure) {
        error.textContent = reason(failure);
        status.textContent = "";
        button.disabled = false;
        return;
      }
      if (gone.signal.aborted) {
        return; // what was given until then is given
      }
      bar.value = done + 1;
    }
    const said = given > 0
      ? t("{name} can read what was said before.", { name }) : t("{name} has all that this browser could give.", { name });
    status.textContent = said;
    announce(said);
    cancel.textContent = t("Done");
    button.remove();
    cancel.focus();
  };
}
