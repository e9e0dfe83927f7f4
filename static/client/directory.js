/**
 * What is where and who is who, from the hub's answer to `topics` (protocol.md section 4): channels and account names.
 *
 * The account name is what identifies a person; what people call themselves is in people.js. A channel of another hub is
 * administered by that hub's admin, as that hub itself has signed; a person without an account here is known by the hub
 * that serves them.
 */

import { b64decode } from "../accord/encoding.js";
import { RemoteError } from "../accord/errors.js";
import { readFormer } from "../accord/former.js";
import { MAX_ATTENTION_KEYS } from "../accord/messages.js";
import { readAdmin } from "../accord/statements.js";
import { parseTopic } from "../accord/topics.js";
import { Looks } from "./imitation.js";

const LOUNGE = "lounge";
const MAX_PAGES = 1_000;
const SHORT_KEY_CHARS = 8;

function readRow(value) {
  try {
    const { kind, ident, name: topic } = parseTopic(String(value.topic));
    return {
      topic,
      kind,
      key: topic.slice(kind.length + 1),
      ident,
      name: typeof value.name === "string" ? value.name : "",
      about: typeof value.about === "string" ? value.about : "",
      isEncrypted: value.encrypted === true,
      /** @type {string[]} of a connection: whose it is */
      with: Array.isArray(value.with) ? value.with.filter(isKey) : [],
      /** @type {string | null} of a channel of a space: which one */
      space: isKey(value.space) ? value.space : null,
      cursor: Number.isSafeInteger(value.cursor) ? value.cursor : 0,
      count: Number.isSafeInteger(value.count) ? value.count : 0,
      horizon: Number.isSafeInteger(value.horizon) ? value.horizon : 0,
      isAdmin: value.role === "admin",
      hub: hubOf(value),
      /** @type {import("../accord/former.js").FormerKey[]} */
      former: [],
      /** @type {import("../accord/statements.js").HubAdmin | null} of a channel of another hub */
      admin: null,
    };
  } catch (error) {
    if (error instanceof RemoteError) {
      return null;
    }
    throw error;
  }
}

function hubOf(value) {
  if (value.hub === undefined) {
    return null;
  }
  b64decode(value.hub, 32);
  const name = typeof value.hub_name === "string" ? value.hub_name : "";
  return { key: value.hub, name: name || `${value.hub.slice(0, SHORT_KEY_CHARS)}...` };
}

/** Who administers a channel of another hub: whom that hub has signed for, whatever this one says. */
async function adminOf(value) {
  try {
    return await readAdmin(value.admin, b64decode(value.hub, 32));
  } catch (error) {
    if (error instanceof RemoteError) {
      return null;
    }
    throw error;
  }
}

/** The rows of `topics`, kept up to date by topic_added and topic_gone. */
export class Directory {
  /** @type {Map<string, NonNullable<ReturnType<typeof readRow>>>} */
  rows = new Map();
  /** Account names, and what people call themselves: nobody is to pass for somebody else. */
  looks = new Looks();
  /** @type {Map<string, string>} key -> account name; who was known stays known, for old messages need the name */
  #names = new Map();
  /** @type {Map<string, import("../accord/statements.js").HubAdmin | null>} what is signed about a hub's admin -> that */
  #admins = new Map();
  /** @type {Map<string, import("../accord/former.js").FormerKey[]>} key -> those that the account had before */
  #former = new Map();
  /** @type {Map<string, string>} key -> what the hub shows for those, as it was when they were read */
  #formerShown = new Map();
  /** @type {Map<string, string>} such a key -> the one that has taken its place */
  #current = new Map();
  #hubKey;

  /** @param {Uint8Array} hubKey the hub whose answers they are */
  constructor(hubKey) {
    this.#hubKey = hubKey;
  }

