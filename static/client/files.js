/**
 * Files of messages (protocol.md section 11): sealed when a message is sent, kept in IndexedDB until the hub has them,
 * fetched and opened when somebody wants to see them.
 *
 * A message waits in the outbox until its files are at the hub. What has been opened stays in memory for a while, never
 * beyond the time at which its message burns. Not here: previews (chat/preview.js), the wire (transfers.js).
 */

import { blobId, KEY_BYTES, MAX_FILE_BYTES, openBlob, sealBlob, sealedSize } from "../accord/blobs.js";
import { b64decode, b64encode } from "../accord/encoding.js";
import { toSay } from "../words/tosay.js";
import { ClientError } from "./errors.js";

export const MAX_FILES = 16;
const MAX_NAME_CHARS = 255;
const MAX_MEDIA_CHARS = 127;
const MAX_HELD_BYTES = 64 * 1024 * 1024;
const RETRY_MS = 3_000;
const LATER = new Set(["rate", "busy", "internal"]);
const MAX_TIMER_MS = 2 ** 31 - 1;
const TOO_BIG = toSay("That file is larger than this hub takes; what you wrote is kept, leave the file out.");
const NOT_WHOLE = toSay("What came is not the file that was sent, so it is not shown; try again later.");
const NO_LONGER = toSay("That file is not on the hub any more, nor on any other that it can reach now.");

const text = (bytes) => (typeof bytes === "string" ? bytes : b64encode(bytes));

/**
 * A file as its message names it, as the rest of the client has it.
 * @typedef {{blob: string, key: string, name: string, size: number, media: string, width: number, height: number,
 *   thumb: Uint8Array | null}} SealedFile
 */

/** The files that a body names. @param {Record<string, any> | null} body @returns {SealedFile[]} */
export function filesIn(body) {
  return (body?.files ?? []).map(({ blob, key, name, size, media, width = 0, height = 0, thumb = null }) => ({
    blob: text(blob), key: text(key), name, size, media, width, height,
    thumb: typeof thumb === "string" ? b64decode(thumb) : thumb,
  }));
}

/** All that an account sends and fetches. */
export class Files {
  /** @type {Map<string, {id: string, kind: "up" | "drop", bytes?: Uint8Array}>} what the hub is still to be told */
  #kept = new Map();
  /** @type {Map<string, {file: Blob, until: number}>} opened, the last used last */
  #held = new Map();
  /** @type {Map<string, Promise<Blob>>} */
  #opening = new Map();
  #isPumping = false;
  #timer = 0;
  #burnTimer = 0;
  #parts;

  /**
   * @param {{storage: import("./storage.js").Storage, transfers: import("./transfers.js").Transfers,
   *   outbox: () => import("./outbox.js").Outbox, state: import("./state.js").PublishedState,
   *   clock: import("./clock.js").Clock}} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  async load() {
    const named = new Set(this.#parts.outbox().all().flatMap(({ draft }) => filesIn(draft.body)).map(({ blob }) => blob));
    for (const row of await this.#parts.storage.all("blobs")) {
      if (row.kind === "up" && !named.has(row.id)) {
        await this.#parts.storage.remove("blobs", row.id); // the page was closed before its message was written down
      } else {
        this.#kept.set(row.id, row);
      }
    }
  }

  /** What pages may ask. @returns {Record<string, (params: any) => any>} */
  calls(postOf) {
    return {
      "file.limits": async () => {
        const { most, room, used } = await this.#parts.transfers.limits();
        return { most, left: Math.max(0, room - used) };
      },
      "file.open": (params) => this.#open(postOf(params), String(params.blob)),
    };
  }

  // ---------------------------------------------------------------------------------------------------------- sending

