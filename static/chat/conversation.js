/**
 * <accord-conversation>: one conversation, from its head to the field in which one writes. It puts the parts together:
 * what the log says a person asks for goes to the actions, the composer, the editor or, as an event, to the app around
 * it. Properties: `client`, `conversation` (id, null for none), `peopleShown`. Events: open-person {key}, back,
 * toggle-people, open-invites, open-thread {id}, search.
 */

import { t } from "../words/words.js";
import { Actions } from "./actions.js";
import { AgreementBar } from "./agreement.js";
import { Composer } from "./composer.js";
import { ConnectBar } from "./connectbar.js";
import { h } from "./dom.js";
import { listenToDrops } from "./drops.js";
import { makeEditor } from "./editor.js";
import { showProgress } from "./filebox.js";
import { Header } from "./header.js";
import { keyStop, openCompare } from "./keywords.js";
import { openLock } from "./lock.js";
import "./log.js";
import { nameOf } from "./message.js";
import { openPins } from "./pins.js";
import { Reading } from "./reading.js";
import { RequestBar } from "./trouble.js";
import { showTyping, typingLine } from "./typing.js";
import { openVouching } from "./vouching.js";

const TOUCH = matchMedia("(hover: none) and (pointer: coarse)");
const MAX_LOOKED_AT = 500;

