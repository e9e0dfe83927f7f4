/** Removals of my branch that can still be undone: how long, and the button that undoes them. */

import { plural, t } from "../words/words.js";
import { announce } from "./announcer.js";
import { leftText } from "./branch_words.js";
import { h, icon } from "./dom.js";
import { reason } from "./words.js";

const TICK_MS = 1_000;

/** A list of such removals; it is nothing while there are none. */
export class RemovalBand {
  #client;
  #changed;
  #timer;
  #stopper = new AbortController();
  /** @type {Map<string, {element: HTMLElement, says: HTMLElement, clock: HTMLElement, button: HTMLButtonElement}>} */
  #rows = new Map();

  /**
   * @param {any} client
   * @param {() => void} [changed] when one has been undone or its time is over
   */
  constructor(client, changed = () => {}) {
    this.#client = client;
    this.#changed = changed;
    this.element = h("ul", { class: "removals", "aria-label": t("Removals that can be undone"), hidden: true });
    const { signal } = this.#stopper;
    client.addEventListener("state", ({ detail }) => detail.removals && this.#show(), { signal });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#show();
  }

  close() {
    clearInterval(this.#timer);
    this.#stopper.abort();
  }

  #show() {
    const { removals } = this.#client.state;
    const before = this.#rows.size;
    for (const [key, { element }] of this.#rows) {
      if (!removals.some((removal) => removal.key === key)) {
        element.remove();
        this.#rows.delete(key);
      }
    }
    for (const removal of removals) {
      if (!this.#rows.has(removal.key)) {
        this.#rows.set(removal.key, this.#row(removal));
        this.element.append(this.#rows.get(removal.key).element);
      }
    }
    this.element.hidden = removals.length === 0;
    this.#tick();
    if (this.#rows.size < before) {
      this.#changed();
    }
  }

  #row({ key, name, mode, accounts }) {
    const others = accounts - 1;
    const who = mode === "subtree" && others > 0 ? plural("{name} and {count} other", "{name} and {count} others", others, { name }) : name;
    const says = h("span", { class: "grow" }, t("Being removed: {who}", { who }));
    const clock = h("span", { class: "countdown", role: "timer" });
    const label = t("Undo the removal of {name}", { name });
    const click = () => this.#undo(key, name, button);
    const button = /** @type {HTMLButtonElement} */ (
      h("button", { type: "button", class: "button small", "aria-label": label, on: { click } }, t("Undo"))
    );
    return { element: h("li", { class: "removal" }, icon("warn"), says, clock, button), says, clock, button };
  }

  #tick() {
    for (const { key, finalAt } of this.#client.state.removals) {
      const row = this.#rows.get(key);
      const left = finalAt - Date.now();
      row.clock.textContent = left > 0 ? t("{left} left", { left: leftText(left) }) : t("now final");
      row.button.hidden = left <= 0;
    }
  }

  async #undo(key, name, button) {
    button.disabled = true;
    try {
      await this.#client.call("branch.restore", { key });
      announce(t("The removal of {name} is undone: all is as it was", { name }));
    } catch (failure) {
      announce(failure.code === "gone" ? t("The time is over: {name} was removed", { name }) : reason(failure));
      button.disabled = false;
    }
  }
}