  /**
   * Seal files for a message, and keep them until the hub has them; gives what its body says of them.
   * ClientError: too_big, storage.
   * @param {{file: Blob, name: string, media: string, width?: number, height?: number, thumb?: Uint8Array}[]} files
   */
  async seal(files) {
    if (!Array.isArray(files) || files.length > MAX_FILES) {
      throw new ClientError("too_big", toSay("A message has at most {most} files; send the others in another one.", {
        most: MAX_FILES,
      }));
    }
    if (files.some(({ file }) => !(file instanceof Blob) || file.size > MAX_FILE_BYTES)) {
      throw new ClientError("too_big", TOO_BIG);
    }
    const sealed = [];
    try {
      for (const each of files) {
        sealed.push(await this.#seal(each));
      }
    } catch (error) {
      await this.forget(sealed);
      throw error;
    }
    return sealed;
  }

  /** What was sealed is not sent after all. @param {{blob: string}[]} sealed */
  async forget(sealed) {
    for (const { blob: id } of sealed) {
      this.#kept.delete(id);
      this.#held.delete(id);
      await this.#parts.storage.remove("blobs", id).catch(() => {}); // the next worker tries again
    }
  }

  async #seal({ file, name, media, width, height, thumb }) {
    const key = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
    const bytes = await sealBlob(key, await readAll(file));
    const id = b64encode(await blobId(bytes));
    const row = { id, kind: "up", bytes };
    await this.#parts.storage.put("blobs", row, id);
    this.#kept.set(id, row);
    this.#hold(id, file, 0);
    return {
      blob: id, key: b64encode(key), name: named(name), size: file.size, media: String(media || "application/octet-stream").slice(0, MAX_MEDIA_CHARS),
      ...(width && height ? { width, height } : {}), ...(thumb?.length ? { thumb: b64encode(thumb) } : {}),
    };
  }

  /** Whether the hub has all files of a message that is to be sent. */
  isReady(entry) {
    return this.#waitingFor(entry).length === 0;
  }

  #waitingFor(entry) {
    return filesIn(entry.draft.body).filter(({ blob }) => this.#kept.get(blob)?.kind === "up").map(({ blob }) => blob);
  }

  /** There is a session, or something new to bring. */
  async pump() {
    if (this.#isPumping) {
      return;
    }
    this.#isPumping = true;
    clearTimeout(this.#timer);
    try {
      await this.#bringAll();
      await this.#dropAll();
    } catch (error) {
      if (LATER.has(error.code) || (error.code === "offline" && this.#isOnline)) { // a request fails, the line lasts
        this.#timer = setTimeout(() => this.pump(), error.retryMs ?? RETRY_MS);
      }
      if (error.code !== "offline") {
        console.warn("files:", error.code ?? error);
      }
    } finally {
      this.#isPumping = false;
    }
  }

  get #isOnline() {
    return this.#parts.state.value.link.status === "online";
  }

  async #bringAll() {
    const outbox = this.#parts.outbox();
    const isDue = (entry) => entry.state === "sending" && !this.isReady(entry);
    for (let entry = outbox.all().find(isDue); entry; entry = outbox.all().find(isDue)) {
      try {
        for (const id of this.#waitingFor(entry)) {
          await this.#bring(id, entry.fact.burnAt);
        }
      } catch (error) {
        if (LATER.has(error.code) || error.code === "offline") {
          throw error;
        }
        await outbox.fail(entry.id, error.code ?? "internal", error.code === "too_big" ? TOO_BIG : "");
      }
      outbox.pump();
    }
  }

