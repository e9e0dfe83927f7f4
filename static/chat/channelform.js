/** The form of a channel of a space: a new one, or what one is to be from now on. For its admins. */

import { t } from "../words/words.js";
import { lifeField } from "./burning.js";
import { h } from "./dom.js";
import { checkField, openForm, textField } from "./form.js";

const MAX_NAME_CHARS = 80;
const MAX_ABOUT_CHARS = 1_000;

/**
 * @param {import("./app.js").App} app
 * @param {string} space
 * @param {any} [channel] as the space's state has it; without, a new one
 */
export function openChannelForm(app, space, channel) {
  const name = textField(t("Name"), {
    required: true, maxlength: MAX_NAME_CHARS, autocapitalize: "off", value: channel?.name ?? "",
  });
  const about = textField(t("What it is for"), { maxlength: MAX_ABOUT_CHARS, value: channel?.about ?? "" });
  const life = lifeField(channel?.burnMs ?? null);
  const isPrivate = checkField(t("For admins only"), t("Other members neither see nor read it."), channel?.isPrivate);
  const voice = checkField(t("For talking"), t("Marked as a voice channel; calls come with a later version."), channel?.voice);
  const isClosed = checkField(t("Closed"), t("It can be read, but nobody writes there any more."), channel?.isClosed);
  openForm(
    {
      title: channel ? `#${channel.name}` : t("New channel"),
      verb: channel ? t("Save") : t("Make channel"),
      submit: () => app.client.call("space.channel", {
        space,
        channel: channel?.id.slice("chan:".length),
        name: name.input.value,
        about: about.input.value,
        burnMs: life.value(),
        isPrivate: isPrivate.input.checked,
        voice: voice.input.checked,
        isClosed: isClosed.input.checked,
      }),
      then: ({ conversation }) => channel || app.openWhenThere(conversation),
    },
    h("p", { class: "note" }, t("Encrypted: its members can read it, the hub cannot.")),
    name.element, about.element, life.element, isPrivate.element, voice.element,
    channel ? isClosed.element : null,
  );
}
