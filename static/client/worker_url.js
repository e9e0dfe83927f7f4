/**
 * Starts the engine's worker: shared by all tabs, or one of the tab's own where the browser has no SharedWorker.
 *
 * A shared worker that dies while it starts stays known to the browser as long as a page of it lives, and is given to
 * whoever asks for that name; only another name gets another worker. A worker that runs says its name in the Web Lock
 * that it holds (ports.js), so pages that come later find it.
 *
 * The page's only Trusted Types policy lives here; it lets through the address of this worker and nothing else.
 */

const WORKER = new URL("worker.js", import.meta.url).href;
const FIRST_NAME = "accord";

const policy = globalThis.trustedTypes?.createPolicy("accord", {
  createScriptURL: (url) => {
    if (url !== WORKER) {
      throw new TypeError("not the engine's worker");
    }
    return url;
  },
});

function address() {
  return policy ? policy.createScriptURL(WORKER) : WORKER;
}

/** The name of the shared worker of this version that runs, else null. @returns {Promise<string | null>} */
async function runningName() {
  const { held = [] } = await navigator.locks.query();
  const locks = held.map((lock) => String(lock.name).split(" "));
  return locks.find(([kind, path]) => kind === "accord-worker" && path === new URL(WORKER).pathname)?.[2] ?? null;
}

/**
 * The worker to connect to: the one that runs, else one of a name that has not been tried in vain.
 * @param {number} failures how many have been
 */
export async function workerName(failures) {
  return (await runningName()) ?? (failures ? `${FIRST_NAME}-${failures}` : FIRST_NAME);
}

/** Whether the hub gives the worker's script. */
export async function isWorkerThere() {
  return fetch(WORKER).then((answer) => answer.ok, () => false);
}

/**
 * @param {string} name
 * @param {() => void} onFailed the worker's script cannot be loaded or started
 * @returns {{port: MessagePort | Worker, leave: () => void}} a port to the engine, started; `leave` when it is given up
 */
export function startWorker(name, onFailed) {
  const options = { type: "module", name };
  if (typeof SharedWorker === "function") {
    const worker = new SharedWorker(address(), options);
    worker.onerror = onFailed;
    worker.port.start();
    return { port: worker.port, leave: () => worker.port.close() };
  }
  const worker = new Worker(address(), options);
  worker.onerror = onFailed;
  return { port: worker, leave: () => worker.terminate() };
}