  async #bring(id, burnAt) {
    const { state, storage, transfers } = this.#parts;
    const { bytes } = this.#kept.get(id);
    const progress = (done) => state.put("files", id, { way: "up", done, size: bytes.length });
    try {
      await transfers.put(id, bytes, { burnAt, progress });
      await storage.remove("blobs", id);
      this.#kept.delete(id);
    } finally {
      state.drop("files", id);
    }
  }

  /** A message was given up before it was sent. @param {any} entry of the outbox */
  discarded(entry) {
    this.#dropFiles(filesIn(entry.draft.body));
  }

  /** A message has been deleted: its files go from the hub, as far as this person may do that. @param {any} post */
  deleted(post) {
    this.#dropFiles(post.files);
  }

  /** An admin has deleted a message of mine: only whoever brought its files, or the hub's admin, can delete these. */
  take(fact, timeline, me) {
    for (const { rel, id } of fact.author === me ? [] : fact.refs) {
      const post = rel === "delete" ? timeline?.fold.posts.get(id) : undefined;
      if (post?.author === me && timeline.fold.itemOf(post).isDeleted) {
        this.deleted(post);
      }
    }
  }

  #dropFiles(files) {
    const drop = async () => {
      for (const { blob: id } of files) {
        this.#held.delete(id);
        const row = { id, kind: "drop" };
        this.#kept.set(id, row);
        await this.#parts.storage.put("blobs", row, id);
      }
      await this.pump();
    };
    drop().catch((error) => console.warn("files were not deleted:", error.code ?? error));
  }

  async #dropAll() {
    for (const { id } of [...this.#kept.values()].filter(({ kind }) => kind === "drop")) {
      try {
        await this.#parts.transfers.drop(id);
      } catch (error) {
        if (LATER.has(error.code) || error.code === "offline") {
          throw error; // else it is not there, or not this person's to delete
        }
      }
      this.#kept.delete(id);
      await this.#parts.storage.remove("blobs", id);
    }
  }

  // ---------------------------------------------------------------------------------------------------------- opening

  /** A file of a message, as a Blob without a type. */
  async #open(post, id) {
    const file = post.files.find(({ blob }) => blob === id);
    if (!file) {
      throw new ClientError("not_found", NO_LONGER);
    }
    const held = this.#held.get(id);
    if (held) {
      this.#hold(id, held.file, post.burnAt);
      return held.file;
    }
    if (!this.#opening.has(id)) {
      this.#opening.set(id, this.#fetch(file, post.burnAt).finally(() => this.#opening.delete(id)));
    }
    return this.#opening.get(id);
  }

  async #fetch({ blob: id, key, size }, burnAt) {
    const { state, transfers } = this.#parts;
    if (size > MAX_FILE_BYTES) {
      throw new ClientError("too_big", toSay("That file is larger than this client opens."));
    }
    const whole = sealedSize(size);
    try {
      const kept = this.#kept.get(id)?.bytes;
      const progress = (done) => state.put("files", id, { way: "down", done, size: whole });
      const bytes = kept ?? (await transfers.get(id, whole, progress));
      if (b64encode(await blobId(bytes)) !== id) {
        throw new ClientError("bad_sig", NOT_WHOLE);
      }
      const file = new Blob([await openBlob(b64decode(key), size, bytes)]);
      this.#hold(id, file, burnAt);
      return file;
    } catch (error) {
      const isGone = error.code === "not_found" || error.code === "gone";
      const isWrong = error.code === "bad_request";
      throw isGone ? new ClientError("not_found", NO_LONGER) : isWrong ? new ClientError("bad_sig", NOT_WHOLE) : error;
    } finally {
      state.drop("files", id);
    }
  }

  #hold(id, file, burnAt) {
    this.#held.delete(id);
    this.#held.set(id, { file, until: burnAt || Infinity });
    let bytes = [...this.#held.values()].reduce((sum, each) => sum + each.file.size, 0);
    for (const [oldest, each] of this.#held) {
      if (bytes <= MAX_HELD_BYTES) {
        break;
      }
      bytes -= each.file.size;
      this.#held.delete(oldest);
    }
    this.#burn();
  }

  #burn() {
    clearTimeout(this.#burnTimer);
    const now = this.#parts.clock.now();
    let next = Infinity;
    for (const [id, { until }] of this.#held) {
      if (until <= now) {
        this.#held.delete(id);
      } else {
        next = Math.min(next, until);
      }
    }
    if (next < Infinity) {
      this.#burnTimer = setTimeout(() => this.#burn(), Math.min(next - now, MAX_TIMER_MS));
    }
  }

  stop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#burnTimer);
    this.#held.clear();
  }
}

async function readAll(file) {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new ClientError("not_found", toSay("That file cannot be read any more; choose it again. Nothing was sent."));
  }
}

/** A name of one line, without what could make it another one. @param {unknown} name */
function named(name) {
  const line = String(name ?? "").toWellFormed().replace(/[\p{Cc}\p{Cf}/\\]+/gu, " ").trim();
  return Array.from(line).slice(-MAX_NAME_CHARS).join("") || "file";
}
