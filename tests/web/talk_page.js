/**
 * The start script of a page with one conversation alone: messages made here in place of those of the engine, so that
 * lists of any length, bursts and failures can be shown. Stands in for static/chat/main.js (test_talk.py); tests find
 * all in `talk`.
 */

import "./conversation.js";
import { parse } from "./markup.js";

const LOUNGE = "chan:lounge";
const DAY = 86_400_000;
const ANSWER_MS = 20;
const WORDS = "a hub keeps what was said and says when it was said but never why the disk is full again".split(" ");
const NAMES = { ada: "Ada Lovelace", grace: "Grace Hopper", "linus.t": "Linus", barbara: "Barbara" };

const keyOf = (name) => `${name}-`.repeat(43).slice(0, 43);
const ME = keyOf("ada");

let seed = 1;
const random = () => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff;

/** An item as the client's timelines hold them. */
function item(fields) {
  const author = fields.author ?? keyOf("grace");
  const isOwn = author === ME;
  return {
    id: `id-${Math.floor(random() * 1e9)}`, conversation: LOUNGE, author, authorName: author.split("-")[0],
      at: Date.now(), kind: "text",
    text: "", format: "markdown", isOwn, editedAt: 0, isDeleted: false, deletedAt: null, replyTo: null, mentions: [],
      mentionsMe: false,
    reactions: [], isPinned: false, state: "sent", error: null, burnAt: 0, canEdit: isOwn, canDelete: isOwn,
      canPin: true, ...fields,
  };
}

/** So many items up to now, of all lengths. */
function items(count, prefix = "m") {
  const authors = Object.keys(NAMES).map(keyOf);
  return Array.from({ length: count }, (_, index) => {
    const words = Array.from({ length: 1 + Math.floor(random() * random() * 60) },
      () => WORDS[Math.floor(random() * WORDS.length)]);
    const fields = { id: `${prefix}${index}`, author: authors[Math.floor(index / 3) % 4],
      at: Date.now() - (count - index) * 60_000 };
    return item({ ...fields, text: `${prefix}${index}: ${words.join(" ")}` });
  });
}

class Timeline extends EventTarget {
  constructor(all, page, firstUnread) {
    super();
    this.before = all.slice(0, Math.max(0, all.length - page));
    this.items = all.slice(this.before.length);
    this.page = page;
    this.firstUnread = firstUnread;
    this.isLoading = false;
    this.loads = 0;
    this.failures = 0;
  }

  get hasOlder() {
    return this.before.length > 0;
  }

  async loadOlder() {
    this.isLoading = true;
    await new Promise((resolve) => setTimeout(resolve, ANSWER_MS));
    this.isLoading = false;
    if (this.failures > 0) {
      this.failures -= 1;
      throw Object.assign(new Error("offline"), { code: "offline", detail: "the hub is out of reach" });
    }
    this.loads += 1;
    const older = this.before.splice(-this.page);
    this.insert(0, older);
  }

  async seek(id) {
    while (!this.items.some((each) => each.id === id) && this.hasOlder) {
      await this.loadOlder();
    }
    return this.items.findIndex((each) => each.id === id);
  }

  insert(index, added) {
    this.items = this.items.toSpliced(index, 0, ...added);
    this.tell({ op: "insert", index, count: added.length });
  }

  add(...added) {
    this.insert(this.items.length, added);
  }

  remove(id) {
    const index = this.items.findIndex((each) => each.id === id);
    this.items = this.items.toSpliced(index, 1);
    this.tell({ op: "remove", index, count: 1 });
  }

  update(id, fields) {
    const index = this.items.findIndex((each) => each.id === id);
    this.items = this.items.with(index, { ...this.items[index], ...fields });
    this.tell({ op: "update", indexes: [index] });
  }

  tell(op) {
    this.dispatchEvent(new CustomEvent("change", { detail: [op] }));
  }

  close() {}
}

