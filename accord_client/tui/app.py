"""The terminal UI's screen: conversations, one of them, who is in it, the composer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Footer, Label, OptionList, Static

from accord.encoding import b64decode, b64encode
from accord.errors import AccordError
from accord.messages import Message
from accord.topics import Topic
from accord_client.account import load_joined
from accord_client.desk import Desk
from accord_client.errors import ClientError
from accord_client.history import Shown
from accord_client.profile import ProfileStore
from accord_client.render import Renderer
from accord_client.session import Client, State, now_ms
from accord_client.talks import Talk
from accord_client.terminal import clean_line
from accord_client.tui.deeds import PrivateActions
from accord_client.tui.dialogs import Ask, Choose, Page
from accord_client.tui.lines import message_line, talk_line
from accord_client.tui.widgets import Composer, Lines, Messages

EMOJI: Final = ("\N{THUMBS UP SIGN}", "\N{HEAVY BLACK HEART}", "\N{FACE WITH TEARS OF JOY}", "\N{PARTY POPPER}")
EMOJI_WORDS: Final = ("thumbs up", "heart", "laughing", "party")
TICK_SECONDS: Final = 1.0
HELP: Final = """\
Ctrl+K    go to a conversation or a person       Ctrl+N    the next with something unread
Ctrl+G    who is in this conversation            Ctrl+O    private conversations: ask, answer, compare
Ctrl+F    search                                 Ctrl+T    spaces: make, join, invite, members, keys, leave
F1        this page                              Ctrl+Q    leave
Tab       list, messages, composer in turn       Esc       back to the composer

In the composer
  Enter   send        Ctrl+J   a new line        Up        edit your last message

On a message
  Enter, r   reply    +   react                  e   edit your own
  d          delete   p   what was said before   v   its details
