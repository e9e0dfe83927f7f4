/**
 * What of a conversation is unread: what others wrote after the read position, and what arrived late, dated before that
 * position, but not here when it was taken (its author or a hub on its way was offline). The newest MAX_UNREAD of it.
 *
 * Not here: keeping it (conversations.js).
 */

import { comparePlaces } from "./order.js";

/** More are not told apart. */
export const MAX_UNREAD = 100;
/** What arrives later than this after it was written is history (an import, a first sync) and no news. */
const MAX_LATE_MS = 7 * 24 * 3600 * 1000;

/** @typedef {{at: number, id: string, isLate?: boolean}} Place */

/** A conversation that nothing is known of yet. */
export function emptyRecord(id, kind, other, readAt) {
  return {
    id, kind, with: other, read: { at: readAt, id: "" }, unread: [], mentions: [], cursor: 0, lastAt: 0,
    draft: "", replyTo: "",
  };
}

/** @param {Place} a @param {Place} b */
export function later(a, b) {
  return comparePlaces(a, b) >= 0 ? a : b;
}

/** The places of a list that lie after `read` or are late, each once, the newest MAX_UNREAD. */
export function unreadOf(read, places) {
  const isUnread = (place) => place.isLate || comparePlaces(place, read) > 0;
  const found = new Map(places.filter(isUnread).map((place) => [place.id, place]));
  return [...found.values()].sort(comparePlaces).slice(-MAX_UNREAD);
}

/**
 * Where a message lies that is to be counted as unread; null for others.
 * @param {{read: Place, cursor: number}} record of its conversation
 * @param {{at: number, id: string, author: string, cursor: number}} message
 * @param {{account: import("./account.js").Account, clock: import("./clock.js").Clock,
 *   directory: import("./directory.js").Directory, marks: import("./marks.js").Marks}} parts
 * @returns {Place | null}
 */
export function unreadPlace(record, { at, id, author, cursor }, { account, clock, directory, marks }) {
  if (directory.currentOf(author) === account.key || marks.isSilenced(author)) {
    return null;
  }
  if (comparePlaces({ at, id }, record.read) > 0) {
    return { at, id };
  }
  const isLate = cursor > record.cursor && clock.now() - at < MAX_LATE_MS;
  return isLate ? { at, id, isLate } : null;
}
