/**
 * The picture of an invite tree: `<accord-branch>`, used by the chat and by the console. Zooms, folds, searches; one
 * account of it can be chosen, by mouse or keyboard.
 *
 * Events: `choose` ({key}), `need` ({key}: what is below this account was cut off, and is wanted: `add` it).
 * Not here: what can be done to an account (branch.js, static/console/tree.js).
 */

import { plural, t } from "../words/words.js";
import { Camera } from "./branch_camera.js";
import { cardOf, drawCard, FIGURES, MARKS, Measure, s } from "./branch_draw.js";
import { CARD_HEIGHT, fitLayout, layout } from "./branch_layout.js";
import { BranchModel } from "./branch_model.js";
import { h, iconButton } from "./dom.js";

const ZOOM_STEP = 1.3;
const PAN_PX = 60;
/** At first no letter is smaller than so much of its size: rather is less unfolded. */
const READABLE = 0.8;
const MIN_SHOWN = 24;
const MAX_SHOWN = 600;
/** Below that scale the letters are left out: they could not be read, and cost time. */
const LETTERS = 0.34;
const LEGEND = { active: t("Member"), frozen: t("Paused"), waiting: t("Invite that waits") };

export class BranchPicture extends HTMLElement {
  /** @type {BranchModel | null} */
  model = null;
  /** @type {Map<string, keyof typeof MARKS>} */
  #marks = new Map();
  /** @type {keyof typeof FIGURES} */
  #figure = "people";
  #chosen = "";
  #focused = "";
  /** @type {import("./branch_model.js").BranchNode[]} */
  #found = [];
  #foundAt = -1;
  /** @type {any} */
  #layout = { places: new Map(), lines: [], width: 1, height: 1, tall: 0 };
  /** @type {Map<string, SVGElement>} */
  #cards = new Map();
  #measures;
  #stopper = new AbortController();
  #isFitted = false;

