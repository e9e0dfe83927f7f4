/**
 * The elements of SVG that a picture of the invite tree is made of. Not here: where they stand (branch_layout.js), what
 * they do (branch_picture.js).
 */

import { plural, t } from "../words/words.js";
import { CARD_HEIGHT } from "./branch_layout.js";
import { numberText, sizeText } from "./branch_words.js";

const SVG = "http://www.w3.org/2000/svg";
const MAX_NAME_PX = 150;
const PAD = 8;
const MARK = 16;
const BADGE_PAD = 6;
const CHEVRON = 12;
const MIDDLE = CARD_HEIGHT / 2;

/** What may stand on a card: of the account and of all below it together. */
export const FIGURES = {
  people: { name: t("People below"), of: (item) => item.below, text: numberText },
  invites: { name: t("Invites left"), of: (item) => item.invites_left + item.below_invites, text: numberText },
  messages: { name: t("Messages"), of: (item) => item.messages + item.below_messages, text: numberText },
  bytes: { name: t("Stored"), of: (item) => item.bytes + item.below_bytes, text: sizeText },
};

const STATES = { active: "", frozen: t("paused"), waiting: t("waits to be claimed") };
/** What a mark says of an account, for those who do not see its colour. */
export const MARKS = { goes: t("goes"), moves: t("gets another inviter") };

/**
 * An element of SVG.
 * @param {string} tag
 * @param {Record<string, any>} [attributes] those that are null are left out
 * @param {...(Node | string)} children
 */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null) {
      element.setAttribute(name, String(value));
    }
  }
  element.append(...children);
  return element;
}

/** How wide texts are, in the face of an element. */
export class Measure {
  #context = document.createElement("canvas").getContext("2d");
  #known = new Map();

  /** @param {Element} element @param {number} weight of the letters */
  constructor(element, weight) {
    this.#context.font = `${weight} 13px ${getComputedStyle(element).fontFamily}`;
  }

  /** @param {string} text */
  width(text) {
    let width = this.#known.get(text);
    if (width === undefined) {
      width = this.#context.measureText(text).width;
      this.#known.set(text, width);
    }
    return width;
  }

  /** A text that is not wider than a name may be, with an ellipsis where it was. @param {string} text */
  cut(text) {
    if (this.width(text) <= MAX_NAME_PX) {
      return text;
    }
    const letters = [...text];
    let least = 0;
    let most = letters.length;
    while (least < most) {
      const middle = Math.ceil((least + most) / 2);
      if (this.#context.measureText(`${letters.slice(0, middle).join("")}…`).width <= MAX_NAME_PX) {
        least = middle;
      } else {
        most = middle - 1;
      }
    }
    return `${letters.slice(0, least).join("").trimEnd()}…`;
  }
}

/**
 * What a card shows, and how wide it is.
 * @param {import("./branch_model.js").BranchNode} node
 * @param {keyof typeof FIGURES} figure
 * @param {{plain: Measure, strong: Measure}} measures
 */
export function cardOf(node, figure, { plain: measure, strong }) {
  const letters = node.hasChildren ? strong : measure;
  const name = letters.cut(node.title);
  const { of, text } = FIGURES[figure];
  const hasFigure = node.hasChildren || (figure !== "people" && of(node.item) > 0);
  const badge = hasFigure ? text(of(node.item)) : "";
  const badgeWidth = hasFigure ? measure.width(badge) + 2 * BADGE_PAD + (node.hasChildren ? CHEVRON : 0) : 0;
  return { name, badge, badgeWidth, width: Math.ceil(PAD + MARK + letters.width(name) + PAD + badgeWidth) };
}

/** An account in words, for those who do not see the picture. */
export function labelOf(node, mark) {
  const { item } = node;
  const words = [
    node.title,
    item.kind === "admin" ? t("admin") : "",
    STATES[item.state],
    MARKS[mark] ?? "",
    node.hasChildren ? plural("{count} account below", "{count} accounts below", item.below) : "",
    item.invites_left > 0 ? plural("{count} invite left", "{count} invites left", item.invites_left) : "",
  ];
  return words.filter(Boolean).join(", ");
}

/**
 * The card of an account.
 * @param {import("./branch_model.js").BranchNode} node
 * @param {{name: string, badge: string, badgeWidth: number, width: number}} card
 * @param {{x: number, y: number}} place
 * @param {{mark: string, isFound: boolean, isChosen: boolean}} look
 */
export function drawCard(node, card, { x, y }, { mark, isFound, isChosen }) {
  const classes = ["branch-node", `is-${node.item.state}`, mark && `is-${mark}`, isFound && "is-found"];
  const siblings = node.parent?.children ?? [node];
  return s(
    "g",
    {
      class: classes.filter(Boolean).join(" "),
      role: "treeitem",
      tabindex: -1,
      transform: `translate(${x} ${y})`,
      "data-key": node.key,
      "aria-label": labelOf(node, mark),
      "aria-level": node.depth + 1,
      "aria-posinset": siblings.indexOf(node) + 1,
      "aria-setsize": siblings.length,
      "aria-expanded": node.hasChildren ? node.isOpen : null,
      "aria-selected": isChosen,
    },
    s("rect", { class: "branch-card", width: card.width, height: CARD_HEIGHT, rx: 6 }),
    drawState(node),
    s("text", { class: "branch-name", x: PAD + MARK - 2, y: MIDDLE }, card.name),
    ...(card.badge ? [drawBadge(node, card)] : []),
  );
}

function drawState({ item }) {
  const at = { class: "branch-state", "aria-hidden": true };
  const x = PAD + 4;
  if (item.state === "frozen") {
    return s("path", { ...at, d: `M${x - 2.5} ${MIDDLE - 4}v8M${x + 2.5} ${MIDDLE - 4}v8` });
  }
  if (item.kind === "admin") {
    return s("path", { ...at, d: `M${x} ${MIDDLE - 5}l5 5l-5 5l-5 -5z` });
  }
  return s("circle", { ...at, cx: x, cy: MIDDLE, r: 3.5 });
}

function drawBadge(node, { badge, badgeWidth, width }) {
  const left = width - badgeWidth;
  const turn = node.isOpen ? "l3.5 3.5l3.5 -3.5" : "m1.8 -1.8l3.5 3.5l-3.5 3.5";
  return s(
    "g",
    { class: node.hasChildren ? "branch-fold" : "branch-figure", "aria-hidden": true },
    s("rect", { x: left + 1, y: 2, width: badgeWidth - 3, height: CARD_HEIGHT - 4, rx: 4 }),
    s("text", { x: left + BADGE_PAD, y: MIDDLE }, badge),
    ...(node.hasChildren
      ? [s("path", { d: `M${width - BADGE_PAD - CHEVRON + 3} ${MIDDLE - (node.isOpen ? 1.5 : 0)}${turn}` })]
      : []),
  );
}
