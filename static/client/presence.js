/**
 * Who is there and who is typing: signals, true for a moment and never stored (protocol.md section 4, `signal`).
 *
 *   {presence: "online" | "away" | "offline", ask?: true}   to the lounge; answers to an `ask` go to the asker's inbox
 *   {typing: true}                                           to the conversation's topic
 */

const REFRESH_MS = 2 * 60 * 1000;
const FORGET_MS = 5 * 60 * 1000;
const AWAY_MS = 10 * 60 * 1000;
const ANSWER_WITHIN_MS = 2_000;
const MAX_SINGLE_ANSWERS = 3;
const TYPING_EVERY_MS = 4_000;
const TYPING_SHOWN_MS = 6_000;
const TICK_MS = 10_000;
const MIN_GAP_MS = 250;
const STATES = new Set(["online", "away", "offline"]);

/** Signals in and out. */
export class Presence {
  /** @type {Map<string, {presence: string, at: number}>} */
  #others = new Map();
  /** @type {Map<string, Map<string, number>>} conversation -> key -> timer */
  #typing = new Map();
  #typedAt = new Map();
  #askers = new Set();
  #answerTimer = 0;
  #queue = [];
  #queueTimer = 0;
  #ticker = 0;
  #said = "";
  #saidAt = 0;
  #activeAt = Date.now();
  #isAway = false;
  #parts;

  /**
   * @param {{link: import("./link.js").Link, directory: import("./directory.js").Directory, pages: {isVisible:
   *   boolean},
   *   state: import("./state.js").PublishedState, me: string, onChanged: (key: string) => void}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /** A session has begun: say so, and ask who else is there. */
  opened() {
    clearInterval(this.#ticker);
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#say(this.#mine(), true);
  }

  /** The session is over: nothing is known of anyone. */
  lost() {
    clearInterval(this.#ticker);
    clearTimeout(this.#answerTimer);
    this.#askers.clear();
    this.#queue = [];
    const known = [...this.#others.keys()];
    this.#others.clear();
    known.forEach((key) => this.#parts.onChanged(key));
    for (const conversation of [...this.#typing.keys()]) {
      for (const key of [...this.#typing.get(conversation).keys()]) {
        this.#stopped(conversation, key);
      }
    }
  }

  /** @param {string} key @returns {"online" | "away" | "offline"} */
  of(key) {
    if (key === this.#parts.me) {
      return this.#parts.link.connection ? this.#mine() : "offline";
    }
    return /** @type {any} */ (this.#others.get(key)?.presence ?? "offline");
  }

  /** What a page says of its person. @param {"online" | "away"} state */
  set(state) {
    this.#isAway = state === "away";
    this.#activeAt = Date.now();
    this.#update();
  }

  /** Pages came, went, or are seen or not. */
  pagesChanged() {
    if (this.#parts.pages.isVisible) {
      this.#activeAt = Date.now();
    }
    this.#update();
  }

  #mine() {
    const isIdle = !this.#parts.pages.isVisible && Date.now() - this.#activeAt > AWAY_MS;
    return this.#isAway || isIdle ? "away" : "online";
  }

  #update() {
    if (this.#parts.link.connection && this.#said !== this.#mine()) {
      this.#say(this.#mine(), false);
    }
  }

  #say(presence, ask) {
    const lounge = this.#parts.directory.lounge();
    this.#said = presence;
    this.#saidAt = Date.now();
    this.#parts.onChanged(this.#parts.me);
    if (lounge) {
      this.#send(lounge.topic, ask ? { presence, ask } : { presence });
    }
  }

  #tick() {
    this.#update();
    if (Date.now() - this.#saidAt > REFRESH_MS) {
      this.#say(this.#mine(), false);
    }
    for (const [key, { at }] of this.#others) {
      if (Date.now() - at > FORGET_MS) {
        this.#others.delete(key);
        this.#parts.onChanged(key);
      }
    }
  }

  /** The hub takes five signals a second; what is too many waits. */
  #send(to, body) {
    this.#queue.push({ type: "signal", to, body });
    this.#queueTimer ||= setTimeout(() => this.#drain(), 0);
  }

  #drain() {
    this.#queueTimer = 0;
    const frame = this.#queue.shift();
    if (frame && this.#parts.link.connection?.isOpen) {
      this.#parts.link.connection.send(frame);
      this.#queueTimer = setTimeout(() => this.#drain(), MIN_GAP_MS);
    }
  }

  // -------------------------------------------------------------------------------------------------- of the others

  /** A signal frame. @param {any} frame @param {string} conversation which it belongs to */
  take({ from, body }, conversation) {
    if (typeof body !== "object" || body === null || from === this.#parts.me || !this.#parts.directory.knows(from)) {
      return;
    }
    if (STATES.has(body.presence)) {
      this.#heard(from, body.presence);
      if (body.ask === true) {
        this.#answer(from);
      }
    }
    if (body.typing === true && conversation) {
      this.#types(conversation, from);
    }
  }

  #heard(key, presence) {
    const before = this.of(key);
    this.#others.set(key, { presence, at: Date.now() });
    if (before !== presence) {
      this.#parts.onChanged(key);
    }
  }

  /** Whoever has just said something is there. @param {string} key @param {string} conversation */
  spoke(key, conversation) {
    this.#stopped(conversation, key);
    if (this.of(key) === "offline") {
      this.#heard(key, "online");
    }
  }

  /** Many who ask at once, as after a restart of the hub, get one answer in the lounge. */
  #answer(asker) {
    this.#askers.add(asker);
    if (this.#askers.size > 1) {
      return;
    }
    this.#answerTimer = setTimeout(() => {
      const askers = [...this.#askers];
      this.#askers.clear();
      if (askers.length > MAX_SINGLE_ANSWERS) {
        this.#say(this.#mine(), false);
      } else {
        askers.forEach((key) => this.#send(`user:${key}`, { presence: this.#mine() }));
      }
    }, Math.random() * ANSWER_WITHIN_MS);
  }

