/**
 * What this browser keeps (IndexedDB): keys, the outbox, read positions, drafts, profiles, invite links,
 * what one calls others; keys of what is encrypted, and what is kept of it, encrypted anew.
 *
 * Pages of two versions may use it at the same moment, so whatever both may change is changed by `update`, in one
 * transaction. Messages of others are not kept. Not here: what the records mean.
 */

import { ClientError } from "./errors.js";

const NAME = "accord";
const VERSION = 3;
/** Store -> key path; null where keys are given apart. */
const STORES = {
  account: null,
  facts: null,
  outbox: "seq",
  conversations: "id",
  profiles: "key",
  mentions: "id",
  invites: "key",
  contacts: "key",
  strangers: null,
  windows: null, // keys of encrypted channels: [topic, epoch]
  boxkeys: "key",
  connections: "key",
  vault: null,
  search: null,
  blobs: null,
  spaces: "id",
};

function storageError(error) {
  const name = error?.name ?? error;
  console.error("storage:", name);
  return new ClientError(name === "QuotaExceededError" ? "full" : "storage");
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(storageError(request.error));
  });
}

function committed(transaction, value) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(value());
    transaction.onabort = () => reject(storageError(transaction.error));
  });
}

/** The open database. Every method rejects with ClientError: full (no room), storage. */
export class Storage {
  #database;

  /** @param {IDBDatabase} database */
  constructor(database) {
    this.#database = database;
  }

  /**
   * @param {() => void} onReplaced a page of a later version needs the database in another form
   * @param {() => void} onErased the browser has closed it: most often somebody has deleted what it kept for the address
   * @returns {Promise<Storage>}
   */
  static async open(onReplaced, onErased = () => {}) {
    let request;
    try {
      request = indexedDB.open(NAME, VERSION);
    } catch (error) {
      throw storageError(error);
    }
    request.onupgradeneeded = () => {
      const held = request.result.objectStoreNames;
      for (const [store, keyPath] of Object.entries(STORES).filter(([name]) => !held.contains(name))) {
        request.result.createObjectStore(store, keyPath ? { keyPath } : {});
      }
    };
    const database = await done(request);
    database.onversionchange = () => {
      database.close();
      onReplaced();
    };
    database.onclose = onErased;
    return new Storage(database);
  }

  #transact(store, mode, work) {
    let result;
    try {
      const transaction = this.#database.transaction(store, mode, { durability: "strict" });
      const finished = committed(transaction, () => result);
      work(transaction.objectStore(store), (value) => (result = value));
      return finished;
    } catch (error) {
      return Promise.reject(storageError(error));
    }
  }

  /** @param {keyof STORES} store @param {IDBValidKey} key @returns {Promise<any>} undefined if there is none */
  get(store, key) {
    return this.#transact(store, "readonly", (rows, give) => {
      const request = rows.get(key);
      request.onsuccess = () => give(request.result);
    });
  }

  /** @param {keyof STORES} store @returns {Promise<any[]>} in the order of the keys */
  all(store) {
    return this.#transact(store, "readonly", (rows, give) => {
      const request = rows.getAll();
      request.onsuccess = () => give(request.result);
    });
  }

  /** @param {keyof STORES} store @param {any} value @param {IDBValidKey} [key] @returns {Promise<void>} */
  put(store, value, key) {
    return this.#transact(store, "readwrite", (rows) => rows.put(value, key));
  }

  /** @param {keyof STORES} store @param {IDBValidKey} key @returns {Promise<void>} */
  remove(store, key) {
    return this.#transact(store, "readwrite", (rows) => rows.delete(key));
  }

  /**
   * Change a record on the grounds of what it is now.
   * @param {keyof STORES} store
   * @param {IDBValidKey} key
   * @param {(before: any) => any} change gives the new record; undefined leaves it as it is
   * @returns {Promise<any>} what is there now
   */
  update(store, key, change) {
    return this.#transact(store, "readwrite", (rows, give) => {
      const request = rows.get(key);
      request.onsuccess = () => {
        const after = change(request.result);
        give(after === undefined ? request.result : after);
        if (after !== undefined) {
          rows.put(after, STORES[store] ? undefined : key);
        }
      };
    });
  }

  /** Forget everything. @returns {Promise<void>} */
  async clear() {
    for (const store of Object.keys(STORES)) {
      await this.#transact(store, "readwrite", (rows) => rows.clear());
    }
  }
}
