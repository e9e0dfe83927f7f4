/**
 * The chat: list, conversation, people; which conversation is open, kept in the tab's history; what happens around it.
 * Not here: the conversation itself (conversation.js).
 */

import "./conversation.js";
import { announce } from "./announcer.js";
import { Bands } from "./bands.js";
import { RemovalBand } from "./branch_band.js";
import { h } from "./dom.js";
import { openInvites } from "./invites.js";
import { KeyNotes } from "./keynotes.js";
import { listenToKeys } from "./keys.js";
import { listed } from "./lists.js";
import { Notifier } from "./notifier.js";
import { PeoplePane } from "./people.js";
import { openPerson } from "./person.js";
import { pref, setPref, setTabMemory, tabMemory } from "./prefs.js";
import { watchPresence } from "./presence.js";
import { Rail } from "./rail.js";
import { openSearch } from "./search.js";
import { Sidebar } from "./sidebar.js";
import { openSpaceInvite } from "./spaceinvite.js";
import { listenToSwipes } from "./swipes.js";
import { ThreadPane } from "./thread.js";
import { VaultBand } from "./vaultband.js";

const PHONE = matchMedia("(max-width: 639px)");
const NARROW = matchMedia("(max-width: 899px)");
const FIRST_CHANNEL = "lounge";

export class App {
  /** @param {any} client */
  constructor(client) {
    this.client = client;
    /** @type {string | null} the conversation that is open, or was the last to be */
    this.current = null;
    /** @type {Element | null} what had the focus before the people pane */
    this.beforePeople = null;
    /** @type {string | null} the space that is shown; null: the hub's open channels */
    this.space = null;
    /** @type {string | null} a conversation to open as soon as it is known */
    this.awaited = null;
    this.stopper = new AbortController();
    this.rail = new Rail(this);
    this.sidebar = new Sidebar(this);
    this.people = new PeoplePane(this);
    this.thread = new ThreadPane(this);
    this.bands = new Bands(client);
    this.removals = new RemovalBand(client);
    this.bands.element.append(this.removals.element);
    this.notifier = new Notifier(this);
    this.keyNotes = new KeyNotes(this);
    this.vaultBand = new VaultBand(this);
    this.bands.element.append(this.keyNotes.band, this.vaultBand.element);
    this.sidebar.element.querySelector(".me-strip")?.before(this.keyNotes.nudge);
    /** @type {any} */
    this.talk = document.createElement("accord-conversation");
    this.talk.client = client;
    this.talk.tabIndex = -1;
    this.main = h("main", { class: "app-main" }, this.talk);
    this.scrim = h("div", { class: "app-scrim", hidden: true, on: { click: () => this.showPeople(false) } });
    this.element = h(
      "div",
      { class: "app", "data-view": "talk" },
      this.bands.element,
      this.rail.element,
      this.sidebar.element,
      this.main,
      this.scrim,
      this.people.element,
      this.thread.element,
    );
    this.talk.addEventListener("open-person", (event) => openPerson(this, event.detail.key));
    this.talk.addEventListener("open-invites", () =>
      this.space === null ? openInvites(this) : openSpaceInvite(this, this.space));
    this.talk.addEventListener("open-thread", (event) => this.thread.open(event.detail.id));
    this.talk.addEventListener("search", () => openSearch(this));
    this.talk.addEventListener("back", () => this.back());
    this.talk.addEventListener("toggle-people", () => this.togglePeople());
    this.#listen();
    this.showPeople(!NARROW.matches && pref("people") !== "hidden");
    this.#restore();
  }

