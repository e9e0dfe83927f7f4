/**
 * Epochs of the channels of spaces (protocol.md section 7): taken from the channel's control messages, and made anew
 * where an admin's client sees a reason for it.
 *
 * The secret in the box for this device becomes the first window's key and is forgotten. Not here: which epochs count
 * (epoch_line.js), who is an admin (spaces.js), whose box keys live (boxkeys.js), what keys open (sealing.js).
 */

import { b64encode } from "../accord/encoding.js";
import {
  firstWindowKey, makeEpoch, makeHistory, openEpoch, openHistory, ROTATE_AFTER_MESSAGES, ROTATE_AFTER_MS, SECRET_BYTES,
  windowMsOf, winner,
} from "../accord/epochs.js";
import { AccordError, RemoteError } from "../accord/errors.js";
import { changeOf, devicesOf, keysOf } from "./epoch_devices.js";
import { EpochLine } from "./epoch_line.js";
import { toSay } from "../words/tosay.js";
import { ClientError } from "./errors.js";

/** Two admins' clients seldom wait equally long, so seldom do both make the next epoch. */
const MAX_PATIENCE_MS = 3_000;
const LOOK_MS = 10 * 60 * 1000;

/** @typedef {{done: number, total: number}} Progress */

/** All channels' epochs. */
export class Epochs {
  /** @type {EpochLine} */
  #line;
  /** @type {Map<string, Promise<void>>} topic -> what is being done about it */
  #turns = new Map();
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #patience = new Map();
  /** @type {Map<string, Progress>} */
  #progress = new Map();
  #timer = 0;
  #parts;

  /**
   * @param {{keystore: import("./keystore.js").Keystore, boxkeys: import("./boxkeys.js").BoxKeys,
   *   spaces: import("./spaces.js").Spaces, directory: import("./directory.js").Directory,
   *   clock: import("./clock.js").Clock, link: import("./link.js").Link, me: string,
   *   send: (draft: import("./composer.js").Draft) => Promise<import("./verify.js").Fact>,
   *   onKey: (topic: string) => void, onChanged: (topic: string) => void}} parts
   *   `onKey`: there is a new key; `onChanged`: pages are to be told of the topic
   */
  constructor(parts) {
    this.#parts = parts;
    this.#line = new EpochLine(parts);
  }

