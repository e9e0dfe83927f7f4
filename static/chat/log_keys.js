/**
 * The keyboard in the log: one tab stop, arrow keys from message to message, one key an action. The focus is on a
 * message's article or on something in its row; what is in a row can be reached by Tab only while the focus is there.
 */

const KEY_ACTIONS = { r: "reply", e: "edit", "+": "emoji", ":": "emoji", p: "pin", t: "thread", Delete: "delete", Enter: "menu" };
const PAGE = 0.9;

export class LogKeys {
  #log;
  #current = "";
  /** @type {HTMLElement | null} */
  #stop = null;

  /** @param {import("./log.js").AccordLog} log */
  constructor(log) {
    this.#log = log;
  }

  /** @param {HTMLElement} scroller */
  listen(scroller) {
    scroller.addEventListener("keydown", (event) => this.#onKey(event));
    scroller.addEventListener("focusin", (event) => this.#onFocus(event));
    scroller.addEventListener("focusout", (event) => this.#onBlur(event));
  }

  reset() {
    this.#current = "";
    this.#stop = null;
  }

  /** The message that has the focus in its row, "" if none. */
  get focused() {
    const row = document.activeElement?.closest?.(".item");
    return row && this.#log.contains(row) ? (row.dataset.id ?? "") : "";
  }

  /** This message is the one tab stop from now on. @param {string} id */
  moveTo(id) {
    this.#current = id;
  }

  /** There is always one tab stop: the message with the focus, or the last that is in view. */
  settle() {
    const log = this.#log;
    if (this.focused === "") {
      this.#current = log.items[log.list.visible.last - 1]?.id ?? log.items[log.items.length - 1]?.id ?? "";
    }
    const article = log.article(this.#current);
    if (article !== this.#stop) {
      this.#stop?.setAttribute("tabindex", "-1");
      article?.setAttribute("tabindex", "0");
      this.#stop = article;
    }
  }

  /**
   * A row is about to be made anew; the answer puts the focus back to what is in the old one's place.
   * @param {HTMLElement} row
   * @returns {() => void}
   */
  keepFocus(row) {
    const active = document.activeElement;
    if (!(active instanceof HTMLElement) || !row.contains(active)) {
      return () => {};
    }
    const range = active instanceof HTMLTextAreaElement ? [active.selectionStart, active.selectionEnd] : null;
    const { act, emoji, target } = active.dataset;
    return () => {
      this.#setStops(row, true);
      if (document.activeElement === active) {
        return;
      }
      const same = [...row.querySelectorAll("[data-act]")].find((element) =>
        element.dataset.act === act && element.dataset.emoji === emoji && element.dataset.target === target);
      const place = range !== null && active.isConnected ? active : (act && same) || row.querySelector("article");
      place?.focus({ preventScroll: true });
      if (range !== null && place === active) {
        active.setSelectionRange(range[0], range[1]);
      }
    };
  }

  #setStops(row, isOpen) {
    for (const element of row.querySelectorAll("article a, article button")) {
      element.setAttribute("tabindex", isOpen ? "0" : "-1");
    }
  }

  #onFocus(event) {
    const row = event.target.closest(".item");
    if (row?.dataset.id) {
      this.#current = row.dataset.id;
      this.#setStops(row, true);
      this.settle();
    }
  }

  #onBlur(event) {
    const row = event.target.closest(".item");
    if (row !== null && !row.contains(event.relatedTarget)) {
      this.#setStops(row, false);
    }
  }

  #onKey(event) {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.isComposing;
    const isField = event.target.closest("textarea, input") !== null;
    const index = this.#log.indexOf(this.focused);
    if (!isPlain || isField || event.defaultPrevented || !(this.#move(event.key, index) || this.#act(event, index))) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** @returns {boolean} whether the key was one that moves */
  #move(key, index) {
    const log = this.#log;
    switch (key) {
      case "ArrowUp":
        log.focusItem(Math.max(0, (index < 0 ? log.items.length : index) - 1));
        return true;
      case "ArrowDown":
        if (index < 0 || index === log.items.length - 1) {
          log.act("compose", null, log);
        } else {
          log.focusItem(index + 1);
        }
        return true;
      case "Home":
        log.focusItem(0);
        return true;
      case "End":
        log.list.scrollToEnd();
        log.focusLast();
        return true;
      case "PageUp":
      case "PageDown":
        this.page(key === "PageUp" ? -1 : 1);
        return true;
      default:
        return false;
    }
  }

  /** A screen up or down; the focus, if it is here, comes along. @param {number} direction */
  page(direction) {
    const { list, items } = this.#log;
    const hasFocus = this.focused !== "";
    list.scrollBy(direction * PAGE * list.viewHeight);
    const { first, last } = list.visible;
    const row = list.isAtEnd && direction > 0 ? items.length : direction > 0 ? last : Math.max(1, first);
    if (hasFocus) {
      this.#log.focusItem(row - 1);
    }
  }

  #act(event, index) {
    const log = this.#log;
    const item = log.items[index];
    if (event.key === "Escape") {
      log.act("compose", null, log);
      return true;
    }
    const name = KEY_ACTIONS[event.key];
    const isOnButton = event.key === "Enter" && event.target.tagName !== "ARTICLE";
    if (name === undefined || item === undefined || isOnButton) {
      return false;
    }
    log.act(name, item, event.target);
    return true;
  }
}