  /** Read all of it anew. @param {import("./connection.js").Connection} connection */
  async load(connection) {
    const rows = new Map();
    let after;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const answer = await connection.request("topics", after ? { after } : {});
      const found = Array.isArray(answer.topics) ? answer.topics : [];
      for (const value of found) {
        const row = await this.#read(value);
        if (row) {
          rows.set(row.topic, row);
        }
      }
      if (!answer.more || !found.length) {
        break;
      }
      after = found.at(-1).topic;
    }
    this.rows = rows;
    for (const row of rows.values()) {
      this.#learn(row);
    }
  }

  /** Take one row; gives it, or null where it has no known form. @param {object} value */
  async put(value) {
    const row = await this.#read(value);
    if (row) {
      this.rows.set(row.topic, row);
      this.#learn(row);
    }
    return row;
  }

  async #read(value) {
    const row = readRow(value);
    if (row?.kind === "chan" && row.hub) {
      const signed = JSON.stringify([value.hub, value.admin]);
      if (!this.#admins.has(signed)) {
        this.#admins.set(signed, await adminOf(value));
      }
      row.admin = this.#admins.get(signed);
    }
    if (row?.kind === "feed" && value.former !== undefined) {
      row.former = await this.#readFormer(row.key, value.former);
    }
    return row;
  }

  /** The keys that somebody's account had before, with what is proved of each change; looked at when it is another. */
  async #readFormer(key, shown) {
    const text = JSON.stringify(shown);
    if (this.#formerShown.get(key) === text) {
      return this.formerOf(key);
    }
    try {
      const former = await readFormer(shown, { hub: this.#hubKey, user: key });
      this.#formerShown.set(key, text);
      return former;
    } catch (error) {
      if (error instanceof RemoteError) {
        return [];
      }
      throw error;
    }
  }

  #learn(row) {
    if (row.name && (row.kind === "feed" || row.kind === "user")) {
      this.#names.set(row.key, row.name);
      this.looks.set("account", row.key, row.name);
      if (row.kind === "feed") {
        this.#former.set(row.key, row.former);
      }
      for (const { key } of row.former) {
        this.#current.set(key, row.key);
        this.#names.delete(key);
        this.looks.set("account", key, "");
        this.looks.set("own", key, "");
      }
    }
  }

  /** The keys that somebody's account had before, the newest first. @param {string} key */
  formerOf(key) {
    return this.#former.get(key) ?? [];
  }

  /** The key that somebody has now, who had another one before. @param {string} key @returns {string} */
  currentOf(key) {
    return this.#current.get(key) ?? key;
  }

  /** Everybody who had another key before. */
  changed() {
    return [...this.#former.keys()].filter((key) => this.formerOf(key).length > 0);
  }

  /** @param {string} topic */
  remove(topic) {
    this.rows.delete(topic);
  }

  /** The open channels, and those of spaces. */
  channels() {
    return [...this.rows.values()].filter((row) => row.kind === "chan" && (!row.isEncrypted || row.space !== null));
  }

  /** The channel where everybody is, if there is any. */
  lounge() {
    const channels = this.channels().filter((row) => !row.hub && row.space === null);
    return channels.find((row) => row.name === LOUNGE) ?? channels[0];
  }

  /** The feeds of those who have an account here, then of those whom another hub serves. */
  feeds() {
    const feeds = [...this.rows.values()].filter((row) => row.kind === "feed" && (row.name || row.hub));
    return [...feeds.filter((row) => row.name), ...feeds.filter((row) => !row.name)];
  }

  /** The hub that serves somebody who has no account here, if one is known. @param {string} key */
  hubOf(key) {
    return this.#names.has(key) ? null : this.rows.get(`feed:${key}`)?.hub ?? null;
  }

  /** Whether messages reach somebody. @param {string} key */
  reaches(key) {
    return this.#names.has(key) || this.hubOf(key) !== null;
  }

  /** What a channel is called; with its hub's name where that is another one. @param {string} topic */
  titleOf(topic) {
    const row = this.rows.get(topic);
    const name = row?.name || topic.slice(5, 5 + SHORT_KEY_CHARS);
    return row?.hub ? `${name} · ${row.hub.name}` : name;
  }

  /** The account name of a key, else its first letters. @param {string} key */
  nameOf(key) {
    return this.#names.get(this.currentOf(key)) ?? `${key.slice(0, SHORT_KEY_CHARS)}...`;
  }

  /** @param {string} key */
  knows(key) {
    return this.#names.has(key);
  }

  /**
   * The keys among `keys` that can be addressed, as many as a header takes.
   * @param {unknown} keys
   * @returns {string[]}
   */
  mentionable(keys) {
    const list = Array.isArray(keys) ? keys.filter((key) => this.#names.has(key)) : [];
    return [...new Set(list)].slice(0, MAX_ATTENTION_KEYS);
  }
}

/** Whether a text is a user key. @param {unknown} text */
export function isKey(text) {
  try {
    return b64decode(text, 32).length === 32;
  } catch {
    return false;
  }
}