  #listen() {
    const { signal } = this.stopper;
    globalThis.addEventListener("popstate", (event) => this.#enter(event.state ?? {}), { signal });
    PHONE.addEventListener("change", () => this.#enter(history.state ?? {}), { signal });
    NARROW.addEventListener("change", () => this.showPeople(!NARROW.matches && pref("people") !== "hidden"), {
      signal,
    });
    this.people.element.addEventListener(
      "keydown",
      (event) => {
        if (event.key === "Escape" && NARROW.matches) {
          event.preventDefault();
          this.showPeople(false);
        }
      },
      { signal },
    );
    listenToKeys(this, signal);
    listenToSwipes(this, signal);
    watchPresence(this.client, signal);
  }

  /** What changed in the client's state. */
  update(detail) {
    this.rail.update(detail);
    this.sidebar.update(detail);
    this.people.update(detail);
    this.thread.update(detail);
    this.bands.update(detail);
    this.notifier.update(detail);
    this.keyNotes.update(detail);
    if (detail.spaces && this.space !== null && !(this.space in this.client.state.spaces)) {
      this.openSpace(null);
    }
    if (this.awaited !== null && this.awaited in this.client.state.conversations) {
      this.open(this.awaited);
    }
    this.vaultBand.update(detail);
    if (detail.conversations && this.current !== null && !(this.current in this.client.state.conversations)) {
      this.#moved(this.current);
    }
    if ((detail.conversations || detail.link) && this.current === null) {
      this.#restore(document.activeElement === document.body || this.talk.contains(document.activeElement));
    }
  }

  /** Somebody has another key: what was the conversation with them is another one now. */
  #moved(id) {
    const all = Object.values(this.client.state.conversations);
    const found = all.find((each) => each.formerIds?.includes(id));
    if (found) {
      history.replaceState({ ...history.state, conversation: found.id }, "", "/");
      this.#show(found.id, this.element.dataset.view);
    }
  }

  /** After joining, reload or a page that was in between. */
  focus() {
    if (this.#isPhoneList) {
      this.sidebar.focus();
    } else if (PHONE.matches) {
      this.talk.focus({ preventScroll: true }); // the field would bring up the keyboard
    } else {
      this.talk.focusComposer();
    }
  }

  close() {
    this.stopper.abort();
    this.bands.close();
    this.removals.close();
    this.notifier.close();
    this.talk.close();
  }

  /**
   * Open a conversation, and go to one of its messages.
   * @param {string} id
   * @param {{message?: string | null, focus?: boolean}} [options]
   */
  open(id, { message = null, focus = true } = {}) {
    if (!(id in this.client.state.conversations)) {
      return;
    }
    if (id !== this.current || this.#isPhoneList) {
      history.pushState({ conversation: id, view: "talk", isFromList: this.#isPhoneList }, "", "/");
    }
    this.#show(id, "talk");
    if (message !== null) {
      this.talk.jumpTo(message);
    } else if (focus) {
      this.focus();
    }
  }

  /** Open one that has just been made, now or when the hub has told of it. @param {string} id */
  openWhenThere(id) {
    this.awaited = id;
    this.open(id);
  }

  /** Show a space, where one was last in it; null: the hub's open channels. @param {string | null} id */
  openSpace(id) {
    this.#showSpace(id);
    const channels = listed(this.client).filter((each) => each.kind === "channel" && (each.space ?? null) === id);
    const last = tabMemory(`space.${id ?? ""}`);
    const next = channels.find((each) => each.id === last) ?? channels[0];
    if (next && !this.#isPhoneList) {
      this.open(next.id);
    }
  }

  #showSpace(id) {
    this.space = id;
    this.sidebar.show(id);
    this.rail.update({ spaces: [] });
    this.people.update({ spaces: [] });
  }

  /** Open the direct conversation with a person. @param {string} key */
  async message(key) {
    try {
      const { conversation } = await this.client.call("direct.open", { key });
      this.open(conversation);
    } catch (error) {
      announce(error.detail ?? String(error));
    }
  }

  /** From the conversation to the list, on a phone. */
  back() {
    if (history.state?.isFromList) {
      history.back();
    } else {
      history.replaceState({ ...history.state, view: "list" }, "", "/");
      this.#enter(history.state);
    }
  }

  /** From the list to the last conversation, on a phone. */
  forward() {
    if (this.#isPhoneList && this.current !== null) {
      this.open(this.current, { focus: false });
    }
  }

  /** Whether the list alone is shown. */
  get #isPhoneList() {
    return PHONE.matches && this.element.dataset.view === "list";
  }

