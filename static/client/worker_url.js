/**
 * Starts the engine's worker: shared by all tabs, or one of the tab's own where the browser has no SharedWorker.
 *
 * The page's only Trusted Types policy lives here; it lets through the address of this worker and nothing else.
 */

const WORKER = new URL("worker.js", import.meta.url).href;
const NAME = "accord";

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

/**
 * @param {() => void} onFailed the worker's script cannot be loaded or started
 * @returns {{port: MessagePort | Worker, isShared: boolean}} a port to the engine, started
 */
export function startWorker(onFailed) {
  const options = { type: "module", name: NAME };
  if (typeof SharedWorker === "function") {
    const worker = new SharedWorker(address(), options);
    worker.onerror = onFailed;
    worker.port.start();
    return { port: worker.port, isShared: true };
  }
  const worker = new Worker(address(), options);
  worker.onerror = onFailed;
  return { port: worker, isShared: false };
}
