/**
 * One run of a message's text: links, code, mentions, bold, italic, strikethrough. Every scan moves forwards, so the
 * work is linear in the text, whatever a stranger writes; it is counted in `work.steps`. Not here: lines and blocks
 * (markup.js).
 */

export const MAX_NODES = 3000;
const MAX_NAME_CHARS = 32;
const MAX_MENTIONS = 32;
const MAX_URL_CHARS = 2048;
// What ends a link: white space, quotes, brackets, controls, and the characters that turn the direction of writing
const NOT_URL = /[\s<>"`\]\u0000-\u001f\u007f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
const WORD = /[\p{L}\p{N}_]/u;
const NAME_CHAR = /[a-zA-Z0-9_.-]/;
const EMPHASIS = { "**": "strong", __: "strong", "*": "em", _: "em", "~~": "del" };

/** One run of text. Openers wait on a stack; a closer wraps what came since, and what stays open is text after all. */
export class Inline {
  #text;
  #work;
  #isMarkdown;
  #out = [];
  #plain = "";
  /** @type {{kind: string, at: number}[]} */
  #open = [];
  /** @type {Map<number, number> | null} */
  #codeEnds = null;

  constructor(text, work, isMarkdown) {
    this.#text = text;
    this.#work = work;
    this.#isMarkdown = isMarkdown;
  }

  nodes() {
    const text = this.#text;
    const special = this.#isMarkdown ? /[`h@*_~[\]\\]/g : /[`h@]/g;
    let at = 0;
    while (at < text.length) {
      special.lastIndex = at;
      const found = special.exec(text);
      const next = found === null || this.#work.nodes >= MAX_NODES ? text.length : found.index;
      this.#plain += text.slice(at, next);
      this.#work.steps += next - at + 1;
      at = next < text.length ? this.#token(next) : next;
    }
    this.#flush();
    return joined(this.#out);
  }

  /** @returns {number} where to go on */
  #token(at) {
    switch (this.#text[at]) {
      case "`":
        return this.#code(at);
      case "h":
        return this.#autolink(at);
      case "@":
        return this.#mention(at);
      case "[":
        this.#mark("[");
        return at + 1;
      case "]":
        return this.#link(at);
      case "\\":
        return this.#escape(at);
      default:
        return this.#emphasis(at);
    }
  }

  #flush() {
    if (this.#plain !== "") {
      this.#out.push(this.#plain);
      this.#plain = "";
    }
  }

  #push(node) {
    this.#flush();
    this.#out.push(node);
    this.#work.nodes += 1;
  }

  /**
   * Remember an opener; it stays in the output as text until it is closed. One of a kind: the newest bracket counts.
   */
  #mark(kind) {
    this.#flush();
    this.#open = this.#open.filter((opener) => opener.kind !== kind);
    this.#open.push({ kind, at: this.#out.length });
    this.#out.push(kind);
  }

  /** Take out what came since the newest opener of a kind, or null. Openers above it are text. */
  #since(kind) {
    let place = this.#open.length - 1;
    while (place >= 0 && this.#open[place].kind !== kind) {
      place -= 1;
    }
    if (place < 0) {
      return null;
    }
    this.#flush();
    const { at } = this.#open[place];
    this.#open.length = place;
    const inside = this.#out.splice(at);
    inside.shift();
    return inside;
  }

  #isWord(at) {
    return at >= 0 && at < this.#text.length && WORD.test(this.#text[at]);
  }

  #isSpace(at) {
    return at < 0 || at >= this.#text.length || this.#text[at].trim() === "";
  }

  /** A run of backticks up to the next run of the same length. */
  #code(at) {
    const text = this.#text;
    this.#codeEnds ??= codeEnds(text, this.#work);
    const length = runLength(text, at);
    const end = this.#codeEnds.get(at);
    if (end === undefined) {
      this.#plain += text.slice(at, at + length);
      return at + length;
    }
    let inside = text.slice(at + length, end);
    if (inside.length > 2 && inside.startsWith(" ") && inside.endsWith(" ") && inside.trim() !== "") {
      inside = inside.slice(1, -1);
    }
    this.#push({ type: "code", text: inside });
    this.#work.steps += end - at;
    return end + length;
  }

  #autolink(at) {
    const text = this.#text;
    if (!isWeb(text, at) || this.#isWord(at - 1)) {
      this.#plain += "h";
      return at + 1;
    }
    const end = this.#urlEnd(at);
    const href = safeUrl(text.slice(at, end));
    if (href === null) {
      this.#plain += text.slice(at, end); // consumed all the same, or it would be read again and again
    } else {
      this.#push({ type: "link", href, text: text.slice(at, end) });
    }
    return end;
  }

  /** Where a bare link ends: without the punctuation of the sentence around it. */
  #urlEnd(at) {
    const text = this.#text;
    let end = at;
    let parens = 0;
    while (end < text.length && !NOT_URL.test(text[end])) {
      parens += text[end] === "(" ? 1 : text[end] === ")" ? -1 : 0;
      end += 1;
    }
    this.#work.steps += end - at;
    while (end > at + 1 && (".,:;!?'*_~".includes(text[end - 1]) || (text[end - 1] === ")" && parens < 0))) {
      parens += text[end - 1] === ")" ? 1 : 0;
      end -= 1;
    }
    return end;
  }

  #mention(at) {
    const found = this.#isWord(at - 1) ? null : mentionAt(this.#text, at, this.#work.mentions);
    this.#work.steps += MAX_NAME_CHARS;
    if (found === null) {
      this.#plain += "@";
      return at + 1;
    }
    this.#push({ type: "mention", key: found.key, text: this.#text.slice(at, found.end) });
    return found.end;
  }

  /** A backslash takes the meaning of the mark after it; before an underscore only where one could begin or end. */
  #escape(at) {
    const next = this.#text[at + 1] ?? "";
    const isEscape = "\\`*~[]>#@".includes(next) || (next === "_" && (this.#isWord(at + 2) || this.#isWord(at - 1)));
    if (next === "" || !isEscape) {
      this.#plain += "\\";
      return at + 1;
    }
    this.#plain += next;
    return at + 2;
  }

  /** "](https://...)": a link if there was an opening bracket. */
  #link(at) {
    const text = this.#text;
    const from = at + 2;
    if (text[at + 1] === "(" && isWeb(text, from) && this.#open.some((opener) => opener.kind === "[")) {
      const close = this.#targetEnd(from);
      const href = close < 0 ? null : safeUrl(text.slice(from, close));
      if (href !== null) {
        const label = textOf(this.#since("[")).trim();
        this.#push({ type: "link", href, text: label === "" ? text.slice(from, close) : label });
        return close + 1;
      }
    }
    this.#plain += "]";
    return at + 1;
  }

  /** The ")" that ends a link's target, or -1. No "]" lies in between, so no text is looked at twice. */
  #targetEnd(from) {
    const text = this.#text;
    let depth = 0;
    let end = from;
    while (end < text.length && !NOT_URL.test(text[end])) {
      depth += text[end] === "(" ? 1 : text[end] === ")" ? -1 : 0;
      if (depth < 0) {
        break;
      }
      end += 1;
    }
    this.#work.steps += end - from;
    return depth < 0 ? end : -1;
  }

  /**
   * A run of * _ or ~. It opens before a word and closes after one, never inside: 2*3*4 and snake_case stay as they
   * are.
   */
  #emphasis(at) {
    const text = this.#text;
    const length = runLength(text, at);
    const run = text.slice(at, at + length);
    const end = at + length;
    this.#work.steps += length;
    if (length > 3 || (run[0] === "~" && length !== 2)) {
      this.#plain += run;
      return end;
    }
    const canClose = !this.#isSpace(at - 1) && !this.#isWord(end);
    const canOpen = !this.#isSpace(end) && !this.#isWord(at - 1)
      && (run[0] !== "_" || /[\p{L}\p{N}*~`@"']/u.test(text[end]));
    let left = run;
    while (canClose && left !== "") {
      const kind = this.#closable(left);
      if (kind === null) {
        break;
      }
      const children = joined(this.#since(kind));
      this.#push({ type: EMPHASIS[kind], children });
      left = left.slice(kind.length);
    }
    if (left === "") {
      return end;
    }
    if (canOpen && left === run) {
      for (const kind of length === 3 ? [run.slice(0, 2), run[0]] : [run]) {
        this.#mark(kind);
      }
    } else {
      this.#plain += left;
    }
    return end;
  }

  /** The newest opener that a run can close, if something stands in between. */
  #closable(run) {
    for (let place = this.#open.length - 1; place >= 0; place -= 1) {
      const { kind, at } = this.#open[place];
      if (kind !== "[" && run.startsWith(kind)) {
        return at < this.#out.length - 1 || this.#plain !== "" ? kind : null;
      }
    }
    return null;
  }
}

function runLength(text, at) {
  let end = at + 1;
  while (text[end] === text[at]) {
    end += 1;
  }
  return end - at;
}

/** For each run of backticks where the next run of its length begins. */
function codeEnds(text, work) {
  const runs = [];
  for (let at = text.indexOf("`"); at >= 0; at = text.indexOf("`", at)) {
    const length = runLength(text, at);
    runs.push([at, length]);
    at += length;
  }
  work.steps += text.length;
  const ends = new Map();
  const next = new Map();
  for (const [at, length] of runs.reverse()) {
    if (next.has(length)) {
      ends.set(at, next.get(length));
    }
    next.set(length, at);
  }
  return ends;
}

/**
 * The name after an @ that is one of `names`, the longest first, as "@ada." ends a sentence.
 * @param {string} text
 * @param {number} at where the @ is
 * @param {Map<string, string>} names key by name (lower case)
 * @returns {{key: string, end: number} | null}
 */
export function mentionAt(text, at, names) {
  let end = at + 1;
  while (end <= at + MAX_NAME_CHARS && end < text.length && NAME_CHAR.test(text[end])) {
    end += 1;
  }
  if (end < text.length && WORD.test(text[end])) {
    return null;
  }
  for (; end > at + 1; end -= 1) {
    const key = names.get(text.slice(at + 1, end).toLowerCase());
    if (key !== undefined) {
      return { key, end };
    }
    if (WORD.test(text[end - 1]) && text[end - 1] !== "_") {
      return null; // only punctuation is given back to the sentence
    }
  }
  return null;
}

/**
 * The keys of those whom a text mentions, each once, in order; no more than a message can hold.
 * @param {string} text
 * @param {Map<string, string>} names
 */
export function mentionsIn(text, names) {
  const keys = new Set();
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    const found = at > 0 && WORD.test(text[at - 1]) ? null : mentionAt(text, at, names);
    if (found !== null) {
      keys.add(found.key);
    }
  }
  return [...keys].slice(0, MAX_MENTIONS);
}

function isWeb(text, at) {
  return text.startsWith("https://", at) || text.startsWith("http://", at);
}

/** The address as the browser reads it, or null: only http and https, only with a host. */
function safeUrl(text) {
  const url = text.length <= MAX_URL_CHARS && URL.canParse(text) ? new URL(text) : null;
  const isSafe = url !== null && (url.protocol === "http:" || url.protocol === "https:") && url.hostname !== "";
  return isSafe ? url.href : null;
}

/** The bare text of nodes. */
export function textOf(nodes) {
  let text = "";
  for (const node of nodes) {
    text += typeof node === "string" ? node : (node.text ?? textOf(node.children));
  }
  return text;
}

/** Neighbouring strings as one. */
function joined(nodes) {
  const out = [];
  for (const node of nodes) {
    if (typeof node === "string" && typeof out[out.length - 1] === "string") {
      out[out.length - 1] += node;
    } else {
      out.push(node);
    }
  }
  return out;
}
