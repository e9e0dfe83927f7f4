/**
 * The text of a message as a small tree: links, code, mentions, and for the format "markdown" also bold, italic,
 * strikethrough, fenced code, quotes and lists. Time and memory are linear in the text, whatever a stranger writes:
 * every scan moves forwards, and `steps` counts what was looked at. Not here: elements (text.js).
 *
 * A node is a string or one of {type: "code", text}, {type: "link", href, text}, {type: "mention", key, text},
 * {type: "strong" | "em" | "del", children}. A block is {type: "p", children}, {type: "pre", text},
 * {type: "quote", blocks} or {type: "list", items: [{level, mark, children}]}.
 */

import { Inline, MAX_NODES } from "./inline.js";

export { textOf } from "./inline.js";

const MAX_QUOTE_DEPTH = 3;
const MAX_LIST_LEVEL = 2;
const MAX_LANGUAGE_CHARS = 30;

/**
 * @param {string} text
 * @param {{format?: string, mentions?: Map<string, string>}} [options] mentions: key by name (lower case)
 * @returns {{blocks: any[], steps: number, nodes: number}}
 */
export function parse(text, { format = "plain", mentions = new Map() } = {}) {
  const work = { steps: 0, nodes: 0, mentions };
  const blocks = format === "markdown" ? blocksOf(text.split("\n"), 0, work) : [paragraph(text, work, false)];
  return { blocks, steps: work.steps, nodes: work.nodes };
}

function paragraph(text, work, isMarkdown = true) {
  work.nodes += 1;
  return { type: "p", children: new Inline(text, work, isMarkdown).nodes() };
}

function blocksOf(lines, depth, work) {
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    work.steps += line.length + 1;
    if (work.nodes >= MAX_NODES) {
      blocks.push({ type: "p", children: [lines.slice(at).join("\n")] });
      break;
    }
    const from = at;
    if (line.trim() === "") {
      at += 1;
    } else if (isFence(line)) {
      at = fenceEnd(lines, at);
      blocks.push(pre(lines.slice(from + 1, at), lines[at], work));
      at += 1;
    } else if (line.startsWith(">") && depth < MAX_QUOTE_DEPTH) {
      while (at < lines.length && lines[at].startsWith(">")) {
        at += 1;
      }
      const inner = lines.slice(from, at).map((quoted) => quoted.slice(quoted[1] === " " ? 2 : 1));
      work.nodes += 1;
      blocks.push({ type: "quote", blocks: blocksOf(inner, depth + 1, work) });
    } else if (bullet(line) !== null) {
      const items = [];
      while (at < lines.length && isOfList(lines[at]) && work.nodes + items.length < MAX_NODES) {
        addToList(items, lines[at]);
        at += 1;
      }
      blocks.push(list(items, work));
    } else {
      at += 1;
      while (at < lines.length && !endsParagraph(lines[at], depth)) {
        at += 1;
      }
      blocks.push(paragraph(lines.slice(from, at).join("\n"), work));
    }
  }
  return blocks;
}

function endsParagraph(line, depth) {
  return line.trim() === "" || isFence(line) || (line.startsWith(">") && depth < MAX_QUOTE_DEPTH)
    || bullet(line) !== null;
}

function isFence(line) {
  const rest = line.startsWith("```") ? line.slice(3).trim() : null;
  return rest !== null && rest.length <= MAX_LANGUAGE_CHARS && !rest.includes("`") && !rest.includes(" ");
}

/** The line that closes a fence, with or without code before it; without one the rest of the text is code. */
function fenceEnd(lines, open) {
  let at = open + 1;
  while (at < lines.length && !lines[at].trimEnd().endsWith("```")) {
    at += 1;
  }
  return at;
}

function pre(lines, last, work) {
  work.nodes += 1;
  const rest = (last ?? "").trimEnd().slice(0, -3);
  return { type: "pre", text: [...lines, ...(rest === "" ? [] : [rest])].join("\n") };
}

/** The mark of a list's line: {level, mark, from}, or null. "*.rar" and "2005." alone are none. */
function bullet(line) {
  let at = 0;
  while (at < 2 * MAX_LIST_LEVEL && line[at] === " ") {
    at += 1;
  }
  const level = at >> 1;
  if ((line[at] === "-" || line[at] === "*" || line[at] === "+") && line[at + 1] === " ") {
    return { level, mark: "•", from: at + 2 };
  }
  let end = at;
  while (end < at + 4 && line[end] >= "0" && line[end] <= "9") {
    end += 1;
  }
  if (end > at && (line[end] === "." || line[end] === ")") && line[end + 1] === " ") {
    return { level, mark: line.slice(at, end + 1), from: end + 2 };
  }
  return null;
}

function isOfList(line) {
  return bullet(line) !== null || (line.startsWith("  ") && line.trim() !== "");
}

function addToList(items, line) {
  const found = bullet(line);
  if (found !== null) {
    items.push({ level: found.level, mark: found.mark, lines: [line.slice(found.from)] });
  } else {
    items[items.length - 1].lines.push(line.trimStart());
  }
}

function list(items, work) {
  work.nodes += 1;
  return {
    type: "list",
    items: items.map(({ level, mark, lines }) => {
      work.nodes += 1;
      return { level, mark, children: new Inline(lines.join("\n"), work, true).nodes() };
    }),
  };
}
