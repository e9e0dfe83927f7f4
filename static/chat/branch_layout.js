/**
 * Where each account of an invite tree stands in its picture. Pure: no elements, no state.
 *
 * Children stand under their parent in columns, each hung on a line at its left, as files hang in their folder. How
 * tall a column may be is chosen so that the whole fits the window at the largest scale; a list that is long but narrow
 * and one that is wide but flat are its two ends. Every branch has a box of its own, so nothing overlaps in any tree.
 */

export const CARD_HEIGHT = 24;
export const ROW_GAP = 4;
export const INDENT = 18;
const COLUMN_GAP = 14;
const DROP = 18;
const RADIUS = 6;
/** Narrower windows are read from above to below: one column. */
const NARROW = 560;
/** Of layouts whose scales differ by less, the one with more columns looks more like a tree. */
const NEARLY = 0.97;
const STEP = 1.22;

/**
 * @template T
 * @typedef {{root: T, childrenOf: (node: T) => T[], widthOf: (node: T) => number}} Tree the children are those to be
 *   shown, in their order
 */

/**
 * @template T
 * @typedef {{places: Map<T, {x: number, y: number, width: number}>, lines: string[], width: number, height: number}}
 *   Layout `lines` are paths of SVG, from each parent to its children
 */

/**
 * The layout that fits a window best.
 * @template T
 * @param {Tree<T>} tree
 * @param {{width: number, height: number}} window
 * @returns {Layout<T> & {tall: number}}
 */
export function fitLayout(tree, window) {
  const order = preorder(tree);
  const whole = order.length * (CARD_HEIGHT + ROW_GAP);
  if (window.width < NARROW) {
    return { ...place(tree, order, whole), tall: whole };
  }
  const tried = [];
  for (let tall = whole; tall > CARD_HEIGHT; tall /= STEP) {
    const { width, height } = boxes(tree, order, tall).get(tree.root);
    tried.push({ tall, scale: Math.min(window.width / width, window.height / height, 1) });
  }
  const best = Math.max(...tried.map(({ scale }) => scale));
  const { tall } = tried.findLast(({ scale }) => scale >= best * NEARLY);
  return { ...place(tree, order, tall), tall };
}

/**
 * The layout with columns up to a height.
 * @template T
 * @param {Tree<T>} tree
 * @param {number} tall
 * @returns {Layout<T>}
 */
export function layout(tree, tall) {
  return place(tree, preorder(tree), tall);
}

/** All nodes with their depth, parents first; without recursion, for a chain of invites may be long. */
function preorder({ root, childrenOf }) {
  const order = [];
  const waiting = [{ node: root, depth: 0 }];
  while (waiting.length > 0) {
    const next = waiting.pop();
    order.push(next);
    for (const child of [...childrenOf(next.node)].reverse()) {
      waiting.push({ node: child, depth: next.depth + 1 });
    }
  }
  return order;
}

/** The box of each branch, from the leaves up: its size, its columns. */
function boxes({ childrenOf, widthOf }, order, tall) {
  const found = new Map();
  for (const { node, depth } of [...order].reverse()) {
    const width = widthOf(node);
    const children = childrenOf(node);
    if (children.length === 0) {
      found.set(node, { width, height: CARD_HEIGHT, columns: [] });
      continue;
    }
    const room = tall - (depth + 1) * (CARD_HEIGHT + ROW_GAP);
    const columns = inColumns(children.map((child) => ({ child, box: found.get(child) })), room);
    const across = columns.reduce((sum, column) => sum + column.width, COLUMN_GAP * (columns.length - 1));
    const drop = columns.length > 1 ? DROP : ROW_GAP;
    found.set(node, {
      width: Math.max(width, across),
      height: CARD_HEIGHT + drop + Math.max(...columns.map((column) => column.height)),
      columns,
    });
  }
  return found;
}

/** Children in their order in as few columns as their room allows, of about one height. */
function inColumns(children, room) {
  const total = children.reduce((sum, { box }) => sum + box.height + ROW_GAP, -ROW_GAP);
  const tallest = Math.max(...children.map(({ box }) => box.height));
  const count = Math.max(1, Math.ceil(total / Math.max(room, tallest)));
  const limit = count === 1 ? Infinity : Math.max(tallest, total / count);
  const columns = [];
  for (const { child, box } of children) {
    const last = columns.at(-1);
    if (last && last.height + ROW_GAP + box.height <= limit) {
      last.children.push(child);
      last.height += ROW_GAP + box.height;
      last.width = Math.max(last.width, INDENT + box.width);
    } else {
      columns.push({ children: [child], height: box.height, width: INDENT + box.width });
    }
  }
  return columns;
}

function place(tree, order, tall) {
  const { root, widthOf } = tree;
  const box = boxes(tree, order, tall);
  const places = new Map();
  const lines = [];
  const corners = new Map([[root, { x: 0, y: 0 }]]);
  for (const { node } of order) {
    const { x, y } = corners.get(node);
    const { columns, width: across } = box.get(node);
    const width = widthOf(node);
    const isWide = columns.length > 1;
    const left = isWide && node === root ? x + (across - width) / 2 : x;
    places.set(node, { x: left, y, width });
    const top = y + CARD_HEIGHT + (isWide ? DROP : ROW_GAP);
    const ends = [];
    let edge = x;
    for (const column of columns) {
      let under = top;
      for (const child of column.children) {
        corners.set(child, { x: edge + INDENT, y: under });
        ends.push({ spine: edge + INDENT / 2, y: under + CARD_HEIGHT / 2, to: edge + INDENT });
        under += box.get(child).height + ROW_GAP;
      }
      edge += column.width + COLUMN_GAP;
    }
    if (ends.length > 0) {
      lines.push(line(places.get(node), ends, isWide));
    }
  }
  const { width, height } = box.get(root);
  return { places, lines, width, height };
}

/** From a card down to its columns, along each, and to every child. */
function line({ x, y, width }, ends, isWide) {
  const bottom = y + CARD_HEIGHT;
  const parts = [];
  const spines = Map.groupBy(ends, (end) => end.spine);
  const bus = bottom + DROP / 2;
  const from = isWide ? clamp(x + width / 2, x, x + width) : ends[0].spine;
  if (isWide) {
    parts.push(`M${from} ${bottom}V${bus}`);
  }
  for (const [spine, hung] of spines) {
    const last = hung.at(-1);
    const start = isWide ? `M${from} ${bus}${towards(from, spine, bus)}` : `M${spine} ${bottom}`;
    parts.push(`${start}V${last.y - RADIUS}q0 ${RADIUS} ${RADIUS} ${RADIUS}H${last.to}`);
    for (const { y: middle, to } of hung.slice(0, -1)) {
      parts.push(`M${spine} ${middle}H${to}`);
    }
  }
  return parts.join("");
}

/** Along the line over the columns, and round its corner. */
function towards(from, spine, bus) {
  const away = Math.abs(spine - from);
  if (away < RADIUS) {
    return `H${spine}V${bus}`;
  }
  const turn = spine > from ? RADIUS : -RADIUS;
  return `H${spine - turn}q${turn} 0 ${turn} ${RADIUS}`;
}

function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}
