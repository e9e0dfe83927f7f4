/**
 * What a member has written to a stranger (protocol.md section 4): read once a session, then as it comes, with edits and
 * deletions applied. Not here: the stranger's own letters (letters.js).
 */

import { readFacts } from "../client/verify.js";

const PAGE_MESSAGES = 500;

/** The answers of one session. */
export class Inbox {
  /** Oldest first. @type {{id: string, at: number, text: string}[]} */
  answers = [];
  #topic;
  #author;
  #facts = new Map();

  /** @param {{stranger: string, author: string}} keys */
  constructor({ stranger, author }) {
    this.#topic = `user:${stranger}`;
    this.#author = author;
  }

  /** Subscribe, and read what is there. @param {import("../client/connection.js").Connection} connection */
  async read(connection) {
    const topic = this.#topic;
    await connection.request("subscribe", { topics: [topic] });
    for (let before; ;) {
      const answer = await connection.request("fetch", { topic, limit: PAGE_MESSAGES, ...(before ? { before } : {}) });
      await this.take(answer.messages);
      if (!answer.more) {
        return;
      }
      before = answer.next;
    }
  }

  /** What the member has written, edited and deleted. @param {any[]} items as delivered or fetched */
  async take(items) {
    const facts = await readFacts(items, (header) => header.from === this.#author);
    for (const fact of facts.filter((each) => each.topic === this.#topic)) {
      this.#facts.set(fact.id, fact);
    }
    const all = [...this.#facts.values()].sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
    const about = (rel, id) => all.filter((fact) => fact.refs.some((ref) => ref.rel === rel && ref.id === id));
    this.answers = all
      .filter(({ type, id, body }) => ["chat.text", "mail.text"].includes(type) && body && !about("delete", id).length)
      .map((fact) => ({ id: fact.id, at: fact.at, text: (about("edit", fact.id).at(-1)?.body ?? fact.body).text }));
  }
}
