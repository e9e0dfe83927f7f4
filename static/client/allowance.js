/**
 * What this account may store on the hub, and has (protocol.md section 4, frame `account`): told live when somebody above
 * changes it, looked up when a page asks or a message was refused for it.
 *
 * @typedef {{messagesLimit: number | null, messagesUsed: number, bytesLimit: number | null, bytesUsed: number,
 *   resetsAt: number | null, invites: number | null}} Known null: no limit, never, not told
 */

function count(value) {
  return Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** @param {any} said a frame, or what the API says @param {number | null} invites @returns {Known} */
function read(said, invites) {
  return {
    messagesLimit: count(said.messages_limit),
    messagesUsed: count(said.messages_used) ?? 0,
    bytesLimit: count(said.bytes_limit),
    bytesUsed: count(said.bytes_used) ?? 0,
    resetsAt: count(said.resets_at),
    invites,
  };
}

/** The allowance of a link's user, as pages see it in `client.state.allowance`. */
export class Allowance {
  #rest;
  #state;

  /** @param {import("./rest.js").Rest} rest @param {import("./state.js").PublishedState} state */
  constructor(rest, state) {
    this.#rest = rest;
    this.#state = state;
  }

  /** @param {any} frame of type `account` */
  take(frame) {
    this.#publish(read(frame, count(frame.invites)));
  }

  /** Ask the hub; AccordError, ClientError("offline"). */
  async look() {
    const { allowance } = await this.#rest.ask("GET", "me");
    if (allowance) {
      this.#publish(read(allowance, null));
    }
  }

  #publish(known) {
    const before = this.#state.value.allowance;
    if (before === null || Object.keys(known).some((name) => known[name] !== before[name])) {
      this.#state.set("allowance", known);
    }
  }
}
