/**
 * Files that are to go with the message that is being written: chosen, pasted or dropped; each with its preview, until
 * it is sent or taken away. They stay with their conversation while the page is open. Not here: sending (the engine).
 */

import { t } from "../words/words.js";
import { announce } from "./announcer.js";
import { h, icon, iconButton } from "./dom.js";
import { withoutFacts } from "./camera.js";
import { sizeText } from "./filesize.js";
import { lookAt } from "./preview.js";

const MAX_FILES = 16;

/** @typedef {{file: File, name: string, media: string, width?: number, height?: number, thumb?: Uint8Array}} Attached */

export class Attachments {
  element = h("ul", { class: "attachments", "aria-label": t("Files to send"), hidden: true });
  /** @type {Map<string, Attached[]>} by conversation */
  #held = new Map();
  #conversation = "";
  #host;
  #most = Infinity;
  #input = /** @type {HTMLInputElement} */ (h("input", { type: "file", multiple: true, hidden: true, tabindex: "-1",
    "aria-label": t("Files") }));

  /**
   * @param {{client: () => any, changed: () => void, refuse: (sentence: string) => void}} host `changed`: something was
   *   added or taken away; `refuse`: why a file was left out
   */
  constructor(host) {
    this.#host = host;
    this.#input.addEventListener("change", () => {
      this.add([...(this.#input.files ?? [])]);
      this.#input.value = "";
    });
    this.button = iconButton("clip", t("Add files"), () => this.#input.click());
    this.parts = [this.button, this.#input];
  }

  /** @param {string} conversation */
  open(conversation) {
    this.#conversation = conversation;
    this.#show();
  }

  get isEmpty() {
    return this.#files.length === 0;
  }

  get #files() {
    return this.#held.get(this.#conversation) ?? [];
  }

  /** What a paste or a drop brings. @param {DataTransfer | null} transfer @returns {boolean} whether there are files */
  take(transfer) {
    const files = [...(transfer?.files ?? [])];
    this.add(files);
    return files.length > 0;
  }

  /** @param {File[]} files */
  async add(files) {
    const conversation = this.#conversation;
    if (files.length === 0 || conversation === "") {
      return;
    }
    await this.#learnMost();
    for (const file of files) {
      const held = this.#held.get(conversation) ?? [];
      if (file.size > this.#most) {
        this.#host.refuse(t("{name} has {size}: this hub takes files up to {most}.", { name: file.name, size: sizeText(file.size), most: sizeText(this.#most) }));
      } else if (held.length >= MAX_FILES) {
        this.#host.refuse(t("A message has at most {most} files; send the others in another one.", { most: MAX_FILES }));
        break;
      } else {
        const facts = await lookAt(file);
        const attached = { file: await withoutFacts(file, facts.media), name: file.name || "file", ...facts };
        this.#held.set(conversation, [...(this.#held.get(conversation) ?? []), attached]);
        announce(t("{name} added", { name: attached.name }));
      }
    }
    this.#show();
    this.#host.changed();
  }

  /** A file has to be sealed before it is known how much the hub counts: a little is left for that. */
  async #learnMost() {
    try {
      const { most } = await this.#host.client().call("file.limits");
      this.#most = Math.floor((most * 31) / 32 / 1.001);
    } catch {
      this.#most = Infinity; // out of reach: the hub says so when it is asked
    }
  }

  /** All of them, which are then not held any more. @returns {Attached[]} */
  give() {
    const files = this.#files;
    this.#held.delete(this.#conversation);
    this.#show();
    return files;
  }

  /** They were not taken. @param {string} conversation @param {Attached[]} files */
  giveBack(conversation, files) {
    if (files.length > 0) {
      this.#held.set(conversation, [...files, ...(this.#held.get(conversation) ?? [])]);
      this.#show();
    }
  }

  #remove(attached) {
    const files = this.#files;
    const place = files.indexOf(attached);
    this.#held.set(this.#conversation, files.filter((each) => each !== attached));
    this.#show();
    const buttons = this.element.querySelectorAll("button");
    (/** @type {HTMLElement} */ (buttons[Math.min(place, buttons.length - 1)]) ?? this.button).focus();
    announce(t("{name} taken away", { name: attached.name }));
    this.#host.changed();
  }

  #show() {
    this.element.hidden = this.isEmpty;
    this.element.replaceChildren(...this.#files.map((attached) => h("li", { class: "attached" },
      pictureOf(attached),
      h("span", { class: "attached-words" }, h("bdi", { class: "clip-text" }, attached.name),
        h("span", { class: "meta" }, sizeText(attached.file.size))),
      iconButton("close", t("Take away {name}", { name: attached.name }), () => this.#remove(attached)))));
  }
}

function pictureOf({ thumb }) {
  if (!thumb) {
    return h("span", { class: "attached-icon" }, icon("file"));
  }
  const url = URL.createObjectURL(new Blob([thumb]));
  const done = () => URL.revokeObjectURL(url);
  return h("img", { class: "attached-picture", src: url, alt: "", on: { load: done, error: done } });
}