  constructor() {
    super();
    this.search = /** @type {HTMLInputElement} */ (
      h("input", { type: "search", placeholder: t("Name"), "aria-label": t("Find a name"), autocomplete: "off",
        "data-shortcut": "/", on: { input: () => this.#search(), keydown: (event) => this.#searchKey(event) } })
    );
    this.status = h("span", { class: "meta", role: "status" });
    this.figures = /** @type {HTMLSelectElement} */ (
      h("select", { "aria-label": t("Figure on the cards"), on: { change: () => this.#setFigure() } },
        Object.entries(FIGURES).map(([value, { name }]) => h("option", { value }, name)))
    );
    this.legend = h("ul", { class: "branch-legend meta" });
    this.lines = s("path", { class: "branch-lines", "aria-hidden": true });
    this.nodes = s("g", { role: "none" });
    this.world = s("g", { role: "none" }, this.lines, this.nodes);
    this.svg = s("svg", { class: "branch-svg", role: "tree", "aria-label": t("Invite tree") }, this.world);
    this.view = h("div", { class: "branch-view", dir: "ltr" }, this.svg);
    this.camera = new Camera(this.view, () => this.#layout, () => this.#look());
  }

  connectedCallback() {
    const { signal } = (this.#stopper = new AbortController());
    if (this.childElementCount === 0) {
      this.append(this.#tools(), this.view, this.legend);
    }
    this.view.addEventListener("click", (event) => this.#click(event), { signal });
    this.view.addEventListener("dblclick", (event) => this.#toggle(this.#nodeOf(event.target)), { signal });
    this.view.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.view.addEventListener("focusin", (event) => this.#focusedAt(this.#nodeOf(event.target)), { signal });
    globalThis.addEventListener("beforeprint", () => this.#print(true), { signal });
    globalThis.addEventListener("afterprint", () => this.#print(false), { signal });
    const watch = new ResizeObserver(() => this.#resized());
    watch.observe(this.view);
    signal.addEventListener("abort", () => watch.disconnect());
  }

  disconnectedCallback() {
    this.#stopper.abort();
  }

  /** What the tree is called. @param {string} name */
  set label(name) {
    this.svg.setAttribute("aria-label", name);
  }

  get chosen() {
    return this.#chosen;
  }

  /**
   * Show a branch; what was unfolded and chosen in the one before stays so.
   * @param {import("./branch_model.js").Item[]} items each after its parent, the top first
   */
  show(items) {
    const before = this.model;
    this.model = new BranchModel(items);
    this.#chosen = this.model.nodes.has(this.#chosen) ? this.#chosen : "";
    if (before === null) {
      this.#unfoldSome();
    } else {
      for (const node of this.model.nodes.values()) {
        node.isOpen = node.children.length > 0 && (before.nodes.get(node.key)?.isOpen ?? false);
      }
    }
    this.#found = this.model.find(this.search.value);
    this.#showLegend();
    this.#draw();
    if (before === null) {
      this.fit();
    }
  }

  /** What was cut off. @param {import("./branch_model.js").Item[]} items */
  add(items) {
    this.model?.add(items);
    this.#draw();
  }

  /** Mark accounts, or none. @param {Map<string, keyof typeof MARKS>} marks */
  mark(marks) {
    this.#marks = marks;
    for (const key of marks.keys()) {
      const node = this.model?.nodes.get(key);
      if (node) {
        this.model.reveal(node);
      }
    }
    this.#showLegend();
    this.#draw();
  }

  /** Choose an account and bring it into sight. @param {string} key */
  choose(key) {
    const node = this.model?.nodes.get(key);
    if (!node) {
      return;
    }
    this.model.reveal(node);
    this.#chosen = key;
    this.#draw();
    this.#intoView(node);
    this.dispatchEvent(new CustomEvent("choose", { detail: { key } }));
  }

  /** All that is unfolded, as large as it can be read. */
  fit() {
    if (!this.model || this.camera.window.width === 0) {
      return;
    }
    this.#isFitted = true;
    this.#layout = fitLayout(this.#tree(), this.camera.window);
    this.#draw();
    this.camera.fit(READABLE);
  }

  // ------------------------------------------------------------------------------------------------------------ tools

  #tools() {
    return h(
      "div",
      { class: "branch-tools", role: "toolbar", "aria-label": t("Picture") },
      this.search,
      this.status,
      h("label", { class: "branch-figures" }, h("span", { class: "meta" }, t("Figures")), this.figures),
      h("span", { class: "row" },
        iconButton("fold", t("Fold all"), () => this.#unfold(() => this.model?.foldAll())),
        iconButton("unfold", t("Unfold all"), () => this.#unfold(() => this.model?.unfold(Infinity))),
        iconButton("minus", t("Farther"), () => this.camera.zoom(1 / ZOOM_STEP)),
        iconButton("plus", t("Nearer"), () => this.camera.zoom(ZOOM_STEP)),
        iconButton("fit", t("Show the whole"), () => this.#whole())),
    );
  }

  #whole() {
    this.#layout = fitLayout(this.#tree(), this.camera.window);
    this.#draw();
    this.camera.fit();
  }

  #unfold(change) {
    change();
    this.fit();
  }

  #setFigure() {
    this.#figure = /** @type {keyof typeof FIGURES} */ (this.figures.value);
    this.#draw();
  }

  #showLegend() {
    const nodes = [...this.model.nodes.values()];
    const states = Object.entries(LEGEND).filter(([state]) => nodes.some(({ item }) => item.state === state));
    const marks = Object.entries(MARKS).filter(([mark]) => [...this.#marks.values()].includes(mark));
    const { item } = this.model.root;
    const people = plural("{count} account", "{count} accounts", item.below + 1 - item.below_waiting);
    const waiting = plural("{count} invite waits", "{count} invites wait", item.below_waiting);
    this.legend.replaceChildren(
      h("li", { class: "branch-sum" }, item.below_waiting > 0 ? `${people}, ${waiting}` : people),
      ...states.map(([state, name]) => h("li", { class: `is-${state}` }, name)),
      ...marks.map(([mark, name]) => h("li", { class: `is-${mark}` }, name)),
    );
  }

  // ----------------------------------------------------------------------------------------------------------- search

  #search() {
    this.#found = this.model?.find(this.search.value) ?? [];
    this.#foundAt = -1;
    this.#draw();
    this.#next(1);
  }

  #searchKey(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      this.#next(event.shiftKey ? -1 : 1);
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      this.#focus(this.#found[this.#foundAt] ?? this.model?.root);
    }
  }

  /** To the next that was found. */
  #next(step) {
    const count = this.#found.length;
    if (count === 0) {
      this.status.textContent = this.search.value.trim() === "" ? "" : t("Nobody");
      return;
    }
    this.#foundAt = (this.#foundAt + step + count) % count;
    this.status.textContent = t("{place} of {count}", { place: this.#foundAt + 1, count });
    this.choose(this.#found[this.#foundAt].key);
  }

  // ---------------------------------------------------------------------------------------------------- mouse and keys

  #nodeOf(target) {
    return this.model?.nodes.get(target.closest?.(".branch-node")?.dataset.key) ?? null;
  }

  #click(event) {
    const node = this.#nodeOf(event.target);
    if (node === null || this.camera.wasDragged) {
      return;
    }
    if (event.target.closest(".branch-fold")) {
      this.#toggle(node);
      return;
    }
    this.#choose(node);
  }

  #choose(node) {
    this.#cards.get(this.#chosen)?.setAttribute("aria-selected", "false");
    this.#chosen = node.key;
    this.#cards.get(node.key)?.setAttribute("aria-selected", "true");
    this.#cards.get(node.key)?.["focus"]({ preventScroll: true });
    this.dispatchEvent(new CustomEvent("choose", { detail: { key: node.key } }));
  }

  /** Fold or unfold; the card stays where it is seen. */
  #toggle(node) {
    if (!node?.hasChildren) {
      return;
    }
    node.isOpen = !node.isOpen;
    const before = this.#layout.places.get(node);
    this.#draw();
    const after = this.#layout.places.get(node);
    if (before && after) {
      const { x, y, scale } = this.camera;
      this.camera.look({ x: x + (before.x - after.x) * scale, y: y + (before.y - after.y) * scale });
    }
    if (this.svg.contains(document.activeElement)) {
      this.#cards.get(node.key)?.["focus"]({ preventScroll: true });
    }
    if (node.isOpen && node.isCut) {
      this.dispatchEvent(new CustomEvent("need", { detail: { key: node.key } }));
    }
  }

  #key(event) {
    const node = this.#nodeOf(event.target);
    if (node === null || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const { key } = event;
    if (this.#keyOfView(event) || this.#keyOfNode(node, key) || this.#focus(this.model.step(node, key))) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  /** Keys that move the picture. */
  #keyOfView({ key, shiftKey }) {
    const pans = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (shiftKey && key in pans) {
      const [x, y] = pans[key];
      this.camera.look({ x: this.camera.x + x * PAN_PX, y: this.camera.y + y * PAN_PX });
    } else if (key === "+" || key === "-") {
      this.camera.zoom(key === "+" ? ZOOM_STEP : 1 / ZOOM_STEP);
    } else if (key === "0") {
      this.#whole();
    } else {
      return false;
    }
    return true;
  }

  /** Keys that fold, unfold or choose. */
  #keyOfNode(node, key) {
    if (key === "Enter" || key === " ") {
      this.#choose(node);
    } else if ((key === "ArrowRight" && node.hasChildren && !node.isOpen) || (key === "ArrowLeft" && node.isOpen)) {
      this.#toggle(node);
    } else if (key === "*") {
      for (const each of node.parent?.children ?? [node]) {
        each.isOpen = each.children.length > 0;
      }
      this.#draw();
      this.#focus(node);
    } else {
      return false;
    }
    return true;
  }

  #focus(node) {
    if (!node) {
      return false;
    }
    this.#cards.get(node.key)?.["focus"]({ preventScroll: true });
    this.#intoView(node);
    return true;
  }

  #focusedAt(node) {
    if (node !== null) {
      this.#cards.get(this.#focused)?.setAttribute("tabindex", "-1");
      this.#focused = node.key;
      this.#cards.get(node.key)?.setAttribute("tabindex", "0");
    }
  }

  #intoView(node) {
    const place = this.#layout.places.get(node);
    if (place) {
      this.camera.show({ ...place, height: CARD_HEIGHT });
    }
  }

  // ---------------------------------------------------------------------------------------------------------- drawing

  #tree() {
    const { model } = this;
    this.#measures ??= { plain: new Measure(this.view, 400), strong: new Measure(this.view, 600) };
    const cards = new Map(model.shown().map((node) => [node, cardOf(node, this.#figure, this.#measures)]));
    const widthOf = (node) => cards.get(node).width;
    return { root: model.root, childrenOf: (node) => model.shownOf(node), widthOf, cards };
  }

  /** As much as can be read at first. */
  #unfoldSome() {
    for (let most = MAX_SHOWN; ; most /= 1.5) {
      this.model.unfold(most);
      const { width, height } = this.camera.window;
      const { places, width: across, height: down } = fitLayout(this.#tree(), this.camera.window);
      const isReadable = across * READABLE <= width && (down * READABLE <= height || width < 560);
      if (isReadable || places.size <= MIN_SHOWN || most < MIN_SHOWN || width === 0) {
        return;
      }
    }
  }

  #draw() {
    const tree = this.#tree();
    const { tall } = this.#layout;
    this.#layout = { ...layout(tree, tall || Infinity), tall };
    const { places, lines } = this.#layout;
    const hadFocus = this.svg.contains(document.activeElement);
    this.lines.setAttribute("d", lines.join(""));
    const found = new Set(this.#found);
    this.#cards = new Map();
    for (const [node, place] of places) {
      const mark = this.#marks.get(node.key) ?? "";
      const look = { mark, isFound: found.has(node), isChosen: node.key === this.#chosen };
      this.#cards.set(node.key, drawCard(node, tree.cards.get(node), place, look));
    }
    this.nodes.replaceChildren(...this.#cards.values());
    if (!this.#cards.has(this.#focused)) {
      this.#focused = this.#cards.has(this.#chosen) ? this.#chosen : this.model.root.key;
    }
    this.#cards.get(this.#focused)?.setAttribute("tabindex", "0");
    if (hadFocus) {
      this.#cards.get(this.#focused)?.["focus"]({ preventScroll: true });
    }
  }

  #look() {
    const { x, y, scale } = this.camera;
    this.world.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
    this.svg.classList.toggle("is-far", scale < LETTERS);
  }

  #resized() {
    if (!this.#isFitted && this.model) {
      this.#unfoldSome();
      this.fit();
    } else if (this.model && !this.camera.wasMoved) {
      this.fit();
    } else if (this.model) {
      this.camera.look({});
    }
  }

  /** On paper the whole is as wide as the page. */
  #print(isOnPaper) {
    if (isOnPaper) {
      this.svg.setAttribute("viewBox", `-4 -4 ${this.#layout.width + 8} ${this.#layout.height + 8}`);
      this.svg.classList.remove("is-far");
      this.world.removeAttribute("transform");
    } else {
      this.svg.removeAttribute("viewBox");
      this.#look();
    }
  }
}

customElements.define("accord-branch", BranchPicture);
