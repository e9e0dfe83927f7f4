/**
 * Tells the engine whether the person is there: something was touched in the last minutes. A page that is not seen says
 * nothing, another one may be in use; the engine knows when none is seen.
 */

const IDLE_MS = 5 * 60_000;
const AGAIN_MS = 60_000;
const NOTICED = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "focus"];

/**
 * @param {any} client
 * @param {AbortSignal} signal ends it
 */
export function watchPresence(client, signal) {
  let saidAt = 0;
  let timer = 0;
  const say = (/** @type {"online" | "away"} */ state) => {
    client.call("presence.set", { state }).catch(() => {}); // said again with the next touch
  };
  const here = () => {
    clearTimeout(timer);
    if (document.visibilityState !== "visible") {
      return;
    }
    timer = setTimeout(() => {
      saidAt = 0;
      say("away");
    }, IDLE_MS);
    if (Date.now() - saidAt > AGAIN_MS) {
      saidAt = Date.now();
      say("online");
    }
  };
  for (const name of NOTICED) {
    globalThis.addEventListener(name, here, { signal, passive: true, capture: true });
  }
  document.addEventListener("visibilitychange", here, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  here();
}
