/**
 * The hub's REST API as far as the client needs it (docs: /api/v1/docs): what the socket does not give.
 *
 * A bearer token comes over the socket and dies with it. Not here: the checking of messages that come this way.
 */

import { AccordError, HTTP_STATUS } from "../accord/errors.js";
import { ClientError } from "./errors.js";

const BASE = "/api/v1";
const TIMEOUT_MS = 20_000;
const TOKEN_SPARE_MS = 60_000;

async function send(method, path, body, token) {
  try {
    return await fetch(`${BASE}/${path}`, {
      method,
      headers: {
        ...(token ? { Authorization: `Bearer ${token}` } : {}), ...(body ? { "Content-Type": "application/json" } : {}),
      },
      body: body ? JSON.stringify(body) : undefined,
      credentials: "omit",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new ClientError("offline");
  }
}

async function read(response) {
  const value = await response.json().catch(() => ({}));
  if (!response.ok) {
    const code = value.code in HTTP_STATUS ? value.code : "internal";
    throw new AccordError(code, "", { retryMs: value.retry_ms ?? null });
  }
  return value;
}

/**
 * A request for which nobody need be logged in. AccordError (the hub refused), ClientError("offline").
 * @param {string} method
 * @param {string} path after /api/v1/
 * @param {object} [body]
 * @returns {Promise<any>}
 */
export async function askOpenly(method, path, body) {
  return read(await send(method, path, body, ""));
}

/** Requests as the user of a link. */
export class Rest {
  #link;
  #clock;
  /** @type {{connection: object, token: Promise<{token: string, expires: number}>} | null} */
  #held = null;

  /** @param {import("./link.js").Link} link @param {import("./clock.js").Clock} clock */
  constructor(link, clock) {
    this.#link = link;
    this.#clock = clock;
  }

  async #token(isFresh) {
    const connection = this.#link.connection;
    if (!connection) {
      throw new ClientError("offline");
    }
    if (isFresh || this.#held?.connection !== connection) {
      this.#held = { connection, token: connection.request("token") };
    }
    const { token, expires } = await this.#held.token;
    return expires - this.#clock.hubNow() > TOKEN_SPARE_MS || isFresh ? token : this.#token(true);
  }

  /** A token that is good for a while; ClientError("offline"). @param {boolean} isFresh the last one was refused */
  token(isFresh) {
    return this.#token(isFresh);
  }

  /**
   * AccordError (the hub refused), ClientError("offline").
   * @param {string} method
   * @param {string} path after /api/v1/
   * @param {object} [body]
   * @returns {Promise<any>}
   */
  async ask(method, path, body) {
    const first = await send(method, path, body, await this.#token(false));
    if (first.status !== 401) {
      return read(first);
    }
    return read(await send(method, path, body, await this.#token(true)));
  }

  /** Every item of a list. @param {string} path @returns {Promise<any[]>} */
  async all(path) {
    const items = [];
    let cursor = null;
    do {
      const page = await this.ask("GET", cursor ? `${path}?cursor=${encodeURIComponent(cursor)}` : path);
      items.push(...page.items);
      cursor = page.next;
    } while (cursor);
    return items;
  }
}
