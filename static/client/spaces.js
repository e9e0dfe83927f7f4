/**
 * The spaces one is in (protocol.md section 7): their chains, read whole from the hub and kept up to date by
 * subscription, what pages see of them, and what one does there.
 *
 * Who may do what is worked out by accord/spaces.js, from signed messages alone; the hub's word is not asked. Not here:
 * keys and epochs (epochs.js), what is said in channels (timelines.js).
 */

import { b64decode, b64encode } from "../accord/encoding.js";
import { AccordError } from "../accord/errors.js";
import { MAX_ABOUT_CHARS, MAX_CHANNEL_NAME_CHARS } from "../accord/message_types.js";
import { SECRET_BYTES } from "../accord/invites.js";
import { spaceInviteKey, SpaceLink } from "../accord/space_invites.js";
import { channelId, spaceId, SpaceView } from "../accord/spaces.js";
import { NONCE_BYTES } from "../accord/topics.js";
import { toSay } from "../words/tosay.js";
import { isKey } from "./directory.js";
import { ClientError } from "./errors.js";
import { ORIGIN } from "./hub.js";
import { readFact, readFacts } from "./verify.js";

const PAGE_MESSAGES = 500;
const MAX_PAGES = 200;
const MAX_INVITE_MS = 30 * 24 * 3600 * 1000;
const MAX_USES = 1_000;
const FIRST_CHANNEL = "general";
const LONGER = toSay("You may change members, and admins who became so after you; one admin must stay.");

function nameText(value) {
  return textOf(value, MAX_CHANNEL_NAME_CHARS, 1, toSay("A name has 1 to {most} characters; nothing was changed.", {
    most: MAX_CHANNEL_NAME_CHARS,
  }));
}

function aboutText(value) {
  return textOf(value, MAX_ABOUT_CHARS, 0, toSay("What it is for has at most {most} characters; nothing was changed.", {
    most: MAX_ABOUT_CHARS,
  }));
}

function textOf(value, maxChars, minChars, otherwise) {
  const text = String(value ?? "").trim();
  const chars = Array.from(text).length;
  if (chars < minChars || chars > maxChars) {
    throw new ClientError("bad_request", otherwise);
  }
  return text;
}

function withoutEmpty(body) {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== "" && value !== false && value !== null));
}

/** All of them, by id. */
export class Spaces {
  /** Told of each space whose chain has changed. @type {(space: string) => void} */
  onChanged = () => {};
  /** @type {Map<string, {messages: Map<string, any>, view: SpaceView}>} */
  #held = new Map();
  /** One after another: views are worked out from what is held at that moment. */
  #work = Promise.resolve();
  #parts;
  /** Those who wait until one is in a space, by its id. @type {Map<string, Set<() => void>>} */
  #awaited = new Map();

