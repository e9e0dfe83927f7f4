/**
 * Selecting over several messages: the rows from the selection's beginning to its end stay in the document, and what is
 * copied has who said it and when before each message.
 */

import { authorOf } from "./message.js";
import { dateText, timeText } from "./dom.js";

const MAX_SELECTED_ROWS = 800;

/**
 * The rows that a selection covers.
 * @param {import("./log.js").AccordLog} log
 * @returns {number[]}
 */
export function selectedRows(log) {
  const selection = document.getSelection();
  if (selection === null || selection.isCollapsed || !log.block.contains(selection.anchorNode)) {
    return [];
  }
  const anchor = log.list?.indexOf(selection.anchorNode) ?? -1;
  const focus = log.list?.indexOf(selection.focusNode) ?? -1;
  if (anchor < 0) {
    return [];
  }
  const end = focus < 0 ? anchor : focus;
  const first = Math.min(anchor, end);
  const last = Math.min(Math.max(anchor, end), first + MAX_SELECTED_ROWS);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/**
 * @param {ClipboardEvent} event
 * @param {import("./log.js").AccordLog} log
 */
export function copySelection(event, log) {
  const selection = document.getSelection();
  const rows = selectedRows(log).filter((row) => row > 0);
  if (selection === null || rows.length < 2) {
    return; // within one message the browser's own copy is right
  }
  const range = selection.getRangeAt(0);
  const parts = [];
  for (const [place, row] of rows.entries()) {
    const item = log.items[row - 1];
    const text = log.article(item.id)?.querySelector(".text");
    const isEdge = place === 0 || place === rows.length - 1;
    const said = text && isEdge ? textWithin(range, text) : item.text;
    if (!item.isDeleted && said.trim() !== "") {
      parts.push(`${authorOf(item, log.client.state)}, ${dateText(item.at)} ${timeText(item.at)}\n${said.trim()}`);
    }
  }
  event.clipboardData?.setData("text/plain", parts.join("\n\n"));
  event.preventDefault();
}

function textWithin(range, element) {
  const part = document.createRange();
  part.selectNodeContents(element);
  if (range.compareBoundaryPoints(Range.START_TO_START, part) > 0) {
    part.setStart(range.startContainer, range.startOffset);
  }
  if (range.compareBoundaryPoints(Range.END_TO_END, part) < 0) {
    part.setEnd(range.endContainer, range.endOffset);
  }
  return part.toString();
}