export class AccordConversation extends HTMLElement {
  #client = null;
  /** @type {string | null} */
  #id = null;
  #openId = "";
  #names = new Map();
  #link = "";
  #log = /** @type {import("./log.js").AccordLog} */ (h("accord-log"));
  #typing = typingLine();
  #header = new Header({
    back: () => this.#tell("back"),
    openPins: (from) => openPins(from, this.#client, this.#openId, (id) => this.#log.goTo(id)),
    togglePeople: () => this.#tell("toggle-people"),
    search: () => this.#tell("search"),
    openPerson: (key) => this.#tell("open-person", { key }),
    openLock: () => openLock(this.#client, this.#openId),
  });
  #connect = new ConnectBar(() => this.#client);
  #agreement = new AgreementBar(() => this.#client);
  #composer = new Composer({
    client: () => this.#client,
    find: (id) => this.#log.items[this.#log.indexOf(id)],
    goTo: (id) => this.#log.goTo(id),
    editLast: () => this.editLast(),
    page: (direction) => this.#log.page(direction),
  });
  #request = new RequestBar({
    client: () => this.#client,
    answer: () => this.focusComposer(),
    vouch: (key) => openVouching(this.#client, key),
  });
  #actions = new Actions({
    client: () => this.#client,
    log: this.#log,
    reply: (item) => this.#composer.reply(item),
    edit: (item) => this.#edit(item),
    openPerson: (key) => this.#tell("open-person", { key }),
    openThread: (item) => this.#tell("open-thread", { id: item.id }),
  });
  #reading = new Reading(this.#log);
  #wantsField = false;
  #stop = h("div", { hidden: true });
  /** Of whom and why it stands there. */
  #stopped = "";
  #onState = (event) => this.#change(event.detail);
  #onHide = () => this.#composer.keep();

  connectedCallback() {
    if (this.childElementCount === 0) {
      this.append(this.#header.element, this.#request.element, this.#connect.element, this.#agreement.element, this.#log,
        this.#typing, this.#stop, this.#composer.element);
      listenToDrops(this, (transfer) => this.#composer.takeFiles(transfer));
      this.#log.addEventListener("action", (event) => this.#act(event.detail));
      this.#log.addEventListener("moved", () => this.#composer.lookUpReply());
    }
    globalThis.addEventListener("pagehide", this.#onHide);
    this.#open();
  }

  disconnectedCallback() {
    globalThis.removeEventListener("pagehide", this.#onHide);
    this.#close();
  }

  get client() {
    return this.#client;
  }

  set client(client) {
    this.#client?.removeEventListener("state", this.#onState);
    this.#close();
    this.#client = client;
    client?.addEventListener("state", this.#onState);
    this.#open();
  }

  get conversation() {
    return this.#id;
  }

  set conversation(id) {
    if (id !== this.#id) {
      this.#close();
      this.#id = id;
      this.#open();
    }
  }

  /** Whether the people pane is shown, for the button that toggles it. @param {boolean} isShown */
  set peopleShown(isShown) {
    this.#header.peopleShown = isShown;
  }

  /** To where one writes; on a touch screen to the head, so that no keyboard covers what is to be read. */
  focusComposer() {
    this.#wantsField = !TOUCH.matches;
    if (TOUCH.matches || !(this.#state?.canPost ?? true)) {
      this.#header.title.focus();
    } else {
      this.#composer.focus();
    }
  }

  /** What could not be written to yet can be now, and nobody has gone elsewhere. */
  #lookUpField() {
    if (this.#wantsField && this.#state?.canPost && document.activeElement === this.#header.title) {
      this.#composer.focus();
    }
  }

  /** Edit my newest message. @returns {boolean} whether there is one */
  editLast() {
    const items = this.#log.items.slice(-MAX_LOOKED_AT);
    const item = items.findLast((each) => each.isOwn && each.canEdit && each.state === "sent" && !each.isDeleted);
    if (item === undefined) {
      return false;
    }
    this.#edit(item);
    return true;
  }

  /** Bring a message into view, from wherever in the history. @param {string} id */
  jumpTo(id) {
    return this.#log.goTo(id);
  }

  /** Where its messages are. */
  get log() {
    return this.#log;
  }

  /** All messages held are read. */
  markRead() {
    if (this.#openId !== "") {
      this.#reading.markRead();
      this.#log.dismissUnread();
    }
  }

  /** Give up everything; drafts are kept. */
  close() {
    this.client = null;
  }

  get #state() {
    return this.#client?.state.conversations[this.#openId];
  }

  #open() {
    if (this.#openId !== "" || this.#client === null || this.#id === null || !this.isConnected) {
      return;
    }
    this.#openId = this.#id;
    this.#link = this.#client.state.link.status;
    this.#showHead();
    this.#showStop();
    this.#composer.open(this.#openId);
    this.#log.open(this.#client, this.#openId);
    this.#reading.open();
    showTyping(this.#typing, this.#client.state, this.#openId);
  }

  #close() {
    if (this.#openId !== "") {
      this.#reading.close();
      this.#composer.close();
      this.#log.close();
      this.#openId = "";
    }
  }

  get #title() {
    const state = this.#state;
    if (state?.kind === "feed") {
      return t("everyone who follows you");
    }
    return state?.kind === "direct" ? nameOf(state.with, this.#client.state, state.name) : `#${state?.name ?? ""}`;
  }

  #showHead() {
    this.#request.show(this.#state);
    this.#connect.show(this.#state);
    this.#agreement.show(this.#openId);
    this.#header.show(this.#client.state, this.#state);
    this.#composer.label(this.#title);
    this.#log.label = this.#state?.kind === "feed" ? t("Posts") : t("Messages in {title}", { title: this.#title });
  }

  /** Where the other side has a new key, that is said in place of the field. */
  #showStop() {
    const { id, keyChanged = "", keyChanges } = this.#state ?? {};
    const shown = keyChanged && JSON.stringify([id, keyChanged, keyChanges]);
    this.#stop.hidden = shown === "";
    this.#composer.element.hidden = shown !== "";
    if (shown !== this.#stopped) {
      this.#stopped = shown;
      this.#stop.replaceChildren(...(shown ? [keyStop(this.#client, this.#state)] : []));
    }
  }

  #change(detail) {
    if (this.#openId === "") {
      return;
    }
    const { state } = this.#client;
    const isMine = detail.conversations?.includes(this.#openId);
    if (isMine || detail.people || detail.connections || detail.spaces || detail.agreements) {
      this.#showHead();
    }
    if (isMine) {
      this.#showStop();
      this.#composer.update();
      this.#lookUpField();
      this.#log.refresh();
    }
    if (detail.files) {
      showProgress(this.#log, state);
    }
    if (detail.typing?.includes(this.#openId)) {
      showTyping(this.#typing, state, this.#openId);
    }
    const hasNewNames = this.#namesChanged(detail.people ?? []);
    const hasNewLink = state.link.status !== this.#link;
    this.#link = state.link.status;
    if (hasNewNames || hasNewLink || detail.clock || detail.me || detail.marks || detail.allowance) {
      this.#log.redraw();
    }
    if (hasNewLink && this.#link === "online") {
      this.#log.retryOlder();
    }
  }

  /** Presence changes often and shows nowhere in the log; names do, and whether a key was compared. */
  #namesChanged(keys) {
    let hasChanged = false;
    for (const key of keys) {
      const person = this.#client.state.people[key];
      const shown = `${nameOf(key, this.#client.state, "")} ${person?.name ?? ""} ${person?.isVerified === true}`;
      hasChanged = hasChanged || this.#names.get(key) !== shown;
      this.#names.set(key, shown);
    }
    return hasChanged;
  }

  #act({ name, item, from, data }) {
    switch (name) {
      case "compose":
        this.focusComposer();
        break;
      case "jump":
        this.#log.goTo(data.target);
        break;
      case "person":
        this.#tell("open-person", { key: data.key });
        break;
      case "compare":
        openCompare(this.#client, data.key);
        break;
      case "invite":
        this.#tell("open-invites");
        break;
      default:
        this.#actions.run(name, item, from, data);
    }
  }

  #edit(item) {
    const isFromLog = this.#log.contains(document.activeElement);
    const editor = makeEditor(this.#client, item, () => {
      this.#log.endEdit();
      if (isFromLog) {
        this.#log.focusItem(this.#log.indexOf(item.id));
      } else {
        this.focusComposer();
      }
    });
    this.#log.beginEdit(item.id, editor.element);
    editor.focus();
  }

  #tell(name, detail = null) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }
}

customElements.define("accord-conversation", AccordConversation);