  /**
   * @param {{link: import("./link.js").Link, rest: import("./rest.js").Rest, clock: import("./clock.js").Clock,
   *   directory: import("./directory.js").Directory, state: import("./state.js").PublishedState,
   *   people: import("./people.js").People, account: import("./account.js").Account,
   *   composer: () => import("./composer.js").Composer, conversations: import("./conversations.js").Conversations,
   *   me: string}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  // ---------------------------------------------------------------------------------------------------------- reading

  /** The topics to listen to. */
  followed() {
    return [...this.#parts.directory.rows.values()].filter((row) => row.kind === "space");
  }

  /** The hub has said which there are: read those that are new here, forget those that are not. */
  refresh() {
    const there = new Set(this.followed().map((row) => row.key));
    for (const space of [...this.#held.keys()].filter((each) => !there.has(each))) {
      this.gone(space);
    }
    const isBehind = ({ key, count }) => (this.#held.get(key)?.messages.size ?? 0) < Math.max(1, count);
    return Promise.all(this.followed().filter(isBehind).map((row) => this.load(row.key)));
  }

  /** Read a space from its beginning. @param {string} space */
  load(space) {
    return this.#inTurn(async () => {
      const messages = this.#held.get(space)?.messages ?? new Map();
      let before;
      for (let page = 0; page < MAX_PAGES; page += 1) {
        const asked = { topic: `space:${space}`, limit: PAGE_MESSAGES, ...(before ? { before } : {}) };
        const answer = await this.#parts.link.request("fetch", asked);
        for (const fact of await readFacts(answer.messages)) {
          hold(messages, space, fact);
        }
        before = answer.next;
        if (!answer.more || !before) {
          break;
        }
      }
      await this.#renew(space, messages);
    });
  }

  /** A message has arrived. @param {import("./verify.js").Fact} fact */
  take(fact) {
    const space = fact.topic.slice("space:".length);
    return this.#inTurn(async () => {
      const messages = this.#held.get(space)?.messages ?? new Map();
      if (hold(messages, space, fact)) {
        await this.#renew(space, messages);
      }
    });
  }

  /** One is no longer in it. @param {string} space */
  gone(space) {
    const { state, conversations } = this.#parts;
    const channels = this.#held.get(space)?.view.channels ?? new Map();
    this.#held.delete(space);
    state.drop("spaces", space);
    [...channels.keys()].map((id) => `chan:${id}`).filter((id) => conversations.has(id))
      .forEach((id) => conversations.publish(id));
  }

  /** Done, or given up: what could not be read is read again with the next session. @param {() => Promise<void>} work */
  #inTurn(work) {
    this.#work = this.#work.then(work).catch((error) => {
      if (!(error instanceof AccordError || error instanceof ClientError)) {
        console.error(error);
      }
    });
    return this.#work;
  }

  async #renew(space, messages) {
    const view = await SpaceView.of(space, messages.values());
    this.#held.set(space, { messages, view });
    this.#publish(space, view);
    if (this.mine(space)) {
      this.#awaited.get(space)?.forEach((done) => done());
      this.#awaited.delete(space);
    }
    this.onChanged(space);
  }

  #publish(space, view) {
    const { state, people, conversations, me, directory } = this.#parts;
    const role = view.members.get(me);
    if (!view.isKnown || !role) {
      state.drop("spaces", space);
      return;
    }
    people.want([...view.members.keys()]);
    state.put("spaces", space, {
      id: space,
      name: view.name,
      about: view.about,
      role,
      isLastAdmin: view.isLastAdmin(me),
      channels: [...view.channels].filter(([id]) => view.may(me, "read", id)).map(([id, each]) => shown(id, each)),
      members: [...view.members].map(([key, each]) => ({ key, role: each, canChange: view.may(me, "member", key) })),
      invites: role === "admin" ? standing(view) : [],
      hub: directory.rows.get(`space:${space}`)?.hub ?? null,
    });
    for (const id of view.channels.keys()) {
      if (directory.rows.has(`chan:${id}`)) {
        conversations.channel(`chan:${id}`);
      }
    }
  }

  /** The space a channel belongs to, and what it says of it; null where that is not held. @param {string} topic */
  channel(topic) {
    const space = this.#parts.directory.rows.get(topic)?.space;
    const view = this.#held.get(space ?? "")?.view;
    const id = topic.slice("chan:".length);
    const found = view?.channels.get(id);
    return found ? { ...shown(id, found), space, members: view.membersOf(id), admins: view.admins } : null;
  }

  /** Whether somebody administers a channel of a space. @param {string} topic @param {string} key */
  isAdmin(topic, key) {
    return this.channel(topic)?.admins.includes(key) === true;
  }

  // ------------------------------------------------------------------------------------------------------------ deeds

  #view(space) {
    const held = this.#held.get(String(space));
    if (!held?.view.isKnown) {
      throw new ClientError("not_found");
    }
    return held.view;
  }

  /** The space as it is for one who is in it; null where one is not. @param {string} space */
  mine(space) {
    const view = this.#held.get(space)?.view;
    return view?.isKnown && view.members.has(this.#parts.me) ? view : null;
  }

  /**
   * Whether one is in a space, as soon as one is or when the time is over.
   * @param {string} space
   * @param {number} patienceMs
   * @returns {Promise<boolean>}
   */
  async comes(space, patienceMs) {
    if (!this.mine(space)) {
      const waiting = this.#awaited.get(space) ?? new Set();
      this.#awaited.set(space, waiting);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, patienceMs);
        waiting.add(() => {
          clearTimeout(timer);
          resolve(undefined);
        });
      });
    }
    return this.mine(space) !== null;
  }

  /** A signed control message. @param {string} space @param {string} type @param {object} body @param {string[]} prev */
  signed(space, type, body, prev) {
    return this.#parts.composer().make({ type, topic: `space:${space}`, body, prev, isControl: true });
  }

  /** Store at the hub what was signed, and hold it. @returns {Promise<import("./verify.js").Fact>} */
  async store(envelope) {
    const { link } = this.#parts;
    const { results } = await link.request("publish", { messages: [envelope] });
    const { status, code = "internal" } = results?.[0] ?? {};
    if (status !== "stored" && status !== "duplicate") {
      throw new AccordError(code);
    }
    const fact = await readFact(envelope);
    await this.take(fact);
    return fact;
  }

  async #say(space, type, body, prev) {
    return this.store(await this.signed(space, type, body, prev ?? this.#view(space).heads));
  }

  /** A new space with a first channel. */
  async create({ name, about, burnMs = null }) {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const space = b64encode(await spaceId(this.#parts.account.user.publicKey, nonce));
    await this.#say(space, "space.create", withoutEmpty({
      nonce: b64encode(nonce),
      name: nameText(name),
      about: aboutText(about),
    }), []);
    const { conversation } = await this.channelSet({ space, name: FIRST_CHANNEL, burnMs });
    return { space, conversation };
  }

  async leave({ space }) {
    if (this.#view(space).isLastAdmin(this.#parts.me)) {
      throw new ClientError("denied", toSay("You are its only admin: make somebody else admin first, then leave."));
    }
    await this.#say(space, "space.leave", {});
    return {};
  }

  /** A link for new members. */
  async invite({ space, expiresInMs, uses }) {
    const { account, clock } = this.#parts;
    const secret = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
    const { publicText: pubkey } = await spaceInviteKey(secret);
    const expires = clock.hubNow() + Math.min(MAX_INVITE_MS, Number(expiresInMs) || MAX_INVITE_MS);
    const count = Math.min(MAX_USES, Math.max(1, Math.floor(Number(uses)) || 1));
    await this.#say(space, "space.invite", { pubkey, expires, uses: count, role: "member" });
    return { link: new SpaceLink(ORIGIN, secret, b64decode(space, 32), b64decode(account.hubText, 32)).toString() };
  }

  /** A link lets nobody in any more; whoever has joined stays. */
  async withdraw({ space, pubkey }) {
    const invite = this.#view(space).invites.get(String(pubkey));
    if (!invite?.left) {
      throw new ClientError("not_found", toSay("This link no longer works anyway."));
    }
    await this.#say(space, "space.invite", { pubkey, expires: invite.expires, uses: 0, role: "member" });
    return {};
  }

  /** Add somebody, or change what they may do; role `none` puts them out. */
  async setRole({ space, key, role }) {
    if (!isKey(key) || !["admin", "member", "none"].includes(role)) {
      throw new ClientError("bad_request");
    }
    if (!this.#view(space).may(this.#parts.me, "member", key)) {
      throw new ClientError("denied", LONGER);
    }
    await this.#say(space, "space.member", { user: key, role });
    return {};
  }

  /** What the space is called from now on, and what it is for. */
  async rename({ space, name, about }) {
    this.#view(space);
    await this.#say(space, "space.profile", withoutEmpty({
      name: nameText(name),
      about: aboutText(about),
    }));
    return {};
  }

  /** Make a channel, or change one (`channel`: its id). */
  async channelSet({ space, channel, name, about, burnMs = null, isPrivate = false, voice = false, isClosed = false }) {
    this.#view(space);
    const fields = withoutEmpty({
      name: nameText(name),
      about: aboutText(about),
      burn_ms: burnMs,
      private: isPrivate === true,
      voice: voice === true,
      closed: isClosed === true,
    });
    if (channel) {
      await this.#say(space, "space.channel", { channel, ...fields });
      return { conversation: `chan:${channel}` };
    }
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const ident = await channelId(this.#parts.account.user.publicKey, nonce, b64decode(space, 32));
    await this.#say(space, "space.channel", { channel: b64encode(ident), nonce: b64encode(nonce), ...fields });
    return { conversation: `chan:${b64encode(ident)}` };
  }
}