  get isPhone() {
    return PHONE.matches;
  }

  /** The thread takes the place of the people while it is open. @param {boolean} isShown */
  showThread(isShown) {
    this.thread.element.hidden = !isShown;
    this.element.classList.toggle("has-thread", isShown);
    if (isShown) {
      this.showPeople(false);
    } else {
      this.showPeople(!NARROW.matches && pref("people") !== "hidden");
    }
  }

  togglePeople() {
    this.thread.close();
    const isShown = !this.people.element.hidden;
    this.beforePeople = document.activeElement;
    this.showPeople(!isShown);
    if (!NARROW.matches) {
      setPref("people", isShown ? "hidden" : null);
    } else if (!isShown) {
      this.people.focus();
    }
  }

  /** @param {boolean} isShown */
  showPeople(isShown) {
    const hadFocus = this.people.element.contains(document.activeElement);
    this.people.element.hidden = !isShown;
    this.scrim.hidden = !(isShown && NARROW.matches);
    this.main.inert = isShown && NARROW.matches;
    this.sidebar.element.inert = isShown && NARROW.matches;
    this.rail.element.inert = isShown && NARROW.matches;
    this.element.classList.toggle("has-people", isShown);
    this.talk.peopleShown = isShown;
    if (!isShown && hadFocus && this.beforePeople instanceof HTMLElement) {
      this.beforePeople.focus();
    }
  }

  #restore(takesFocus = true) {
    const known = this.client.state.conversations;
    const { landing } = this.client.state;
    const wanted = [history.state?.conversation, landing, tabMemory("conversation"), pref("conversation")];
    const channels = Object.values(known).filter((each) => each.kind === "channel");
    // Direct conversations are known before the hub has said what else there is: what was open may be among that.
    const isOutOfReach = this.client.state.link.status === "offline" && this.client.state.link.retryAt !== null;
    const any = isOutOfReach ? Object.values(known)[0] : undefined;
    const fallback = channels.find((each) => each.name === FIRST_CHANNEL) ?? channels[0] ?? any;
    const id = wanted.find((each) => each in known) ?? fallback?.id;
    if (id !== undefined) {
      const state = { conversation: id, view: "talk", isFromList: false, ...history.state };
      history.replaceState({ ...state, conversation: id }, "", "/");
      this.#enter(history.state, takesFocus);
    }
  }

  #enter({ conversation, view = "talk" }, takesFocus = true) {
    const isList = PHONE.matches && view === "list" && this.current in this.client.state.conversations;
    const id = !isList && conversation in this.client.state.conversations ? conversation : this.current;
    if (id) {
      this.#show(id, view);
      if (takesFocus) {
        this.focus();
      }
    }
  }

  #show(id, view) {
    this.current = id;
    this.awaited = this.awaited === id ? null : this.awaited;
    const { kind, space = null } = this.client.state.conversations[id] ?? {};
    if (kind !== "direct") {
      setTabMemory(`space.${space ?? ""}`, id);
      if (space !== this.space) {
        this.#showSpace(space);
      }
    }
    this.element.dataset.view = view;
    if (NARROW.matches) {
      this.showPeople(false);
    }
    // What is not seen is not open: else it would count as read
    const open = this.#isPhoneList ? null : id;
    if (this.talk.conversation !== open) {
      this.thread.close();
      this.talk.conversation = open;
    }
    // One main landmark, whichever column is shown
    if (open === null) {
      this.sidebar.element.setAttribute("role", "main");
    } else {
      this.sidebar.element.removeAttribute("role");
    }
    this.sidebar.select(open);
    this.people.select(id);
    this.notifier.select(open);
    setTabMemory("conversation", id);
    setPref("conversation", id);
  }
}
