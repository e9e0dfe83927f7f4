"""The terminal UI's screen: conversations, one of them, who is in it, the composer. What is done there: the parts that
AccordApp is made of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.suggester import Suggester
from textual.widgets import Footer, Label, OptionList, Static, TextArea

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError
from accord_client.account import load_joined
from accord_client.desk import Desk
from accord_client.errors import ClientError
from accord_client.history import Shown
from accord_client.profile import ProfileStore
from accord_client.render import Renderer
from accord_client.session import Client, State, now_ms
from accord_client.talks import Talk, answers, thread_of
from accord_client.terminal import clean_line
from accord_client.tui.dialogs import Ask, Choose, Page
from accord_client.tui.keys import BINDINGS, HELP
from accord_client.tui.lines import draft_line, hung, message_line, people_lines, talk_line
from accord_client.tui.message_deeds import MessageActions
from accord_client.tui.people_deeds import PeopleActions
from accord_client.tui.shell import Draft, Then
from accord_client.tui.space_deeds import SpaceActions
from accord_client.tui.widgets import Composer, Lines, Messages

TICK_SECONDS: Final = 1.0
MAX_PAGES_BACK: Final = 20


class AccordApp(MessageActions, PeopleActions, SpaceActions):
    """`accord tui` for one profile."""

    CSS_PATH = "app.tcss"
    TITLE = "accord"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (70, "-middle"), (110, "-wide")]
    BINDINGS = list(BINDINGS)

    def __init__(self, store: ProfileStore) -> None:
        super().__init__()
        self._store = store
        self.profile = load_joined(store)
        self._desk: Desk | None = None
        self.open: str | None = None
        self.draft = Draft()
        self._drafts: dict[str, Draft] = {}  # what was begun in other conversations
        self._is_sending = False
        self._thread: bytes | None = None
        self._stale: set[str | None] = set()
        self._progress: dict[str, str] = {}
        self._session: asyncio.Task[None] | None = None

    @property
    def desk(self) -> Desk:
        assert self._desk is not None  # noqa: S101 - nothing can be done before there is one
        return self._desk

    @property
    def is_ready(self) -> bool:
        return self._desk is not None

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Lines(id="talks")
            with Vertical(id="middle"):
                yield Label(id="title")
                yield Messages(id="messages")
                yield Static(id="typing")
                yield Static(id="strip")
                yield Composer(id="composer", compact=True, placeholder="Write, and Enter to send")
            yield Static(id="people")
        yield Label(id="state")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#strip").display = self.query_one("#typing").display = False
        self.query_one("#title", Label).update(Text("connecting to the hub"))
        self._session = asyncio.create_task(self._live(), name="accord tui")
        self.set_interval(TICK_SECONDS, self._tick)

    async def on_unmount(self) -> None:
        """Leave when the session has ended in order."""
        if self._session is not None:
            self._session.cancel()
            await asyncio.wait([self._session])

    async def _live(self) -> None:
        """Hold the session for as long as the program runs."""
        try:
            async with Client(self.profile, self._store, notice=self.say) as client:
                await client.connected()
                async with Desk.start(client, self._store) as desk:
                    self._desk = desk
                    try:
                        desk.changed, desk.notice = self._mark_stale, self.say
                        self._draw_talks()
                        await self._show_first(desk)
                        await desk.follow()
                    finally:
                        self._desk = None  # nothing is drawn of a desk that is being closed
        except (ClientError, AccordError) as error:
            self.query_one("#title", Label).update(Text(clean_line(str(error)), style="bold red"))

    async def _show_first(self, desk: Desk) -> None:
        """The conversation to begin with: where something is unread, else the lounge."""
        name = desk.next_unread(None)
        if name is None:
            try:
                name = desk.directory.lounge().name
            except ClientError:
                self.query_one("#title", Label).update(Text("nothing here yet: Ctrl+K goes to a person"))
                return
        await self.open_talk(name)

    def say(self, sentence: str) -> None:
        self.notify(Text(clean_line(sentence)).plain, markup=False)

    # -------------------------------------------------------------------------------------------------------- drawing

    def _mark_stale(self, name: str | None) -> None:
        """Draw soon, once for all that changes now."""
        if not self._stale:
            self.call_later(self._draw_stale)
        self._stale.add(name)

    def _draw_stale(self) -> None:
        stale, self._stale = self._stale, set()
        if self._desk is None:
            return
        if None in stale:
            self._draw_talks()
            if self.open in self.desk.talks:
                self._draw_title(self.desk.talks[self.open])
                self._draw_people(self.open)
        if self.open in stale and self.open is not None:
            self._draw_messages()

    def _draw_talks(self) -> None:
        talks = self.query_one("#talks", Lines)
        talks.show([(talk.name, talk_line(self.desk, talk)) for talk in self.desk.listed()])

    def shown(self) -> list[Shown]:
        items = [] if self.open not in self.desk.talks else self.desk.talks[self.open].shown(now_ms())
        return items if self._thread is None else thread_of(items, self._thread)

    def _draw_messages(self) -> None:
        if self.open not in self.desk.talks:
            self.open = None
            self.query_one("#messages", Lines).show([])
            return
        talk, now = self.desk.talks[self.open], now_ms()
        renderer, items = Renderer(self.desk.directory), self.shown()
        counts = answers(items)
        messages = self.query_one("#messages", Lines)
        width, lines = messages.scrollable_content_region.width, []
        for item in items:
            ident = item.event.message.id
            line = message_line(self.desk, talk, item, renderer, now, answered=counts[ident])
            lines.append((b64encode(ident), hung(line, width)))
        messages.show(lines)

    def on_messages_resized(self) -> None:
        if self._desk is not None:
            self._draw_messages()

    def _draw_title(self, talk: Talk) -> None:
        title = Text(clean_line(self.desk.label(talk)), style="bold")
        if self._thread is None:
            title.append(f"  {self.desk.lock(talk)}", style="dim")
        else:
            title.append("  a thread; Esc shows everything", style="dim")
        self.query_one("#title", Label).update(title)

    def _draw_people(self, name: str) -> None:
        self.query_one("#people", Static).update(people_lines(self.desk, name))

    def _tick(self) -> None:
        if self._desk is None:
            return
        self._draw_state()
        self._draw_typing()
        self.desk.burn()
        if any(item.event.message.burn_at for item in self.shown()):
            self._draw_messages()

    def _draw_state(self) -> None:
        waiting = len(self.desk.client.outbox)
        words = (
            [] if self.desk.client.state is State.ONLINE else ["offline: what you write waits and goes out in order"]
        )
        if words and waiting:
            words[0] += f" ({waiting} waiting)"
        words += self._progress.values()
        self.query_one("#state", Label).update(Text("   ".join(words)))
        self.query_one("#state").display = bool(words)

    def _draw_typing(self) -> None:
        keys = [] if self.open is None else self.desk.signals.typing_in(self.open)
        names = ", ".join(clean_line(self.desk.directory.name_of(key)) for key in keys)
        typing = self.query_one("#typing", Static)
        typing.update(Text(f"{names} {'is' if len(keys) == 1 else 'are'} writing", no_wrap=True, overflow="ellipsis"))
        typing.display = bool(keys)

    def tell_progress(self, what: str, words: str) -> None:
        if words:
            self._progress[what] = words
        else:
            self._progress.pop(what, None)
        if self._desk is not None:
            self._draw_state()

    # ----------------------------------------------------------------------------------------------------- navigation

    async def open_talk(self, name: str) -> None:
        if self.open is not None:
            self._drafts[self.open] = self.draft.with_text(self.query_one(Composer).text)
        self._thread = None
        talk = await self.desk.load(name)
        self.open = name
        self._draw_title(talk)
        messages = self.query_one("#messages", Lines)
        messages.clear_options()
        self._draw_messages()
        self._draw_talks()
        talks = self.query_one("#talks", Lines)
        talks.highlighted = next((i for i, option in enumerate(talks.options) if option.id == name), None)
        self._draw_people(name)
        self.write(self._drafts.pop(name, Draft()))

    async def show_message(self, name: str, ident: bytes) -> None:
        if name != self.open or self._thread is not None:
            await self.open_talk(name)
        messages, wanted = self.query_one("#messages", Lines), b64encode(ident)
        for _ in range(MAX_PAGES_BACK):
            place = next((i for i, option in enumerate(messages.options) if option.id == wanted), None)
            if place is not None:
                messages.focus()
                messages.highlighted = place
                return
            if not self.desk.talks[name].more:
                break
            await self.desk.older(name)
            self._draw_messages()
        self.say("that message is further back than was looked")

    def show_thread(self, ident: bytes | None) -> None:
        self._thread = ident
        if self.open is not None:
            self._draw_title(self.desk.talks[self.open])
            self._draw_messages()
            self.query_one("#composer").focus()

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        async def tried() -> None:
            try:
                await work
            except (ClientError, AccordError) as error:
                self.say(str(error))

        self.run_worker(tried(), exit_on_error=True)

    async def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if event.option_list.id == "talks" and event.option.id is not None:
            self.do(self.open_talk(event.option.id))
        elif event.option_list.id == "messages":
            self.action_reply()

    def choose(self, title: str, choices: Sequence[tuple[str, str]], then: Then) -> None:
        def chosen(ident: str | None) -> None:
            if ident is not None:
                self.do(then(ident))

        self.push_screen(Choose(title, choices), chosen)

    def ask(self, title: str, then: Then, *, value: str = "", suggester: Suggester | None = None) -> None:
        def said(text: str | None) -> None:
            if text is not None:
                self.do(then(text))

        self.push_screen(Ask(title, value, suggester), said)

    def action_next_unread(self) -> None:
        name = self.desk.next_unread(self.open) if self._desk is not None else None
        if name is None:
            self.say("nothing is unread")
        else:
            self.do(self.open_talk(name))

    def action_help(self) -> None:
        self.push_screen(Page("Keys", HELP))

    def action_compose_text(self) -> None:
        composer = self.query_one(Composer)
        if not composer.has_focus:
            composer.focus()
        elif self.draft != Draft():
            self.refer(Draft())
        elif self._thread is not None:
            self.show_thread(None)

    # --------------------------------------------------------------------------------------------------------- writing

    def refer(self, draft: Draft) -> None:
        composer = self.query_one(Composer)
        self.write(draft.with_text("" if self.draft.editing is not None else composer.text))

    def write(self, draft: Draft) -> None:
        composer, strip = self.query_one(Composer), self.query_one("#strip", Static)
        self.draft = draft.with_text("")
        if composer.text != draft.text:
            composer.text = draft.text
            composer.move_cursor(composer.document.end)
        words = draft_line(self.draft, self.desk.directory)
        strip.update(Text(words, no_wrap=True, overflow="ellipsis"))
        strip.display = bool(words)
        composer.focus()

    def on_composer_sent(self, event: Composer.Sent) -> None:
        is_empty = not (event.text.strip() or self.draft.files)
        if self.open is not None and self._desk is not None and not is_empty and not self._is_sending:
            self.do(self.say_or_ask(self.open, self.draft.with_text(event.text)))

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Others see that something is being written."""
        if self._desk is None or self.open is None or not event.text_area.text:
            return
        if self.desk.signals.is_news(self.open):
            self.do(self.desk.signals.typing(self.open))

    async def send(self, name: str, draft: Draft) -> None:
        writing, thread = self.desk.writing, self._thread
        self._is_sending = True
        try:
            if draft.editing is not None:
                await writing.edit(name, draft.editing, draft.text)
            else:
                answered = thread if draft.reply_to is None else draft.reply_to.id
                files, burn = draft.files, draft.burn_seconds
                await writing.say(name, draft.text, reply_to=answered, files=files, burn_seconds=burn)
        finally:
            self._is_sending = False
        self.desk.signals.typed(name)
        if name != self.open:
            self._drafts.pop(name, None)
        elif self.query_one(Composer).text == draft.text:
            self.write(Draft())
            messages = self.query_one("#messages", Lines)
            messages.highlighted = messages.option_count - 1 if messages.option_count else None

    def on_composer_edit_last(self) -> None:
        writing = self.desk.writing
        mine = [item for item in self.shown() if writing.may_edit(item.event.message) and not item.deleted]
        if mine:
            self.write(Draft(mine[-1].words, editing=mine[-1].event.message))

    def chosen(self) -> Shown | None:
        ident = self.query_one("#messages", Lines).chosen
        if self._desk is None or ident is None:
            return None
        wanted = b64decode(ident)
        return next((item for item in self.shown() if item.event.message.id == wanted), None)

    def action_older(self) -> None:
        if self.open is None or self._desk is None:
            return
        if self.desk.talks[self.open].more:
            self.do(self.desk.older(self.open))
        else:
            self.say("there is nothing before")