"""


class AccordApp(PrivateActions):
    """`accord tui` for one profile."""

    CSS_PATH = "app.tcss"
    TITLE = "accord"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (70, "-middle"), (110, "-wide")]
    BINDINGS = [
        Binding("ctrl+k", "go", "Go to", priority=True),
        Binding("ctrl+n", "next_unread", "Unread", priority=True),
        Binding("ctrl+g", "members", "Members", priority=True),
        Binding("ctrl+o", "private", "Private", priority=True),
        Binding("ctrl+f", "search", "Search", priority=True),
        Binding("ctrl+t", "space", "Spaces", priority=True),
        Binding("f1", "help", "Help", priority=True),
        Binding("ctrl+q", "quit", "Leave", priority=True),
        Binding("escape", "compose_text", "Write", show=False),
    ]

    def __init__(self, store: ProfileStore) -> None:
        super().__init__()
        self._store = store
        self.profile = load_joined(store)
        self._desk: Desk | None = None
        self.open: str | None = None
        self._reply_to: Message | None = None
        self._editing: Message | None = None
        self._stale: set[str | None] = set()
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
                yield Static(id="strip")
                yield Composer(id="composer", compact=True, placeholder="Write, and Enter to send")
            yield Static(id="people")
        yield Label(id="state")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#strip").display = False
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
                    desk.changed, desk.notice = self._mark_stale, self.say
                    self._draw_talks()
                    await self._show_first(desk)
                    await desk.follow()
        except (ClientError, AccordError) as error:
            self.query_one("#title", Label).update(Text(clean_line(str(error)), style="bold red"))
        finally:
            self._desk = None

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
                self.do(self._draw_people(self.open))
        if self.open in stale and self.open is not None:
            self._draw_messages()

    def _draw_talks(self) -> None:
        talks = self.query_one("#talks", Lines)
        talks.show([(talk.name, talk_line(self.desk, talk)) for talk in self.desk.listed()])

    def _shown(self) -> list[Shown]:
        return [] if self.open is None else self.desk.talks[self.open].shown(now_ms())

    def _draw_messages(self) -> None:
        if self.open not in self.desk.talks:
            self.open = None
            self.query_one("#messages", Lines).show([])
            return
        talk, now = self.desk.talks[self.open], now_ms()
        renderer = Renderer(self.desk.directory)
        lines = [
            (b64encode(item.event.message.id), message_line(self.desk, talk, item, renderer, now))
            for item in talk.shown(now)
        ]
        self.query_one("#messages", Lines).show(lines)

    def _draw_title(self, talk: Talk) -> None:
        title = Text(clean_line(self.desk.label(talk)), style="bold")
        title.append(f"  {self.desk.lock(talk)}", style="dim")
        self.query_one("#title", Label).update(title)

    async def _draw_people(self, name: str) -> None:
        members = await self.desk.members(name)
        lines = [f"{clean_line(called)}{f'  {role}' if role else ''}" for called, _, role in members]
        self.query_one("#people", Static).update(Text("\n".join(lines), no_wrap=True, overflow="ellipsis"))

    def _tick(self) -> None:
        if self._desk is None:
            return
        state = self.desk.client.state
        waiting = len(self.desk.client.outbox)
        band = "" if state is State.ONLINE else "offline: what you write waits and goes out in order"
        if band and waiting:
            band += f" ({waiting} waiting)"
        self.query_one("#state", Label).update(Text(band))
        self.query_one("#state").display = bool(band)
        self.desk.burn()
        if any(item.event.message.burn_at for item in self._shown()):
            self._draw_messages()

    # ----------------------------------------------------------------------------------------------------- navigation

    async def open_talk(self, name: str) -> None:
        self._stop_referring()
        talk = await self.desk.load(name)
        self.open = name
        self._draw_title(talk)
        messages = self.query_one("#messages", Lines)
        messages.clear_options()
        self._draw_messages()
        self._draw_talks()
        talks = self.query_one("#talks", Lines)
        talks.highlighted = next((i for i, option in enumerate(talks.options) if option.id == name), None)
        await self._draw_people(name)
        self.query_one("#composer").focus()

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something that may fail with a sentence for the person."""

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

    def action_go(self) -> None:
        if self._desk is None:
            return
        talks = [(talk.name, clean_line(self.desk.label(talk))) for talk in self.desk.listed()]
        there = {name for name, _ in talks}
        people = [(Topic("user", key).name, f"@{clean_line(name)}") for name, key in self.desk.people()]
        self.choose("Go to", [*talks, *(item for item in people if item[0] not in there)], self.open_talk)

    def choose(self, title: str, choices: list[tuple[str, str]], then: Any) -> None:
        def chosen(ident: str | None) -> None:
            if ident is not None:
                self.do(then(ident))

        self.push_screen(Choose(title, choices), chosen)

    def action_next_unread(self) -> None:
        name = self.desk.next_unread(self.open) if self._desk is not None else None
        if name is None:
            self.say("nothing is unread")
        else:
            self.do(self.open_talk(name))

    def action_members(self) -> None:
        if self.open is not None:
            self.do(self._show_members(self.open))

    async def _show_members(self, name: str) -> None:
        members = await self.desk.members(name)
        choices = [
            (Topic("user", key).name, f"{clean_line(called)}  {role}  {b64encode(key)[:16]}...")
            for called, key, role in members
        ]
        self.choose("Who is here; Enter writes to them", choices, self.open_talk)

    def action_help(self) -> None:
        self.push_screen(Page("Keys", HELP))

    def action_compose_text(self) -> None:
        self._stop_referring()
        self.query_one("#composer").focus()

    # --------------------------------------------------------------------------------------------------------- writing

    def _refer_to(self, words: str) -> None:
        strip = self.query_one("#strip", Static)
        strip.update(Text(words, no_wrap=True, overflow="ellipsis"))
        strip.display = bool(words)

    def _stop_referring(self) -> None:
        if self._editing is not None:
            self.query_one("#composer", Composer).clear()
        self._reply_to = self._editing = None
        self._refer_to("")

    def on_composer_sent(self, event: Composer.Sent) -> None:
        if self.open is None or self._desk is None:
            return
        self.do(self.say_or_ask(self.open, event.text, self._reply_to, self._editing))

    async def send(self, name: str, text: str, reply_to: Message | None, editing: Message | None) -> None:
        if editing is not None:
            await self.desk.edit(name, editing, text)
        else:
            await self.desk.say(name, text, reply_to=reply_to.id if reply_to else None)
        self._editing = None
        self.query_one("#composer", Composer).clear()
        self._stop_referring()
        messages = self.query_one("#messages", Lines)
        messages.highlighted = messages.option_count - 1 if messages.option_count else None

    def on_composer_edit_last(self) -> None:
        mine = [item for item in self._shown() if self.desk.may_edit(item.event.message) and not item.deleted]
        if mine:
            self._edit(mine[-1])

    def _chosen(self) -> Shown | None:
        ident = self.query_one("#messages", Lines).chosen
        if self._desk is None or ident is None:
            return None
        wanted = b64decode(ident)
        return next((item for item in self._shown() if item.event.message.id == wanted), None)

    def action_reply(self) -> None:
        item = self._chosen()
        if item is None or item.deleted:
            return
        self._stop_referring()
        self._reply_to = item.event.message
        name = clean_line(self.desk.directory.name_of(item.event.message.author))
        self._refer_to(f"reply to {name}: {clean_line(item.text)}")
        self.query_one("#composer").focus()

    def action_edit(self) -> None:
        item = self._chosen()
        if item is None or self.open is None:
            return
        if item.event.message.id in self.desk.talks[self.open].refused:
            self.desk.give_up(self.open, item.event.message)
            self._write_again(item.text)
        elif self.desk.may_edit(item.event.message) and not item.deleted:
            self._edit(item)
        else:
            self.say("only texts of your own can be edited")

    def _edit(self, item: Shown) -> None:
        self._stop_referring()
        self._editing = item.event.message
        self._refer_to("edit your message; Esc leaves it as it is")
        self._write_again(item.text)

    def _write_again(self, text: str) -> None:
        composer = self.query_one("#composer", Composer)
        composer.text = text
        composer.move_cursor(composer.document.end)
        composer.focus()

    def action_delete(self) -> None:
        item, name = self._chosen(), self.open
        if item is None or name is None or item.deleted:
            return
        message = item.event.message
        if message.id in self.desk.talks[name].refused:
            self.desk.give_up(name, message)
            return
        if not self.desk.may_delete(message):
            self.say("only your own messages, and what lies in your own inbox, can be deleted")
            return
        question = f"Delete '{clean_line(item.text)[:60]}' everywhere?"
        self.choose(question, [("yes", "Delete"), ("no", "Keep")], lambda said: self._delete(name, message, said))

    async def _delete(self, name: str, message: Message, said: str) -> None:
        if said == "yes":
            await self.desk.delete(name, message)

    def action_react(self) -> None:
        item, name = self._chosen(), self.open
        if item is None or name is None or item.deleted:
            return
        message = item.event.message
        used = [(emoji, emoji) for emoji in item.reactions if emoji not in EMOJI]
        usual = [(emoji, f"{emoji}  {words}") for emoji, words in zip(EMOJI, EMOJI_WORDS, strict=True)]
        other = [("", "another one")]

        async def react(emoji: str) -> None:
            if emoji:
                await self.desk.react(name, message, emoji)
            else:
                self.ask("React with", lambda typed: self.desk.react(name, message, typed))

        self.choose("React with; the same again takes it back", [*usual, *used, *other], react)

    def ask(self, title: str, then: Any) -> None:
        def said(text: str | None) -> None:
            if text is not None:
                self.do(then(text))

        self.push_screen(Ask(title), said)

    def action_older(self) -> None:
        if self.open is None or self._desk is None:
            return
        if self.desk.talks[self.open].more:
            self.do(self.desk.older(self.open))
        else:
            self.say("there is nothing before")

    def action_details(self) -> None:
        item = self._chosen()
        if item is None:
            return
        message = item.event.message
        rows = {
            "from": f"{clean_line(self.desk.directory.name_of(message.author))}  {b64encode(message.author)}",
            "signature": "checked",
            "id": b64encode(message.id),
            "lies in": message.topic.name,
            "answers": ", ".join(b64encode(ident) for ident in message.attention_messages) or "-",
            "reactions": ", ".join(
                f"{clean_line(emoji)} {', '.join(clean_line(self.desk.directory.name_of(key)) for key in sorted(keys))}"
                for emoji, keys in item.reactions.items()
            )
            or "-",
        }
        self.push_screen(Page("Message", "\n".join(f"{title:<10} {text}" for title, text in rows.items())))


def run(store: ProfileStore) -> int:
    """Show the terminal UI until the person leaves."""
    app = AccordApp(store)
    app.run()
    return app.return_code or 0