class Client extends EventTarget {
  constructor(state) {
    super();
    this.state = state;
    this.timelines = {};
    /** What was called: [name, params]. */
    this.calls = [];
    /** Names of calls that are refused. */
    this.refused = new Set();
  }

  timeline(id) {
    return this.timelines[id];
  }

  change(fields, detail) {
    Object.assign(this.state, fields);
    this.dispatchEvent(new CustomEvent("state", { detail }));
  }

  async call(name, params) {
    this.calls.push([name, params]);
    if (this.refused.has(name)) {
      throw Object.assign(new Error("denied"), { code: "denied", detail: "you may not do that" });
    }
    const timeline = this.timelines[params.conversation];
    const held = timeline?.items.find((each) => each.id === params.id);
    return ANSWERS[name]?.(params, timeline, held) ?? {};
  }
}

const ANSWERS = {
  "message.send": ({ conversation, text, mentions, replyTo = null }, timeline) => {
    const answered = timeline.items.find((each) => each.id === replyTo);
    const quoted = answered && { id: replyTo, author: answered.author, authorName: answered.authorName,
      text: answered.text };
    const sent = item({ conversation, text, mentions, author: ME, state: "sending", replyTo: quoted ?? null });
    timeline.add(sent);
    setTimeout(() => timeline.update(sent.id, { state: "sent" }), ANSWER_MS);
    return { id: sent.id };
  },
  "message.edit": ({ id, text, mentions }, timeline) => timeline.update(id, { text, mentions, editedAt: Date.now() }),
  "message.delete": ({ id }, timeline) => timeline.update(id, { text: "", isDeleted: true, deletedAt: Date.now(),
    canEdit: false, canDelete: false, canPin: false }),
  "message.react": ({ id, emoji, on }, timeline, held) => {
    const others = held.reactions.filter((reaction) => reaction.emoji !== emoji);
    const before = held.reactions.find((reaction) => reaction.emoji === emoji)?.by ?? [];
    const by = before.filter((key) => key !== ME).concat(on ? [ME] : []);
    timeline.update(id, { reactions: by.length > 0 ? [...others, { emoji, by, isMine: on }] : others });
  },
  "message.pin": ({ id, on }, timeline) => timeline.update(id, { isPinned: on }),
  "message.retry": ({ id }, timeline) => timeline.update(id, { state: "sent", error: null }),
  "message.discard": ({ id }, timeline) => timeline.remove(id),
  "message.details": ({ id }, timeline, held) => ({ id, author: held.author, authorName: held.authorName,
    fingerprint: held.author,
    type: "chat.text", createdAt: held.at, cursor: 7, bytes: 300, header: { type: "chat.text", from: held.author } }),
  "conversation.pins": (params, timeline) => timeline.items.filter((each) => each.isPinned),
  "conversation.draft": ({ conversation, text, replyTo }) => {
    Object.assign(talk.client.state.conversations[conversation], { draft: text, replyTo });
  },
};

function newState(fields) {
  const people = Object.fromEntries(Object.entries(NAMES).map(([name, displayName], index) => [keyOf(name),
    { key: keyOf(name), name, displayName,
    about: "", status: "", isMe: name === "ada", isAdmin: false, presence: index < 2 ? "online" : "offline" }]));
  const conversation = (id, more) => [id, { id, kind: "channel", topic: id, name: id.slice(5), about: "", with: null,
    unread: 0, mentions: 0,
    lastAt: 0, draft: "", replyTo: null, isEncrypted: false, canPost: true, canPin: true, ...more }];
  return {
    phase: "inside", stop: null, link: { status: "online", retryAt: null, code: null }, clock: { offsetMs: 0 },
    hub: { name: "A hub", key: "k", fingerprint: "k", url: location.origin },
    me: { ...people[ME], fingerprint: ME }, people,
    conversations: Object.fromEntries([conversation(LOUNGE, { about: "All and nothing" }), conversation("chan:other"),
      conversation(`direct:${keyOf("grace")}`, { kind: "direct", name: "grace", with: keyOf("grace"),
        canPin: false })]),
    typing: {}, spaces: {}, connections: {}, agreements: {}, mentionsUnread: 0, outboxCount: 0, marks: {}, reports: 0, ...fields,
  };
}