function hold(messages, space, fact) {
  if (messages.has(fact.id) || fact.topic !== `space:${space}` || fact.body === null) {
    return false;
  }
  messages.set(fact.id, fact);
  return true;
}

/** The invites by which somebody could still join, unless they have run out meanwhile (`expires`, ms). */
function standing({ invites }) {
  return [...invites].filter(([, { left }]) => left > 0)
    .map(([pubkey, { expires, left, by }]) => ({ pubkey, expires, left, by }));
}

function shown(id, { name, about, voice, burnMs, private: isPrivate, closed: isClosed }) {
  return { id: `chan:${id}`, name, about, voice, burnMs, isPrivate, isClosed };
}

/**
 * What pages may ask for.
 * @param {Spaces} spaces
 * @returns {Record<string, (params: any) => any>}
 */
export function spaceCalls(spaces) {
  return {
    "space.create": (params) => spaces.create(params),
    "space.rename": (params) => spaces.rename(params),
    "space.leave": (params) => spaces.leave(params),
    "space.invite": (params) => spaces.invite(params),
    "space.withdraw": (params) => spaces.withdraw(params),
    "space.addMember": (params) => spaces.setRole({ role: "member", ...params }),
    "space.setRole": (params) => spaces.setRole(params),
    "space.removeMember": (params) => spaces.setRole({ ...params, role: "none" }),
    "space.channel": (params) => spaces.channelSet(params),
  };
}