  #types(conversation, key) {
    const typing = this.#typing.get(conversation) ?? new Map();
    const isNew = !typing.has(key);
    clearTimeout(typing.get(key));
    const timer = setTimeout(() => this.#stopped(conversation, key), TYPING_SHOWN_MS);
    this.#typing.set(conversation, typing.set(key, timer));
    if (isNew) {
      this.#publishTyping(conversation);
    }
  }

  #stopped(conversation, key) {
    const typing = this.#typing.get(conversation);
    if (typing?.has(key)) {
      clearTimeout(typing.get(key));
      typing.delete(key);
      this.#publishTyping(conversation);
    }
  }

  #publishTyping(conversation) {
    const keys = [...(this.#typing.get(conversation)?.keys() ?? [])];
    if (keys.length) {
      this.#parts.state.put("typing", conversation, keys);
    } else {
      this.#typing.delete(conversation);
      this.#parts.state.drop("typing", conversation);
    }
  }

  // ------------------------------------------------------------------------------------------------------- one's own

  /** I am writing in a conversation. @param {string} topic */
  typing(topic) {
    const now = Date.now();
    const isFeed = topic.startsWith("feed:"); // nobody is told that posts are being written
    if (!isFeed && this.#parts.link.connection && now - (this.#typedAt.get(topic) ?? 0) >= TYPING_EVERY_MS) {
      this.#typedAt.set(topic, now);
      this.#send(topic, { typing: true });
    }
  }

  /** I have sent what I was writing: that I was is no longer told, and the next letter at once. @param {string} topic */
  typed(topic) {
    this.#typedAt.delete(topic);
    this.#queue = this.#queue.filter(({ to, body }) => to !== topic || !body.typing);
  }
}
