/**
 * On a phone: a swipe to the right goes from the conversation to the list, one to the left back into it; where one reads
 * from right to left, the other way round.
 */

const DISTANCE_PX = 70;
const SLANT = 2;
const MAX_MS = 600;

/**
 * @param {import("./app.js").App} app
 * @param {AbortSignal} signal
 */
export function listenToSwipes(app, signal) {
  /** @type {{x: number, y: number, at: number} | null} */
  let from = null;
  app.element.addEventListener(
    "touchstart",
    (event) => {
      const touch = event.touches[0];
      const isUsable = app.isPhone && event.touches.length === 1 && !scrollsSideways(event.target) && !selects();
      from = isUsable ? { x: touch.clientX, y: touch.clientY, at: event.timeStamp } : null;
    },
    { signal, passive: true },
  );
  app.element.addEventListener(
    "touchend",
    (event) => {
      if (from === null) {
        return;
      }
      const touch = event.changedTouches[0];
      const forward = document.documentElement.dir === "rtl" ? -1 : 1;
      const [dx, dy] = [forward * (touch.clientX - from.x), touch.clientY - from.y];
      const isSwipe =
        Math.abs(dx) >= DISTANCE_PX && Math.abs(dx) > SLANT * Math.abs(dy) && event.timeStamp - from.at < MAX_MS;
      from = null;
      if (!isSwipe || selects()) {
        return;
      }
      if (!app.people.element.hidden) {
        app.showPeople(dx < 0);
      } else if (dx < 0) {
        app.forward();
      } else if (app.element.dataset.view === "talk") {
        app.back();
      }
    },
    { signal, passive: true },
  );
  app.element.addEventListener(
    "touchcancel",
    () => {
      from = null;
    },
    { signal, passive: true },
  );
}

function selects() {
  return (getSelection()?.toString() ?? "") !== "";
}

function scrollsSideways(target) {
  for (let node = target; node instanceof HTMLElement; node = node.parentElement) {
    if (
      node.scrollWidth > node.clientWidth + 1 &&
      getComputedStyle(node).overflowX !== "hidden" &&
      getComputedStyle(node).overflowX !== "visible"
    ) {
      return true;
    }
  }
  return false;
}
