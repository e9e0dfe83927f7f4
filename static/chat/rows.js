/**
 * What the place of an item in its timeline says about its row: whether a day begins, whether "New" stands above it,
 * whether it has a head of its own; and a guess at the row's height before it has been seen.
 */

import { filesHeight } from "./filebox.js";

const GROUP_MS = 5 * 60_000;
const LINE_PX = 22;
const CHAR_PX = 7.4;
const SIDE_PX = 88;
const MAX_TEXT_PX = 760;
const MAX_GUESSED_LINES = 32;

/**
 * @typedef {object} Place
 * @property {boolean} day the first of a day
 * @property {boolean} isNew the first that was unread when the conversation was opened
 * @property {boolean} head with picture, name and time
 * @property {boolean} origin the first of a day, or of a run, that was brought here from elsewhere
 */

/**
 * @param {any[]} items
 * @param {number} index
 * @param {string | null} firstUnread
 * @returns {Place}
 */
export function placeOf(items, index, firstUnread) {
  const item = items[index];
  const before = items[index - 1];
  const day = before === undefined || dayOf(before.at) !== dayOf(item.at);
  const isNew = item.id === firstUnread && index > 0;
  const head =
    day || isNew || item.replyTo !== null || before.author !== item.author || before.authorName !== item.authorName
    || before.kind !== item.kind || item.at - before.at > GROUP_MS;
  const origin = item.kind === "import" && (day || before.kind !== "import");
  return { day, isNew, head, origin };
}

function dayOf(ms) {
  const date = new Date(ms);
  return (date.getFullYear() * 12 + date.getMonth()) * 32 + date.getDate();
}

/**
 * A guess at a row's height in px; right for most short messages.
 * @param {any} item
 * @param {Place} place
 * @param {number} width of the row, in px
 */
export function guessHeight(item, place, width) {
  const perLine = Math.max(16, Math.floor(Math.min(MAX_TEXT_PX, (width || 800) - SIDE_PX) / CHAR_PX));
  const breaks = item.format === "markdown" || item.text.length < 4000 ? count(item.text, "\n") : MAX_GUESSED_LINES;
  const lines = item.isDeleted ? 1 : Math.min(MAX_GUESSED_LINES, Math.ceil((item.text.length || 1) / perLine) + breaks);
  const lead = (place.day ? 40 : 0) + (place.isNew ? 32 : 0) + (place.head ? 34 : 0) + (item.replyTo ? 20 : 0);
  const tail = (item.reactions.length > 0 ? 32 : 0) + (item.answers ? 24 : 0)
    + (["failed", "waiting"].includes(item.state) ? 26 : 0) + (item.burnAt ? 18 : 0);
  const words = item.text === "" && item.files?.length ? 0 : lines * LINE_PX;
  return 4 + lead + words + filesHeight(item) + tail;
}

function count(text, char) {
  let found = 0;
  for (let at = text.indexOf(char); at >= 0 && found < MAX_GUESSED_LINES; at = text.indexOf(char, at + 1)) {
    found += 1;
  }
  return found;
}
