/**
 * Looking at a picture that is larger than its window: wheel, pinch, drag, buttons. Keeps where it looks (`x`, `y`:
 * where the picture's corner is in the window; `scale`) and says when that changes.
 */

export const MIN_SCALE = 0.05;
export const MAX_SCALE = 2.5;
const WHEEL_STEP = 0.0018;
const MAX_WHEEL = 120;
const DRAG_PX = 4;
/** So much of the picture stays in the window. */
const KEPT_PX = 48;

/** The camera over one element. */
export class Camera {
  x = 0;
  y = 0;
  scale = 1;
  /** Whether the last press was a drag, so no click. */
  wasDragged = false;
  /** Whether a person has looked elsewhere since the whole was shown. */
  wasMoved = false;
  #element;
  #size;
  #changed;
  /** @type {Map<number, {x: number, y: number}>} */
  #fingers = new Map();

  /**
   * @param {Element} element the window
   * @param {() => {width: number, height: number}} size of the picture
   * @param {() => void} changed
   */
  constructor(element, size, changed) {
    this.#element = element;
    this.#size = size;
    this.#changed = changed;
    element.addEventListener("wheel", (event) => this.#wheel(/** @type {WheelEvent} */ (event)), { passive: false });
    element.addEventListener("pointerdown", (event) => this.#down(/** @type {PointerEvent} */ (event)));
    element.addEventListener("pointermove", (event) => this.#move(/** @type {PointerEvent} */ (event)));
    for (const end of ["pointerup", "pointercancel"]) {
      element.addEventListener(end, (event) => this.#fingers.delete(/** @type {PointerEvent} */ (event).pointerId));
    }
  }

  get window() {
    return { width: this.#element.clientWidth, height: this.#element.clientHeight };
  }

  /** Look elsewhere; what is left out stays. @param {{x?: number, y?: number, scale?: number}} to */
  look({ x = this.x, y = this.y, scale = this.scale }) {
    const { width, height } = this.window;
    const size = this.#size();
    this.scale = clamp(scale, MIN_SCALE, MAX_SCALE);
    this.x = clamp(x, KEPT_PX - size.width * this.scale, width - KEPT_PX);
    this.y = clamp(y, KEPT_PX - size.height * this.scale, height - KEPT_PX);
    this.wasMoved = true;
    this.#changed();
  }

  /** All of it, in the middle; not larger than it is, and not smaller than `least`: then its upper part. */
  fit(least = MIN_SCALE, margin = 16) {
    const { width, height } = this.window;
    const size = this.#size();
    const wide = (width - 2 * margin) / size.width;
    const whole = Math.min(wide, (height - 2 * margin) / size.height, 1);
    const scale = whole >= least ? whole : clamp(wide, least, 1);
    const across = size.width * scale;
    const down = size.height * scale;
    this.look({
      scale,
      x: across > width - 2 * margin ? margin : (width - across) / 2,
      y: down > height - 2 * margin ? margin : Math.min((height - down) / 2, height / 6),
    });
    this.wasMoved = false;
  }

  /** Nearer or farther, about a point of the window. */
  zoom(factor, x = this.window.width / 2, y = this.window.height / 2) {
    const scale = clamp(this.scale * factor, MIN_SCALE, MAX_SCALE);
    const ratio = scale / this.scale;
    this.look({ scale, x: x - (x - this.x) * ratio, y: y - (y - this.y) * ratio });
  }

  /**
   * Bring a part of the picture into the window.
   * @param {{x: number, y: number, width: number, height: number}} part
   */
  show(part, margin = 24) {
    const { width, height } = this.window;
    this.look({
      x: this.x + needed(this.x + part.x * this.scale, part.width * this.scale, width, margin),
      y: this.y + needed(this.y + part.y * this.scale, part.height * this.scale, height, margin),
    });
  }

  #wheel(event) {
    event.preventDefault();
    const corner = this.#element.getBoundingClientRect();
    if (event.shiftKey) {
      this.look({ x: this.x - (event.deltaX || event.deltaY), y: this.y });
      return;
    }
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const turned = clamp(event.deltaY * lines, -MAX_WHEEL, MAX_WHEEL);
    this.zoom(Math.exp(-turned * WHEEL_STEP), event.clientX - corner.left, event.clientY - corner.top);
  }

  #down(event) {
    if (event.button === 0) {
      this.#fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      this.wasDragged = this.#fingers.size > 1;
    }
  }

  #move(event) {
    const before = this.#fingers.get(event.pointerId);
    if (!before || (event.buttons & 1) === 0) {
      this.#fingers.delete(event.pointerId);
      return;
    }
    const now = { x: event.clientX, y: event.clientY };
    if (!this.wasDragged) {
      if (Math.hypot(now.x - before.x, now.y - before.y) < DRAG_PX) {
        return;
      }
      this.wasDragged = true;
    }
    this.#element.setPointerCapture(event.pointerId);
    const other = [...this.#fingers].find(([id]) => id !== event.pointerId)?.[1];
    this.#fingers.set(event.pointerId, now);
    if (other) {
      this.#pinch(before, now, other);
    } else {
      this.look({ x: this.x + now.x - before.x, y: this.y + now.y - before.y });
    }
  }

  /** One finger moves, the other rests. */
  #pinch(before, now, other) {
    const corner = this.#element.getBoundingClientRect();
    const apart = (finger) => Math.hypot(finger.x - other.x, finger.y - other.y);
    const factor = apart(now) / apart(before);
    if (Number.isFinite(factor) && factor > 0) {
      this.zoom(factor, other.x - corner.left, other.y - corner.top);
    }
  }
}

/** How far something must move to be inside, from `margin` on. */
function needed(start, length, room, margin) {
  if (length > room - 2 * margin || start < margin) {
    return margin - start;
  }
  return Math.min(0, room - margin - (start + length));
}

function clamp(value, least, most) {
  return Math.min(Math.max(value, Math.min(least, most)), Math.max(least, most));
}
