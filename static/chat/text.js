/**
 * A message's text as elements, built node by node from the tree of markup.js; nothing is ever parsed as HTML. Long
 * texts are folded before they are read, so that a hostile one costs no more than a screen of text.
 */

import { t } from "../words/words.js";
import { h } from "./dom.js";
import { parse, textOf } from "./markup.js";

const FOLD_LINES = 40;
const FOLDED_LINES = 30;
const FOLD_CHARS = 4000;
const FOLDED_CHARS = 3000;

/**
 * @param {any} item
 * @param {{people: Record<string, any>, me: any}} state of the client
 * @param {{isWhole?: boolean}} [options] isWhole: do not fold
 * @returns {{element: HTMLElement, folded: string | null}} folded: what the button that unfolds it says
 */
export function renderText(item, { people, me }, { isWhole = false } = {}) {
  const cut = isWhole ? item.text.length : foldAt(item.text);
  const element = h("div", { class: "text", dir: "auto" });
  const { blocks } = parse(item.text.slice(0, cut), { format: item.format, mentions: namesOf(item.mentions, people) });
  for (const block of blocks) {
    element.append(blockElement(block, { people, myKey: me?.key }));
  }
  const isFolded = cut < item.text.length;
  return { element, folded: isFolded ? t("Show all ({count} characters)", { count: item.text.length }) : null };
}

/** A text on one line, without its marks: for quotes. @param {string} text @param {number} most characters */
export function oneLine(text, most) {
  const { blocks } = parse(text.slice(0, most), { format: "markdown" });
  return blocks.map(blockText).join(" ").replace(/\s+/gu, " ");
}

function blockText(block) {
  switch (block.type) {
    case "pre":
      return block.text;
    case "quote":
      return block.blocks.map(blockText).join(" ");
    case "list":
      return block.items.map(({ mark, children }) => `${mark} ${textOf(children)}`).join(" ");
    default:
      return textOf(block.children);
  }
}

/** The names by which a text can mention these people. */
export function namesOf(keys, people) {
  const names = new Map();
  for (const key of keys) {
    if (people[key] !== undefined) {
      names.set(people[key].name.toLowerCase(), key);
    }
  }
  return names;
}

/** Where a text is cut: at a line's end, or its length if it is short enough. */
function foldAt(text) {
  let at = -1;
  let folded = -1;
  for (let lines = 1; lines <= FOLD_LINES; lines += 1) {
    at = text.indexOf("\n", at + 1);
    if (at < 0 || at > FOLD_CHARS) {
      if (text.length <= FOLD_CHARS) {
        return text.length;
      }
      return folded > 0 && folded <= FOLDED_CHARS ? folded : whole(text, FOLDED_CHARS);
    }
    if (lines <= FOLDED_LINES && at <= FOLDED_CHARS) {
      folded = at;
    }
  }
  return folded > 0 ? folded : whole(text, FOLDED_CHARS);
}

/** Not between the two halves of one character. */
function whole(text, at) {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff ? at - 1 : at;
}

function blockElement(block, context) {
  switch (block.type) {
    case "pre":
      return h("pre", null, h("code", { dir: "ltr" }, block.text));
    case "quote":
      return h("blockquote", { dir: "auto" }, block.blocks.map((inner) => blockElement(inner, context)));
    case "list":
      return h("ul", { role: "list" }, block.items.map(({ level, mark, children }) =>
        h("li", { class: `level-${level}`, dir: "auto" }, h("span", { class: "bullet" }, mark),
          h("span", null, children.map((node) => nodeElement(node, context))))));
    default:
      return h("p", { dir: "auto" }, block.children.map((node) => nodeElement(node, context)));
  }
}

function nodeElement(node, context) {
  if (typeof node === "string") {
    return node;
  }
  switch (node.type) {
    case "code":
      return h("code", { dir: "auto" }, node.text);
    case "link":
      return linkElement(node);
    case "mention": {
      const person = context.people[node.key];
      const isMe = node.key === context.myKey;
      return h("bdi", { class: isMe ? "mention me" : "mention", "data-act": "person", "data-key": node.key,
        title: person?.displayName ?? null }, node.text);
    }
    default:
      return h(node.type, null, node.children.map((child) => nodeElement(child, context)));
  }
}

/** A link whose words look like another address shows its real one. */
function linkElement({ href, text }) {
  const isHonest = href === text || !/\S[.:]\S/u.test(text) || sameAddress(href, text);
  const link = h("a", { href, target: "_blank", rel: "noopener noreferrer", referrerpolicy: "no-referrer", title: href,
    dir: "auto", tabindex: "-1" }, text);
  return isHonest ? link : [link, h("span", { class: "dim" }, ` (${new URL(href).host})`)];
}

function sameAddress(href, text) {
  return URL.canParse(text) && new URL(text).href === href;
}
