// Spaces: who belongs to one, in which role, and which channels it has (protocol.md section 7).
//
// A space's control messages are a chain by `prev`. What they amount to depends on the set of them alone, never on the
// order in which they came: `SpaceView.of` puts them into the linear view and judges each at its place there. Not here:
// the keys of channels (epochs.js), invites into a space (space_invites.js).

import { b64decode, b64encode, compareBytes } from "./encoding.js";
import { RemoteError } from "./errors.js";
import { labelledHash } from "./primitives.js";
import { verifyJoinProof } from "./space_invites.js";

const MAX_WALKS = 8;
const MAX_HEADS = 16;
const DEEDS = new Set(["create", "profile", "member", "channel", "invite", "join", "leave"].map((deed) => `space.${deed}`));

/**
 * A control message of a space, verified: `prev` as in its header (ids), `body` as readBody gives it.
 * @typedef {{id: string, type: string, author: string, at: number, prev: string[], body: Record<string, any>}} Deed
 */

/**
 * @typedef {{name: string, about: string, voice: boolean, burnMs: number | null, private: boolean, closed: boolean}}
 *   Channel
 *   `burnMs`: how long its messages live; `private`: its members are the admins; `closed`: nothing more is written there
 */

/**
 * An invite that stands: until when (ms), for how many more, who gave it, and its place in the linear view.
 * @typedef {{expires: number, left: number, by: string, place: number}} Invite
 */

/**
 * @param {Uint8Array} creator
 * @param {Uint8Array} nonce 16 bytes
 * @returns {Promise<Uint8Array>}
 */
export function spaceId(creator, nonce) {
  return labelledHash("space", creator, nonce);
}

/**
 * @param {Uint8Array} creator
 * @param {Uint8Array} nonce 16 bytes
 * @param {Uint8Array} space
 * @returns {Promise<Uint8Array>}
 */
export function channelId(creator, nonce, space) {
  return labelledHash("channel", creator, nonce, space);
}

/** What only hashes and signatures say of a deed, found once: whether its id fits, or its proof. */
const proved = new WeakMap();

/** @param {Deed} deed @param {string} space @returns {Promise<boolean>} */
async function prove({ type, author, body }, space) {
  const key = b64decode(author);
  if (type === "space.create") return b64encode(await spaceId(key, body.nonce)) === space;
  if (type === "space.channel" && body.nonce !== undefined) {
    return compareBytes(await channelId(key, body.nonce, b64decode(space)), body.channel) === 0;
  }
  if (type !== "space.join") return true;
  try {
    await verifyJoinProof(body.proof, { space, user: author, pubkey: body.pubkey });
    return true;
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    return false;
  }
}

/** The deeds of one space by id, and what stands on what. */
class Graph {
  /** @type {Map<string, Deed>} */
  deeds = new Map();
  /** @type {Map<string, Uint8Array>} */
  raw = new Map();
  /** @type {Map<string, string[]>} */
  #children = new Map();

  /** @param {Deed[]} deeds */
  constructor(deeds) {
    for (const deed of deeds) {
      this.deeds.set(deed.id, deed);
      this.raw.set(deed.id, b64decode(deed.id));
    }
    for (const { id, prev } of this.deeds.values()) {
      for (const before of new Set(prev)) this.#children.set(before, [...this.children(before), id]);
    }
  }

  /** @param {string} id */
  deed(id) {
    return /** @type {Deed} */ (this.deeds.get(id));
  }

  /** @param {string} id @returns {string[]} */
  children(id) {
    return this.#children.get(id) ?? [];
  }

  /** @param {string} a @param {string} b by raw bytes */
  compare(a, b) {
    return compareBytes(/** @type {Uint8Array} */ (this.raw.get(a)), /** @type {Uint8Array} */ (this.raw.get(b)));
  }

  /** @param {string} start @param {(id: string) => Iterable<string>} step */
  #reach(start, step) {
    const seen = new Set([start]);
    const waiting = [start];
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      for (const next of step(id)) {
        if (this.deeds.has(next) && !seen.has(next)) {
          seen.add(next);
          waiting.push(next);
        }
      }
    }
    return seen;
  }

  /** The author's deeds that neither led to this one nor follow from it. @param {string} id @param {string} author */
  beside(id, author) {
    const others = [...this.deeds.values()].filter((deed) => deed.author === author && deed.id !== id);
    if (others.length === 0) return [];
    const before = this.#reach(id, (at) => this.deed(at).prev);
    const after = this.#reach(id, (at) => this.children(at));
    return others.map((deed) => deed.id).filter((each) => !before.has(each) && !after.has(each));
  }
}

/**
 * What the control messages of a space amount to.
 *
 * `order` is the linear view as message ids, `effect` those that had any, `waiting` those that lack an ancestor, `heads`
 * what the next message names in `prev`. `members` are roles by user key; `admins` stand in the order in which they became so.
 */