const talk = {
  ME, DAY, keyOf, item, items, parse, events: [],
  /** Open a conversation of these items, `page` of them held. */
  open({ all = [], page = 100, firstUnread = null, conversation = LOUNGE, state = {} } = {}) {
    talk.client = new Client(newState(state));
    for (const id of Object.keys(talk.client.state.conversations)) {
      talk.client.timelines[id] = new Timeline(id === conversation ? all : [], page, firstUnread);
    }
    talk.timeline = talk.client.timelines[conversation];
    talk.element = document.createElement("accord-conversation");
    talk.element.style.height = "100dvh";
    for (const name of ["open-person", "back", "toggle-people", "open-invites"]) {
      talk.element.addEventListener(name, (event) => talk.events.push([name, event.detail]));
    }
    const main = document.createElement("main");
    main.append(talk.element);
    document.body.replaceChildren(main);
    talk.element.client = talk.client;
    talk.element.conversation = conversation;
    talk.log = talk.element.querySelector("accord-log");
  },
  /** The first message that is wholly in view: [id, distance from the view's top]. */
  anchor() {
    const { top } = talk.log.scroller.getBoundingClientRect();
    const rows = [...talk.log.querySelectorAll(".item[data-id]")];
    const row = rows.find((each) => each.getBoundingClientRect().top >= top);
    return [row.dataset.id, row.getBoundingClientRect().top - top];
  },
  /** Where a message is: its distance from the view's top, or null if it is not in the document. */
  top(id) {
    const row = talk.log.querySelector(`.item[data-id="${CSS.escape(id)}"]`);
    return row && row.getBoundingClientRect().top - talk.log.scroller.getBoundingClientRect().top;
  },
  /** Whether rows fill the view. */
  isFilled() {
    const view = talk.log.scroller.getBoundingClientRect();
    const rows = [...talk.log.querySelectorAll(".item:not(.stray)")].map((row) => row.getBoundingClientRect());
    return rows.length > 0 && rows[0].top <= view.top + 1 && rows.at(-1).bottom >= view.bottom - 1;
  },
  fromEnd() {
    const { scrollHeight, scrollTop, clientHeight } = talk.log.scroller;
    return scrollHeight - scrollTop - clientHeight;
  },
  /** When nothing has scrolled for a while. */
  async rest() {
    for (let still = 0, last = -1; still < 20; still += 1) {
      await talk.frame();
      still = talk.log.scroller.scrollTop === last ? still : 0;
      last = talk.log.scroller.scrollTop;
    }
  },
  /** After the next frame has been shown. */
  frame: () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
};
/** Messages of some kinds, and what is done with them in the page. */
talk.scenes = {
  /** One of each kind. */
  everything() {
    const at = Date.now() - 600_000;
    const by = (name, text, more = {}) => item({ author: keyOf(name), at, text, ...more });
    const seen = { id: "seen", author: keyOf("grace"), authorName: "grace", text: "see" };
    const reactions = [{ emoji: "👍", by: [ME], isMine: true }, { emoji: "🎉", by: [keyOf("ken")], isMine: false }];
    talk.open({ firstUnread: "seen", all: [
      ...items(40),
      by("grace", "see https://a.example/ and `code`", { id: "seen", isPinned: true, editedAt: at }),
      by("barbara", "an answer", { replyTo: seen, reactions }),
      by("grace", "@ada **bold**\n> quote\n- list\n```\ncode\n```", { mentions: [ME], mentionsMe: true,
        burnAt: at + DAY }),
      by("barbara", "", { isDeleted: true }),
      by("old", "from elsewhere", { kind: "import", authorName: "old name" }),
      by("ada", "mine", { id: "mine" }),
      by("ada", "going out", { state: "sending" }),
      by("ada", "not sent", { state: "failed", error: { code: "denied", detail: "You may not." } }),
    ] });
    talk.client.change({ typing: { [LOUNGE]: [keyOf("grace")] } }, { typing: [LOUNGE] });
  },

  /** Two authors in turn; two of the messages are near in time. */
  groups() {
    const noon = new Date(2024, 2, 5, 12).getTime();
    const by = (name, minutes, text) => item({ id: text, author: keyOf(name), at: noon + minutes * 60_000, text });
    talk.open({ all: [by("grace", 0, "first"), by("grace", 2, "second"), by("barbara", 3, "third"),
      by("barbara", 9, "fourth"),
      by("barbara", 24 * 60, "fifth")] });
  },

  /** Two of mine that have failed. */
  failures() {
    const error = { code: "offline", detail: "The hub is out of reach." };
    talk.timeline.add(...["one", "two"].map((text) => item({ id: text, text, author: ME, state: "failed", error })));
  },

  /** A stranger's text in every place that shows what others write. */
  stranger(text, links) {
    const key = keyOf("mallory");
    const replyTo = { id: "none", author: "x", authorName: text, text };
    const reactions = [{ emoji: text.slice(0, 32), by: [key], isMine: false }];
    const fields = { author: key, authorName: text, replyTo, mentions: [key], reactions, isPinned: true, editedAt: 5 };
    talk.open({ all: [
      item({ ...fields, text: text + links }),
      item({ ...fields, text: `\`\`\`\n${text}\n\`\`\`\n> ${text}\n- ${text}` }),
      item({ ...fields, kind: "import", format: "plain", text: `${text}${links} @${text}` }),
      item({ ...fields, author: ME, text, state: "failed", error: { code: text, detail: text } }),
    ] });
    const { people, conversations } = talk.client.state;
    people[key] = { ...people[ME], key, isMe: false, name: "mallory", displayName: text, status: text };
    Object.assign(conversations[LOUNGE], { name: text, about: text });
    talk.client.change({ typing: { [LOUNGE]: [key] } }, { people: [key], conversations: [LOUNGE], typing: [LOUNGE] });
  },

  /** Watches each frame: whether rows fill the view, and whether those seen before have all moved by the same. */
  watch() {
    talk.uneven = 0;
    talk.gaps = 0;
    let before = new Map();
    const look = () => {
      const rows = [...talk.log.querySelectorAll(".item[data-id]:not(.stray)")];
      const now = new Map(rows.map((row) => [row.dataset.id, row.getBoundingClientRect().top]));
      const moves = [...now].filter(([id]) => before.has(id)).map(([id, top]) => top - before.get(id));
      talk.uneven = Math.max(talk.uneven, moves.length > 0 ? Math.max(...moves) - Math.min(...moves) : 0);
      talk.gaps += talk.isFilled() ? 0 : 1;
      before = now;
      talk.watching = requestAnimationFrame(look);
    };
    look();
  },

  /** Selects from the first message's bold word to the fifth character of the last, and copies. */
  copy(first, last) {
    const text = (id) => talk.log.article(id).querySelector(".text");
    getSelection().setBaseAndExtent(text(first).querySelector("strong").firstChild, 0,
      text(last).querySelector("p").firstChild, 5);
    const clipboardData = new DataTransfer();
    talk.log.scroller.dispatchEvent(new ClipboardEvent("copy", { clipboardData, bubbles: true, cancelable: true }));
    return clipboardData.getData("text/plain");
  },

  /** The work of reading so many characters of a text made of `unit`: [steps a character, nodes]. */
  work([unit, size, format]) {
    const text = unit.repeat(Math.ceil(size / unit.length)).slice(0, size);
    const { steps, nodes } = parse(text, { format, mentions: new Map([["ada", "k"]]) });
    return [steps / size, nodes];
  },
};
globalThis.talk = talk;