  /** There is a session. */
  opened() {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.lookAtAll(), LOOK_MS);
    this.#line.restarted();
    this.lookAtAll();
  }

  stop() {
    clearInterval(this.#timer);
    this.#patience.forEach((timer) => clearTimeout(timer));
    this.#patience.clear();
  }

  /** How far the making of an epoch has come; null when none is made. @param {string} topic @returns {Progress | null} */
  progressOf(topic) {
    return this.#progress.get(topic) ?? null;
  }

  #topics() {
    return [...this.#parts.directory.rows.values()].filter((row) => row.kind === "chan" && row.space)
      .map((row) => row.topic);
  }

  lookAtAll() {
    this.#topics().forEach((topic) => this.look(topic));
  }

  /** Who is in a space, or what its channels are, is otherwise now. @param {string} space */
  spaceChanged(space) {
    this.#topics().filter((topic) => this.#parts.directory.rows.get(topic)?.space === space)
      .forEach((topic) => this.look(topic));
  }

  /** Somebody's devices are others now. @param {string} user */
  devicesChanged(user) {
    this.#topics().filter((topic) => this.#parts.spaces.channel(topic)?.members.includes(user))
      .forEach((topic) => this.look(topic));
  }

  // --------------------------------------------------------------------------------------------------------- arrivals

  /** A message of a channel has come. @param {import("./verify.js").Fact} fact */
  take(fact) {
    if (this.#line.take(fact)) {
      this.look(fact.topic);
    }
  }

  /** Take what is held of a channel's epochs, then see whether another one is due. @param {string} topic */
  look(topic) {
    return this.#inTurn(topic, async () => {
      if (this.#parts.spaces.channel(topic)) {
        await this.#line.read(topic);
        await this.#adopt(topic);
        if (await this.#reason(topic)) {
          this.#rotateSoon(topic);
        }
      }
    });
  }

  #inTurn(topic, work) {
    const turn = (this.#turns.get(topic) ?? Promise.resolve()).then(work).catch((error) => {
      if (!(error instanceof AccordError || error instanceof ClientError)) {
        console.error(error);
      } // else: with the next session, or at the next look
    });
    this.#turns.set(topic, turn);
    return turn;
  }

  /**
   * The epoch to write under: not one that somebody knows who is put out (nor one of which that is not known yet, as of
   * a key that came by the vault), nor of who is no admin; null: wait.
   */
  writable(topic) {
    const channel = this.#parts.spaces.channel(topic);
    const records = this.#parts.keystore.of(topic).map((record) => ({ ...record, at: record.createdAt, record }));
    const greatest = Math.max(0, ...records.map(({ epoch }) => epoch));
    const best = this.#line.best(topic, records.filter(({ epoch }) => epoch === greatest));
    const isSafe = channel && best && channel.admins.includes(best.author) && best.users.length > 0
      && best.users.every((user) => channel.members.includes(user));
    return isSafe ? best.record : null;
  }

  async #adopt(topic) {
    const { keystore, onKey, onChanged } = this.#parts;
    let isNew = false;
    for (const epoch of this.#line.counting(topic)) {
      const held = keystore.of(topic).find(({ id }) => id === epoch.id);
      isNew = (held ? await this.#learnUsers(held, epoch) : await this.#open(topic, epoch)) || isNew;
    }
    for (const fact of this.#line.histories(topic)) {
      isNew = (await this.#openHistory(topic, fact)) || isNew;
    }
    if (isNew) {
      onKey(topic);
    }
    onChanged(topic);
  }

  /** For whom an epoch was sealed whose key was given to this browser without that; gives whether it is news. */
  async #learnUsers(record, epoch) {
    if (record.users.length > 0) {
      return false;
    }
    await this.#parts.keystore.learnUsers(record, usersOf(epoch));
    return true;
  }

  /** The box for this device, opened; gives whether there was one that holds what the epoch says. */
  async #open(topic, epoch) {
    const { boxkeys, me } = this.#parts;
    const boxed = boxFor(epoch.parts.flatMap((part) => part.body.members), me, boxkeys.mine());
    if (!boxed) {
      return false;
    }
    const { number, author, kid, windowMs, w0, id, prev, at } = epoch;
    const sealed = { topic, from: author, epoch: number, kid, user: me, boxkey: boxed.own.publicText, box: boxed.box };
    const secret = await opened(() => openEpoch(sealed, boxed.own.key));
    if (!secret) {
      return false;
    }
    await this.#keep({
      topic, epoch: number, id, prev, author, createdAt: at, windowMs, win: w0,
      users: usersOf(epoch),
      burnMs: this.#parts.spaces.channel(topic)?.burnMs ?? null,
      count: this.#parts.directory.rows.get(topic)?.count ?? 0,
      key: await firstWindowKey(secret, w0),
    });
    return true;
  }

  /** Windows before one came, as an admin has given them. */
  async #openHistory(topic, fact) {
    const { boxkeys, keystore, me, spaces } = this.#parts;
    const { epoch: number, win, members } = fact.body;
    const epoch = winner(this.#line.counting(topic).filter((each) => each.number === number));
    const held = keystore.of(topic, number).find(({ id }) => id === epoch?.id);
    const boxed = boxFor(members, me, boxkeys.mine());
    if (!epoch || !boxed || (held && held.win <= win) || !spaces.channel(topic)?.admins.includes(fact.author)) {
      return false;
    }
    const sealed = { topic, from: fact.author, epoch: number, win, user: me, boxkey: boxed.own.publicText, box: boxed.box };
    const key = await opened(() => openHistory(sealed, boxed.own.key));
    if (!key) {
      return false;
    }
    const { id, prev, author, at, windowMs } = epoch;
    const burnMs = spaces.channel(topic)?.burnMs ?? null;
    await this.#keep({
      topic, epoch: number, id, prev, author, createdAt: at, windowMs, win, users: [], burnMs, count: 0, key,
    });
    return true;
  }

  /** A key for which there is no room is held until this worker ends; the next one finds it in its box again. */
  async #keep(record) {
    try {
      await this.#parts.keystore.putKey(record);
    } catch (error) {
      if (!(error instanceof ClientError)) {
        throw error;
      }
      console.warn("a key was not kept:", error.code);
    }
  }

  // --------------------------------------------------------------------------------------------------------- rotation

  /** Why there should be another epoch, by what this admin's client knows; "" for no reason, or nobody to do it. */
  async #reason(topic) {
    const { spaces, link, me, clock, directory } = this.#parts;
    const channel = spaces.channel(topic);
    if (!link.connection || !channel?.admins.includes(me) || channel.isClosed) {
      return "";
    }
    const current = this.#line.current(topic);
    if (!current) {
      return "create";
    }
    const members = new Set(channel.members);
    if (!channel.admins.includes(current.author)) {
      return "removed";
    }
    if (current.recipients.some(({ user }) => !members.has(user))) {
      return "removed";
    }
    const isLoser = (epoch) => epoch.author === me && epoch.number === current.number && epoch.id !== current.id;
    if (this.#line.counting(topic).some(isLoser)) {
      return "conflict";
    }
    const devices = await devicesOf(channel.members, this.#parts.boxkeys);
    const change = changeOf(current.recipients, devices);
    if (change) {
      return change;
    }
    if (current.windowMs !== windowMsOf(channel.burnMs) || clock.now() - current.at > ROTATE_AFTER_MS) {
      return "age";
    }
    const count = directory.rows.get(topic)?.count ?? 0;
    return count - (this.#parts.keystore.newest(topic)?.count ?? count) > ROTATE_AFTER_MESSAGES ? "count" : "";
  }

  #rotateSoon(topic) {
    if (!this.#patience.has(topic)) {
      const patience = Math.random() * MAX_PATIENCE_MS;
      this.#patience.set(topic, setTimeout(() => {
        this.#patience.delete(topic);
        this.#inTurn(topic, async () => { // another admin may have been faster
          await this.#adopt(topic);
          const reason = await this.#reason(topic);
          if (reason) {
            await this.#rotate(topic, reason);
          }
        });
      }, patience));
    }
  }

  #mustAdminister(topic) {
    if (!this.#parts.spaces.channel(topic)?.admins.includes(this.#parts.me)) {
      throw new ClientError("denied");
    }
  }

  /**
   * Let a member read what was said before they came, as far back as this browser can; ClientError("denied").
   * @param {string} topic
   * @param {string} user
   * @returns {Promise<{given: number}>} of how many epochs they have been given keys
   */
  async giveHistory(topic, user) {
    const { keystore, me, send, spaces } = this.#parts;
    this.#mustAdminister(topic);
    const devices = (await keysOf(user, this.#parts.boxkeys)).map(({ boxkey }) => ({ user, boxkey }));
    if (!spaces.channel(topic)?.members.includes(user)) {
      throw new ClientError("not_found");
    }
    if (!devices.length) {
      throw new ClientError("not_found", toSay("Their devices have no keys yet, so nothing was given; try again when they were here."));
    }
    const records = keystore.of(topic).filter(({ users }) => !users.includes(user));
    for (const record of records) {
      const { epoch, win } = record;
      const body = await makeHistory(await keystore.bytesOf(record), { topic, epoch, win, from: me, devices });
      await send({ type: "space.history", topic, body, isControl: true });
    }
    return { given: records.length };
  }

  /** Make another epoch now; ClientError("denied"). @param {string} topic */
  async rotate(topic) {
    this.#mustAdminister(topic);
    let failure = null;
    await this.#inTurn(topic, () => this.#rotate(topic, "device").catch((error) => (failure = error)));
    if (failure) {
      throw failure;
    }
  }

  async #rotate(topic, reason) {
    const { me, spaces, send, onChanged } = this.#parts;
    const channel = spaces.channel(topic);
    const devices = await devicesOf(channel.members, this.#parts.boxkeys);
    const recipients = [...devices].flatMap(([user, keys]) => keys.map(({ boxkey }) => ({ user, boxkey })));
    if (!recipients.some(({ user }) => user === me)) {
      return; // this browser's own key is not published yet
    }
    const current = this.#line.current(topic);
    const tell = (done) => {
      this.#progress.set(topic, { done, total: recipients.length });
      onChanged(topic);
    };
    tell(0);
    try {
      const secret = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
      const bodies = await makeEpoch(secret, {
        topic, epoch: (current?.number ?? 0) + 1, from: me, windowMs: windowMsOf(channel.burnMs), reason,
        devices: recipients, ...(current ? { prevEpochHash: current.id } : {}),
      }, tell);
      for (const body of bodies) {
        this.#line.take(await send({ type: "space.epoch", topic, body, isControl: true }));
      }
    } finally {
      this.#progress.delete(topic);
      onChanged(topic);
    }
    await this.#adopt(topic);
  }
}

/** The people for whom an epoch was sealed. */
function usersOf({ recipients }) {
  return [...new Set(recipients.map(({ user }) => user))];
}

/** What is sealed to one of my devices; null for nothing. */
function boxFor(members, me, mine) {
  const own = new Map(mine.map((each) => [each.publicText, each]));
  const isForMe = (member) => b64encode(member.user) === me && own.has(b64encode(member.boxkey));
  const member = members.find(isForMe);
  return member ? { box: member.box, own: own.get(b64encode(member.boxkey)) } : null;
}

/** What a remote has sealed; null where it does not open. */
async function opened(work) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RemoteError) {
      console.warn("a key was not taken:", error.code);
      return null;
    }
    throw error;
  }
}
