/**
 * Whom this person has blocked or muted, and reports (protocol.md section 8): `contact.mark`, `report`, `report.close`.
 *
 * Marks are kept here for the time before the hub has told them, and follow to all devices, since the hub delivers what
 * one's own key has signed. Not here: what hiding looks like (chat/message.js).
 */

import { b64encode } from "../accord/encoding.js";
import { MAX_REPORT_CHARS, MAX_REPORTED_MESSAGES, REPORT_REASONS } from "../accord/message_types.js";
import { isKey } from "./directory.js";
import { ClientError } from "./errors.js";
import { readReported } from "./opening.js";
import { comparePlaces } from "./order.js";

const RECORD = "marks";
const STATES = ["blocked", "muted", "none"];
const VERDICTS = ["dismissed", "warned", "removed"];
const LOOK_MS = 5 * 60 * 1000;

/** @typedef {{state: string, at: number, id: string}} Mark */

/** Marks and reports of one account. */
export class Marks {
  /** @type {Map<string, Mark>} */
  #marks = new Map();
  #parts;
  #timer = 0;

  /**
   * @param {{storage: import("./storage.js").Storage, rest: import("./rest.js").Rest,
   *   state: import("./state.js").PublishedState, clock: import("./clock.js").Clock, me: string, hub: string,
   *   publish: (draft: import("./composer.js").Draft) => Promise<void>, onChanged: (key: string) => void,
   *   keysOf: (ids: string[]) => Promise<{id: string, key: string}[]>}} parts
   *   `hub`: the hub's key; `keysOf`: of sealed messages, for who is to judge them
   */
  constructor(parts) {
    this.#parts = parts;
  }

  async load() {
    this.#marks = new Map(Object.entries((await this.#parts.storage.get("facts", RECORD)) ?? {}));
    this.#tell();
  }

  /** Read anew: there is a session. */
  opened() {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.lookAtReports(), LOOK_MS);
    this.#read().catch((error) => console.warn("blocked people were not read:", error.code ?? error));
    this.lookAtReports();
  }

  stop() {
    clearInterval(this.#timer);
  }

  /** "blocked", "muted" or "none". @param {string} key */
  of(key) {
    return this.#marks.get(key)?.state ?? "none";
  }

  /** Whether what somebody writes makes nothing unread. @param {string} key */
  isSilenced(key) {
    return this.of(key) !== "none";
  }

  /** @param {{key: string, mark: string}} params */
  async set({ key, mark }) {
    if (!isKey(key) || key === this.#parts.me || !STATES.includes(mark)) {
      throw new ClientError("bad_request");
    }
    const { publish, hub, clock } = this.#parts;
    await publish({ type: "contact.mark", topic: `hub:${hub}`, body: { pubkey: key, state: mark }, isControl: true });
    await this.#put(key, { state: mark, at: clock.now(), id: "" });
  }

  /** A control message has come. @param {import("./verify.js").Fact} fact */
  take(fact) {
    if (fact.type === "report" || fact.type === "report.close") {
      this.lookAtReports();
    } else if (fact.type === "contact.mark" && fact.author === this.#parts.me && fact.body) {
      this.#put(b64encode(fact.body.pubkey), { state: fact.body.state, at: fact.at, id: fact.id })
        .catch((error) => console.warn("a mark was not kept:", error.code ?? error));
    }
  }

  async #put(key, mark) {
    const held = this.#marks.get(key);
    if (held && comparePlaces(held, mark) > 0) {
      return;
    }
    this.#marks.set(key, mark);
    await this.#changed(key);
  }

  async #read() {
    const found = await this.#parts.rest.all("contacts");
    const now = new Map(found.map(({ key, state, at }) => [key, { state, at, id: "" }]));
    const before = new Set([...this.#marks].filter(([, mark]) => mark.state !== "none").map(([key]) => key));
    this.#marks = now;
    for (const key of new Set([...before, ...now.keys()])) {
      this.#parts.onChanged(key);
    }
    await this.#changed("");
  }

  async #changed(key) {
    this.#tell();
    if (key) {
      this.#parts.onChanged(key);
    }
    await this.#parts.storage.put("facts", Object.fromEntries(this.#marks), RECORD);
  }

  #tell() {
    const shown = [...this.#marks].filter(([, mark]) => mark.state !== "none").map(([key, mark]) => [key, mark.state]);
    this.#parts.state.set("marks", Object.fromEntries(shown));
  }

  // ----------------------------------------------------------------------------------------------------------- reports

  /** Count those that wait for this person. */
  async lookAtReports() {
    try {
      const { items } = await this.#parts.rest.ask("GET", "reports");
      this.#parts.state.set("reports", items.length);
    } catch (error) {
      console.warn("reports were not read:", error.code ?? error);
    }
  }

  /**
   * Reports: of=turn, mine or warnings; each with the texts that were reported and may be read; `shut`: how many of the
   * messages do not open.
   * @param {{of: string}} params
   */
  async list({ of }) {
    const { items } = await this.#parts.rest.ask("GET", `reports?of=${encodeURIComponent(of)}`);
    return Promise.all(items.map(async ({ messages, opened, ...report }) =>
      ({ ...report, ...(await readReported(messages, opened, report.reported.key)) })));
  }

  /** @param {{key: string, reason: string, text: string, messages?: string[]}} params */
  async report({ key, reason, text, messages = [] }) {
    if (!isKey(key) || !REPORT_REASONS.includes(reason)) {
      throw new ClientError("bad_request");
    }
    const named = messages.slice(0, MAX_REPORTED_MESSAGES);
    const opened = await this.#parts.keysOf(named);
    const body = {
      pubkey: key,
      reason,
      ...cut(text),
      ...(named.length ? { messages: named } : {}),
      ...(opened.length ? { opened } : {}),
    };
    await this.#parts.publish({ type: "report", topic: `hub:${this.#parts.hub}`, body, isControl: true });
  }

  /** @param {{id: string, verdict: string, text: string}} params */
  async close({ id, verdict, text }) {
    if (!VERDICTS.includes(verdict)) {
      throw new ClientError("bad_request");
    }
    const body = { report: id, verdict, ...cut(text) };
    await this.#parts.publish({ type: "report.close", topic: `hub:${this.#parts.hub}`, body, isControl: true });
    await this.lookAtReports();
  }

  /** What it would mean to remove somebody. @param {{key: string}} params */
  rehearse({ key }) {
    return this.#parts.rest.ask("POST", `users/${key}/rehearse`, { mode: "reparent" });
  }

  /** Remove a person below this one; whom they invited goes to whoever invited them. @param {{key: string}} params */
  async remove({ key }) {
    const body = { pubkey: key, mode: "reparent", at: this.#parts.clock.now() };
    await this.#parts.publish({ type: "remove_user", topic: `hub:${this.#parts.hub}`, body, isControl: true });
  }
}

function cut(text) {
  const said = Array.from(String(text ?? "").trim()).slice(0, MAX_REPORT_CHARS).join("");
  return said ? { text: said } : {};
}
