/**
 * Files in a message: pictures, which are fetched when they come into view, and others with a button that saves them.
 *
 * What is shown is always an <img> of bytes that are a picture by their first bytes; nothing else that others sent is
 * ever opened in the page. Not here: fetching and opening (the engine), choosing (attach.js).
 */

import { t } from "../words/words.js";
import { announce } from "./announcer.js";
import { openDialog } from "./dialog.js";
import { h, icon } from "./dom.js";
import { sizeText } from "./filesize.js";
import { pictureType, pictureTypeOf } from "./preview.js";
import { reason } from "./words.js";

const MOST_PX = [360, 280];
const LEAST_PX = 48;
/** Larger pictures wait for a click. */
const MAX_UNASKED_BYTES = 8 * 1024 * 1024;
const MAX_URLS = 80;
const CHECK_MS = 10_000;

/** @type {Map<string, {url: string, until: number}>} pictures that have been opened, the last used last */
const urls = new Map();

/** How large a picture stands in the log. @param {any} file @returns {[number, number] | null} px */
export function shownSize({ width, height, thumb }) {
  if (!width || !height || thumb === null) {
    return null;
  }
  const scale = Math.min(1, MOST_PX[0] / width, MOST_PX[1] / height);
  return [Math.max(LEAST_PX, Math.round(width * scale)), Math.max(LEAST_PX, Math.round(height * scale))];
}

/** A guess at how much a message's files add to its height. @param {any} item @returns {number} px */
export function filesHeight(item) {
  return (item.files ?? []).reduce((sum, file) => sum + (shownSize(file)?.[1] ?? 52) + 6, 0);
}

/** The files of a message, or null. @param {any} item @param {any} state */
export function filesOf(item, state) {
  if (!item.files?.length) {
    return null;
  }
  return h("div", { class: "files" }, item.files.map((file) => (shownSize(file) ? picture(file) : other(file, state))));
}

function picture(file) {
  const [width, height] = shownSize(file) ?? [0, 0];
  const image = /** @type {HTMLImageElement} */ (h("img", { width, height, alt: "", class: "thumb", decoding: "async" }));
  const held = urls.get(file.blob);
  if (held) {
    image.className = "";
    image.src = held.url;
  } else {
    showThumb(image, file.thumb);
  }
  return h("button", { type: "button", class: "file-picture", "data-act": "picture", "data-blob": file.blob,
    tabindex: "-1", "aria-label": t("Picture {name}, {size}", { name: file.name, size: sizeText(file.size) }), title: file.name }, image, meter());
}

function showThumb(image, thumb) {
  const type = pictureType(thumb);
  if (type) {
    const url = URL.createObjectURL(new Blob([thumb], { type }));
    const done = () => URL.revokeObjectURL(url);
    image.addEventListener("load", done, { once: true });
    image.addEventListener("error", done, { once: true });
    image.src = url;
  }
}

function other(file) {
  return h("button", { type: "button", class: "file-other", "data-act": "save", "data-blob": file.blob, tabindex: "-1",
    "aria-label": t("Save {name}, {size}", { name: file.name, size: sizeText(file.size) }), title: t("Save {name}", { name: file.name }) },
  icon("file"), h("span", { class: "file-words" }, h("bdi", null, file.name),
    h("span", { class: "meta" }, sizeText(file.size))), icon("save"), meter());
}

function meter() {
  return h("progress", { max: "1", hidden: true, "aria-label": t("On its way") });
}

/** How far the files that are shown have come. @param {Element} root @param {any} state */
export function showProgress(root, state) {
  for (const element of root.querySelectorAll("[data-blob]")) {
    const bar = element.querySelector("progress");
    const found = state.files[/** @type {HTMLElement} */ (element).dataset.blob ?? ""];
    if (bar) {
      bar.hidden = found === undefined;
      bar.value = found ? found.done / Math.max(1, found.size) : 0;
    }
  }
}

/** Fetch the pictures in a row that has come into view. @param {Element} row @param {any} item @param {any} client */
export async function showPictures(row, item, client) {
  showProgress(row, client.state);
  for (const file of item.files ?? []) {
    if (!shownSize(file) || file.size > MAX_UNASKED_BYTES || urls.has(file.blob)) {
      continue;
    }
    try {
      const url = await pictureUrl(client, item, file);
      const image = row.querySelector(`[data-blob="${file.blob}"] img`);
      if (url && image instanceof HTMLImageElement) {
        image.src = url;
        image.className = "";
      }
    } catch {
      // its preview stays; a click says why
    }
  }
}

async function open(client, item, file) {
  return client.call("file.open", { conversation: item.conversation, id: item.id, blob: file.blob });
}

/** The address of a picture's bytes in this page; "" where they are none. */
async function pictureUrl(client, item, file) {
  const held = urls.get(file.blob);
  if (held) {
    urls.delete(file.blob);
    urls.set(file.blob, held);
    return held.url;
  }
  const found = await open(client, item, file);
  const type = await pictureTypeOf(found);
  if (type === "") {
    return "";
  }
  const until = item.burnAt ? item.burnAt - client.state.clock.offsetMs : Infinity;
  const url = URL.createObjectURL(new Blob([found], { type }));
  urls.set(file.blob, { url, until });
  for (const blob of [...urls.keys()].slice(0, Math.max(0, urls.size - MAX_URLS))) {
    forget(blob);
  }
  return url;
}

function forget(blob) {
  URL.revokeObjectURL(urls.get(blob)?.url ?? "");
  urls.delete(blob);
}

setInterval(() => {
  for (const [blob, { until }] of urls) {
    if (until <= Date.now()) {
      forget(blob);
    }
  }
}, CHECK_MS);

/** Save a file of a message where the browser puts what is downloaded. */
export async function saveFile(client, item, blob) {
  const file = item.files.find((each) => each.blob === blob);
  try {
    const found = await open(client, item, file);
    const url = URL.createObjectURL(new Blob([found], { type: "application/octet-stream" }));
    h("a", { href: url, download: file.name }).click();
    setTimeout(() => URL.revokeObjectURL(url), CHECK_MS);
    announce(t("{name} saved", { name: file.name }));
  } catch (error) {
    const { body } = openDialog({ title: t("Not saved"), narrow: true });
    body.append(h("p", { class: "note warn" }, icon("warn"), reason(error)));
  }
}

/** Show a picture as large as there is room. */
export async function openPicture(client, item, blob) {
  const file = item.files.find((each) => each.blob === blob);
  const image = /** @type {HTMLImageElement} */ (h("img", { alt: file.name, width: file.width, height: file.height }));
  const bar = h("p", { class: "meta" }, t("Fetching it"));
  const { body, setFooter } = openDialog({ title: file.name, class: "picture-dialog" }, image, bar);
  setFooter(h("button", { type: "button", class: "button", on: { click: () => saveFile(client, item, blob) } },
    icon("save"), t("Save")));
  showThumb(image, file.thumb);
  try {
    const url = await pictureUrl(client, item, file);
    if (url === "") {
      bar.textContent = t("This is no picture that can be shown; it can be saved.");
      return;
    }
    image.src = url;
    bar.remove();
  } catch (error) {
    body.append(h("p", { class: "note warn" }, icon("warn"), reason(error)));
    bar.remove();
  }
}