export class SpaceView {
  name = "";
  about = "";
  /** @type {Map<string, "admin" | "member">} */
  members = new Map();
  /** @type {Map<string, Channel>} */
  channels = new Map();
  /** @type {Map<string, Invite>} by public key */
  invites = new Map();
  /** @type {string[]} */
  order = [];
  /** @type {Set<string>} */
  effect = new Set();
  /** @type {string[]} those that lack an ancestor */
  waiting = [];
  /** @type {string[]} */
  admins = [];
  /** @type {string[]} */
  heads = [];
  /** @type {Map<string, number>} who became an admin last, and at which place */
  #since = new Map();
  /** @type {Map<string, string>} deeds that take from an admin of shorter standing, and from whom */
  #taken = new Map();
  /** @type {Map<string, number>} who was put out, and at which place */
  #putOut = new Map();
  /** @type {Map<string, number>} */
  #used = new Map();

  /**
   * The view of the messages that are held of `space:<space>`.
   *
   * What takes the role of a younger admin voids what that admin did without knowing of it. This is found in walks: each leaves
   * out what the takings of the one before it void.
   * @param {string} space its id in base64url
   * @param {Iterable<Deed>} messages in any order
   * @returns {Promise<SpaceView>}
   */
  static async of(space, messages) {
    const deeds = [...messages].filter((message) => DEEDS.has(message.type));
    const unproved = deeds.filter((deed) => !proved.has(deed));
    const found = await Promise.all(unproved.map((deed) => prove(deed, space)));
    unproved.forEach((deed, i) => proved.set(deed, found[i]));
    const graph = new Graph(deeds);
    /** @type {Set<string>} */
    let voided = new Set();
    let view = new SpaceView();
    for (let walk = 0; walk < MAX_WALKS; walk += 1) {
      view = new SpaceView();
      const next = view.#walk(graph, voided);
      if (next.size === voided.size && [...next].every((id) => voided.has(id))) break;
      voided = next;
    }
    return view;
  }

  /** Whether the space is known at all: its root is held. */
  get isKnown() {
    return this.order.length > 0;
  }

  /**
   * Whether a user may now do something: `profile`, `channel`, `invite`, `epoch`; `member` (change the role of `about`); `leave`;
   * `read` (the space, or the channel `about`); `write` (in the channel `about`).
   * @param {string} key
   * @param {string} deed
   * @param {string} [about]
   * @returns {boolean}
   */
  may(key, deed, about) {
    const role = this.members.get(key);
    if (["profile", "channel", "invite", "epoch"].includes(deed)) return role === "admin";
    if (deed === "member") return role === "admin" && about !== undefined && this.#mayChange(key, about);
    if (deed === "leave") return role !== undefined && !this.isLastAdmin(key);
    if (about === undefined) return deed === "read" && role !== undefined;
    const channel = this.channels.get(about);
    if (!channel || !role || (channel.private && role !== "admin")) return false;
    return deed === "read" || (deed === "write" && !channel.closed);
  }

  /** The members of a channel; nobody where there is none. @param {string} channel @returns {string[]} */
  membersOf(channel) {
    const found = this.channels.get(channel);
    if (!found) return [];
    return found.private ? [...this.admins] : [...this.members.keys()];
  }

  /** Whether somebody is the only admin: such a one keeps the role until there is another. @param {string} key */
  isLastAdmin(key) {
    return this.admins.length === 1 && this.admins[0] === key;
  }

  // ------------------------------------------------------------------------------------------ one walk along the chain

