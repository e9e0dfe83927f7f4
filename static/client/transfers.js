/**
 * Blobs on their way to the hub and from it (protocol.md section 11): in pieces, going on where they were cut.
 *
 * Not here: sealing and opening (accord/blobs.js), which files there are (files.js).
 */

import { AccordError, HTTP_STATUS } from "../accord/errors.js";
import { ClientError } from "./errors.js";

const BASE = "/api/v1/blobs";
/** The hub takes a request within 10 s, over a slow line too. */
const UP_BYTES = 256 * 1024;
const DOWN_BYTES = 1024 * 1024;
const TIMEOUT_MS = 60_000;
/** How often a hub is asked that has to fetch a blob from another one first. */
const MAX_BUSY = 200;
const MAX_PAUSE_MS = 2_000;

/** Transfers of one account. Every method rejects with AccordError (the hub refused) or ClientError("offline"). */
export class Transfers {
  #rest;

  /** @param {import("./rest.js").Rest} rest */
  constructor(rest) {
    this.#rest = rest;
  }

  /**
   * Bring a blob.
   * @param {string} id
   * @param {Uint8Array} bytes
   * @param {{burnAt: number, progress: (done: number) => void}} options `burnAt`: 0 for never
   */
  async put(id, bytes, { burnAt, progress }) {
    const begin = () => this.#rest.ask("POST", "blobs", {
      blob: id, size: bytes.length, ...(burnAt ? { burn_at: burnAt } : {}),
    });
    let { received } = await begin();
    while (received < bytes.length) {
      progress(received);
      try {
        const piece = bytes.slice(received, received + UP_BYTES);
        const headers = { "Content-Type": "application/octet-stream", "Upload-Offset": String(received) };
        ({ received } = await (await this.#send("PATCH", id, { headers, body: piece })).json());
      } catch (error) {
        if (error.code !== "conflict") {
          throw error;
        }
        ({ received } = await begin()); // an answer was lost
      }
    }
  }

  /**
   * A blob's bytes.
   * @param {string} id
   * @param {number} size
   * @param {(done: number) => void} progress
   * @returns {Promise<Uint8Array>}
   */
  async get(id, size, progress) {
    const bytes = new Uint8Array(size);
    let at = 0;
    let busy = 0;
    while (at < size) {
      progress(at);
      try {
        const headers = { Range: `bytes=${at}-${Math.min(size, at + DOWN_BYTES) - 1}` };
        const piece = new Uint8Array(await (await this.#send("GET", id, { headers })).arrayBuffer());
        if (piece.length === 0 || at + piece.length > size) {
          throw new AccordError("bad_request", "the blob has another length than the message says");
        }
        bytes.set(piece, at);
        at += piece.length;
      } catch (error) {
        busy += 1;
        if (error.code !== "busy" || busy > MAX_BUSY) {
          throw error;
        }
        const pauseMs = Math.min(error.retryMs ?? MAX_PAUSE_MS, MAX_PAUSE_MS);
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
    return bytes;
  }

  /** Have the hub delete a blob. @param {string} id */
  drop(id) {
    return this.#rest.ask("DELETE", `blobs/${id}`);
  }

  /** What the hub takes: bytes of one blob, of all of mine, and how many are taken. */
  async limits() {
    const { most, room, used } = await this.#rest.ask("GET", "blobs?limit=1");
    return { most, room, used };
  }

  async #send(method, id, options, isSecond = false) {
    const token = await this.#rest.token(isSecond);
    let response;
    try {
      response = await fetch(`${BASE}/${id}`, {
        method,
        credentials: "omit",
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...options,
        headers: { ...options.headers, Authorization: `Bearer ${token}` },
      });
    } catch {
      throw new ClientError("offline");
    }
    if (response.status === 401 && !isSecond) {
      return this.#send(method, id, options, true);
    }
    if (!response.ok) {
      const value = await response.json().catch(() => ({}));
      throw new AccordError(value.code in HTTP_STATUS ? value.code : "internal", "", { retryMs: value.retry_ms ?? null });
    }
    return response;
  }
}
