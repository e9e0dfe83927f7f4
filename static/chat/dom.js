/**
 * Small helpers with which the face builds its elements. Nothing here parses markup: text stays text.
 * Not here: what any of the elements mean.
 */

import { clockLocale, locale, t } from "../words/words.js";

const ICONS = new URL("icons.svg", import.meta.url).href;
/** Icons that point the way in which one reads. */
const DIRECTED = new Set(["back", "next", "send", "reply", "leave", "thread"]);
/** Types of inputs in which people write words, which run the way that they are written. */
const WRITTEN = new Set(["text", "search"]);
const SVG = "http://www.w3.org/2000/svg";
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/**
 * An element. Props: `class`, `on: {click: fn}`, `dataset: {}`, booleans and attributes as they are written
 * (true becomes "", null, undefined and false are left out). What people write in runs the way that it is written,
 * unless `dir` says another. Children: nodes, strings, numbers, arrays of them, null.
 * @param {string} tag
 * @param {Record<string, any> | null} [props]
 * @param {...any} children
 * @returns {HTMLElement}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  if (tag === "textarea" || (tag === "input" && WRITTEN.has(props?.type ?? "text"))) {
    element.dir = "auto";
  }
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) {
      continue;
    }
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) {
        element.addEventListener(event, listener);
      }
    } else if (name === "dataset") {
      Object.assign(element.dataset, value);
    } else if (name === "value" && "value" in element && tag !== "li" && tag !== "button") {
      element.value = value;
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  append(element, children);
  return element;
}

/**
 * Add children as `h` does.
 * @param {Node} parent
 * @param {any[]} children
 */
export function append(parent, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) {
      parent.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
    }
  }
}

/**
 * An icon of icons.svg; always beside a text or inside something with a label, so hidden from assistive technology.
 * @param {string} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", DIRECTED.has(name) ? "icon directed" : "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${ICONS}#${name}`);
  svg.append(use);
  return svg;
}

/**
 * A square button with one icon and a label for all who do not see it.
 * @param {string} name
 * @param {string} label
 * @param {(event: Event) => void} click
 * @param {Record<string, any>} [props]
 */
export function iconButton(name, label, click, props = {}) {
  const { class: extra, ...rest } = props;
  const classes = extra ? `icon-button ${extra}` : "icon-button";
  return h(
    "button",
    { type: "button", class: classes, "aria-label": label, title: label, on: { click }, ...rest },
    icon(name),
  );
}

/**
 * A hue for a key: two people of one name differ.
 * @param {string} key
 * @returns {number} degrees
 */
export function hueOf(key) {
  let hash = 2166136261;
  for (const char of key) {
    hash = Math.imul(hash ^ char.codePointAt(0), 16777619);
  }
  return (hash >>> 0) % 360;
}

/**
 * The round picture of a person. With `presence`, a dot says whether they are there (say it in words elsewhere).
 * @param {{key: string, name: string, displayName?: string, presence?: string}} person
 * @param {{small?: boolean, large?: boolean, presence?: boolean}} [options]
 */
export function avatar(person, { small = false, large = false, presence = false } = {}) {
  const size = small ? " small" : large ? " large" : "";
  const element = h(
    "span",
    {
      class: `avatar${size}`,
      "aria-hidden": "true",
      "data-presence": presence ? (person.presence ?? "offline") : null,
    },
    initials(person.displayName || person.name),
  );
  element.style.setProperty("--hue", String(hueOf(person.key)));
  return element;
}

/** Two letters for a name. @param {string} name */
export function initials(name) {
  const words = name.split(/[\s_.\-|]+/u).filter(Boolean);
  const letters =
    words.length > 1 ? first(words[0]) + first(words[1]) : first(name) + first(name.slice(first(name).length));
  return words.length > 1 ? letters.toUpperCase() : letters;
}

function first(text) {
  return [...text][0] ?? "";
}

const TIME = new Intl.DateTimeFormat(clockLocale, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });
const DAY_AND_YEAR = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const DATE = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });
const AGO = new Intl.RelativeTimeFormat(locale);

/** The time of day. @param {number} ms */
export function timeText(ms) {
  return TIME.format(ms);
}

/** The day in words: "Today", "Yesterday", "Monday 15 November", the year where it differs. @param {number} ms */
export function dayText(ms) {
  const day = new Date(ms);
  const now = new Date();
  if (day.toDateString() === now.toDateString()) {
    return t("Today");
  }
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (day.toDateString() === yesterday.toDateString()) {
    return t("Yesterday");
  }
  return (day.getFullYear() === now.getFullYear() ? DAY : DAY_AND_YEAR).format(ms);
}

/** A date, short: "15 Nov 2004". @param {number} ms */
export function dateText(ms) {
  return DATE.format(ms);
}

/** How long ago, or how far ahead, in words: "just now", "5 minutes ago", "in 3 days". @param {number} ms */
export function agoText(ms, now = Date.now()) {
  const ago = now - ms;
  const span = Math.abs(ago);
  if (span < MINUTE_MS) {
    return ago >= 0 ? t("just now") : t("in a moment");
  }
  if (span > 30 * DAY_MS) {
    return ago > 0 ? dateText(ms) : t("on {date}", { date: dateText(ms) });
  }
  const [size, unit] = span < HOUR_MS ? [MINUTE_MS, "minute"] : span < DAY_MS ? [HOUR_MS, "hour"] : [DAY_MS, "day"];
  const count = Math.floor(span / size);
  return AGO.format(ago > 0 ? -count : count, /** @type {Intl.RelativeTimeFormatUnit} */ (unit));
}

/** Text in groups of four, as keys are shown. @param {string} text */
export function groups(text) {
  return text.replace(/\s+/g, "").replace(/.{4}(?=.)/g, "$& ");
}

/** Whether something takes what is typed. */
export function isWriting(target) {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
}