  /**
   * Place and judge every deed; gives what the takings of admins' roles void.
   * @param {Graph} graph
   * @param {Set<string>} voided
   */
  #walk(graph, voided) {
    const found = new Set();
    const lacking = new Map([...graph.deeds.values()].map(({ id, prev }) => [id, new Set(prev).size]));
    const ready = [...graph.deeds.values()]
      .filter((deed) => deed.prev.length === 0 && deed.type === "space.create" && proved.get(deed)).map(({ id }) => id);
    const stoodOn = new Set();
    while (ready.length > 0) {
      const id = this.#takeFirst(ready, graph);
      const deed = graph.deed(id);
      this.order.push(id);
      deed.prev.forEach((before) => stoodOn.add(before));
      const admins = [...this.admins];
      if (!voided.has(id) && this.#judge(deed)) {
        this.effect.add(id);
        const taken = this.#taken.get(id);
        if (taken !== undefined) graph.beside(id, taken).forEach((each) => found.add(each));
      }
      const gone = new Set(admins.filter((each) => !this.admins.includes(each)));
      for (const [key, invite] of this.invites) {
        if (gone.has(invite.by)) this.invites.delete(key);
      }
      for (const child of graph.children(id)) {
        lacking.set(child, lacking.get(child) - 1);
        if (lacking.get(child) === 0) ready.push(child);
      }
    }
    const free = this.order.filter((id) => !stoodOn.has(id)).sort((a, b) => graph.compare(a, b));
    this.heads = free.slice(0, MAX_HEADS);
    const placed = new Set(this.order);
    this.waiting = [...graph.deeds.keys()].filter((id) => !placed.has(id)).sort((a, b) => graph.compare(a, b));
    return found;
  }

  /** Of those that are ready, the longest-standing admin's first, then by id. @param {string[]} ready @param {Graph} graph */
  #takeFirst(ready, graph) {
    const standing = (/** @type {string} */ id) => this.#standing(graph.deed(id).author);
    let best = 0;
    for (let i = 1; i < ready.length; i += 1) {
      const ahead = standing(ready[i]) - standing(ready[best]);
      if (ahead < 0 || (ahead === 0 && graph.compare(ready[i], ready[best]) < 0)) best = i;
    }
    return ready.splice(best, 1)[0];
  }

  #standing(author) {
    const place = this.admins.indexOf(author);
    return place < 0 ? this.admins.length : place;
  }

  /** Do what a deed says, if its author may at this place; whether it changed anything. @param {Deed} deed */
  #judge(deed) {
    const { type, author, body } = deed;
    if (type === "space.create") return this.#create(deed);
    if (type === "space.join") return this.#join(deed);
    if (type === "space.leave") return this.may(author, "leave") && this.#giveRole(author, null);
    if (this.members.get(author) !== "admin") return false;
    if (type === "space.profile") return this.#profile(body);
    if (type === "space.member") return this.#member(deed.id, author, b64encode(body.user), body.role);
    return type === "space.channel" ? this.#channel(deed) : this.#invite(author, body);
  }

  #create({ author, prev, body }) {
    if (this.order.length > 1 || prev.length > 0) return false;
    this.#profile(body);
    return this.#giveRole(author, "admin");
  }

  #profile({ name, about }) {
    this.name = name;
    this.about = about ?? "";
    return true;
  }

  /** An admin changes members, and admins who became so later; the own role as long as another admin stays. */
  #mayChange(admin, other) {
    if (this.members.get(other) !== "admin") return true;
    if (admin === other) return !this.isLastAdmin(admin);
    return this.admins.indexOf(admin) < this.admins.indexOf(other);
  }

  #member(id, author, user, role) {
    if (!this.#mayChange(author, user)) return false;
    const wanted = role === "none" ? null : role;
    if (user === author) return this.#giveRole(user, wanted);
    const isTaken = role !== "admin" && (this.members.get(user) === "admin" || role === "none");
    if (isTaken && (this.#since.get(user) ?? -1) > (this.#since.get(author) ?? 0)) this.#taken.set(id, user);
    const hasChanged = this.#giveRole(user, wanted);
    if (role !== "none") return hasChanged;
    this.#putOut.set(user, this.order.length); // also of who has gone already, or a leave from before would undo it
    return true;
  }

  #giveRole(user, role) {
    if ((this.members.get(user) ?? null) === role) return false;
    this.admins = this.admins.filter((each) => each !== user);
    if (role === null) return this.members.delete(user);
    this.members.set(user, role);
    if (role === "admin") {
      this.admins.push(user);
      this.#since.set(user, this.order.length);
    }
    return true;
  }

  #join(deed) {
    const pubkey = b64encode(deed.body.pubkey);
    const invite = this.invites.get(pubkey);
    if (!invite || this.members.has(deed.author) || deed.at > invite.expires || invite.left < 1) return false;
    if ((this.#putOut.get(deed.author) ?? 0) > invite.place || !proved.get(deed)) return false;
    this.#used.set(pubkey, (this.#used.get(pubkey) ?? 0) + 1);
    this.invites.set(pubkey, { ...invite, left: invite.left - 1 });
    return this.#giveRole(deed.author, "member");
  }

  #invite(by, body) {
    const pubkey = b64encode(body.pubkey);
    const left = Math.max(0, body.uses - (this.#used.get(pubkey) ?? 0));
    this.invites.set(pubkey, { expires: body.expires, left, by, place: this.order.length });
    return true;
  }

  #channel(deed) {
    const { body } = deed;
    const id = b64encode(body.channel);
    const isNew = body.nonce !== undefined;
    if (isNew === this.channels.has(id) || (isNew && !proved.get(deed))) return false;
    this.channels.set(id, {
      name: body.name,
      about: body.about ?? "",
      voice: body.voice === true,
      burnMs: body.burn_ms ?? null,
      private: body.private === true,
      closed: body.closed === true,
    });
    return true;
  }
}
