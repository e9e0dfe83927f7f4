"""`accord tui` against a real hub, by textual's own pilot."""

from __future__ import annotations

import asyncio
import io
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from accord_client import vaulting
from accord_client.desk import Desk
from accord_client.errors import ClientError
from accord_client.files import UP_BYTES
from accord_client.lines import Output
from accord_client.listen import listen
from accord_client.profile import Profile, ProfileStore
from accord_client.sending import send
from accord_client.session import Client
from accord_client.tui.app import AccordApp
from accord_client.tui.dialogs import Ask, Choose
from accord_client.tui.widgets import Composer, Lines
from tests.e2e.plain_client import Key
from tests.e2e.world import World, running
from tests.hubs import PATIENCE_SECONDS

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("tui")) as world:
        yield world


def flat(text: str) -> str:
    """A text whatever lines it is broken in."""
    return " ".join(text.split())


class Screen:
    """A running terminal UI and what can be read on it."""

    def __init__(self, app: AccordApp, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"{what}: {self.talks()} {self.messages()}"
            await self.pilot.pause()
            await asyncio.sleep(0.02)

    def lines(self, where: str) -> list[str]:
        # The screen below a dialog is asked too.
        options = self.app.screen_stack[0].query_one(where, OptionList).options
        return [flat(str(option.prompt)) for option in options if isinstance(option.prompt, Text)]

    def talks(self) -> list[str]:
        return self.lines("#talks")

    def shows(self, where: str) -> str:
        return str(self.app.screen_stack[0].query_one(where, Static).render())

    def title(self) -> str:
        return self.shows("#title")

    def messages(self) -> list[str]:
        return self.lines("#messages")

    async def sees(self, words: str) -> None:
        await self.until(lambda: any(flat(words) in line for line in self.messages()), f"{words!r} is shown")

    async def sees_no(self, words: str) -> None:
        await self.until(lambda: not any(flat(words) in line for line in self.messages()), f"{words!r} is gone")

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def write(self, text: str) -> None:
        composer = self.app.query_one(Composer)
        composer.focus()
        await self.until(lambda: composer.has_focus, "the composer takes keys")
        composer.insert(text)
        await self.press("enter")

    async def choose(self, text: str) -> None:
        await self.until(lambda: isinstance(self.app.screen, Choose), f"a choice is offered, of {text!r} among others")
        dialog = self.app.screen
        self.app.screen.query_one(Input).value = text
        offered = dialog.query_one(OptionList)
        await self.until(
            lambda: (
                offered.option_count > 0 and all(text in str(option.prompt).casefold() for option in offered.options)
            ),
            f"only {text!r} is left",
        )
        await self.press("enter")
        await self.until(lambda: self.app.screen is not dialog, "the choice is made")

    async def answer(self, text: str) -> None:
        await self.until(lambda: isinstance(self.app.screen, Ask), "a line is asked for")
        self.app.screen.query_one(Input).value = text
        await self.press("enter")

    async def pick(self, words: str) -> None:
        """Choose the message that says so."""
        await self.sees(words)
        messages = self.app.query_one("#messages", Lines)
        messages.focus()
        await self.until(lambda: messages.has_focus, "the messages take keys")
        messages.highlighted = next(i for i, line in enumerate(self.messages()) if flat(words) in line)
        await self.pilot.pause()


@asynccontextmanager
async def tui(store: ProfileStore) -> AsyncIterator[Screen]:
    app = AccordApp(store)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = Screen(app, pilot)
        await screen.until(lambda: app.query_one("#messages", Lines).display and bool(screen.talks()), "it has begun")
        yield screen


async def member(own: World, name: str, home: Path) -> ProfileStore:
    key, device = Key(), Key()
    async with await own.connect(own.admin) as session:
        await session.store(own.add_user(own.admin, key, name))
    store = ProfileStore("default", home / name)
    url = own.url.replace("ws", "http", 1).rsplit("/ws", 1)[0]
    await asyncio.to_thread(
        store.save, Profile(key.seed, device.seed, name, own.key, url, own.url, joined=True, claim_sent=True)
    )
    return store


async def test_a_day_in_open_conversations(own: World, tmp_path: Path) -> None:
    ann, bob = await member(own, "ann", tmp_path), await member(own, "bob", tmp_path)
    async with tui(ann) as a, tui(bob) as b:
        await a.write("hello [bold]everyone[/bold] \x1b[31mred")
        await b.sees("hello [bold]everyone[/bold] red")
        await b.pick("hello [bold]everyone")
        await b.press("r")
        await b.write("welcome @ann")
        await a.sees('bob [to ann: "hello [bold]everyone[/bold] red"]  welcome @ann')
        await a.pick("welcome")
        await a.press("plus")
        await a.choose("party")
        await b.sees("\N{PARTY POPPER} 1")
        await a.pick("hello [bold]")
        assert "1 reply" in next(line for line in a.messages() if "hello" in line)
        await a.press("t")
        await a.until(lambda: "a thread" in a.title(), "the thread is shown")
        await a.write("in the thread")
        await b.sees('ann [to ann: "hello [bold]everyone[/bold] red"]  in the thread')
        await b.write("aside")
        await a.until(lambda: len(a.messages()) == 3, "only the thread is shown")
        await a.press("escape")
        await a.sees("aside")
        note = tmp_path / "note.txt"
        note.write_text("to be read by all", encoding="utf-8")
        await b.press("f2")
        await b.answer(str(note))
        await b.until(lambda: b.shows("#strip") == "with note.txt", "the file goes along")
        b.app.query_one(Composer).insert("w")
        await a.until(lambda: a.shows("#typing") == "bob is writing", "ann sees that bob is writing")
        await b.write("ith words")
        await a.sees("[file note.txt, 1 KiB]")
        await a.pick("note.txt")
        await a.press("s")
        await a.answer(str(tmp_path / "saved.txt"))
        await a.until((tmp_path / "saved.txt").exists, "the file is saved")
        assert (tmp_path / "saved.txt").read_bytes() == note.read_bytes()
        await b.press("up")
        await b.until(lambda: b.app.query_one(Composer).text == "with words", "the words are edited, not the file")
        await b.press("escape")
        await b.until(lambda: b.app.query_one(Composer).text == "", "it is left as it is")
        await b.pick("note.txt")
        await b.press("d")
        await b.choose("delete")
        await a.sees_no("note.txt")
        await b.until(
            lambda: own.rows("SELECT COUNT(*) FROM blobs_blob WHERE gone_at IS NULL") == [(0,)], "the file went too"
        )

        await b.pick("welcome")
        await b.press("escape")
        await b.until(lambda: b.app.query_one(Composer).has_focus, "the composer takes keys")
        await b.pick("aside")
        await b.press("d")
        await b.choose("delete")
        await b.sees_no("aside")
        await b.press("escape")
        await b.until(lambda: b.app.query_one(Composer).has_focus, "the composer takes keys")
        await b.press("up")
        await b.until(lambda: b.app.query_one(Composer).text == "welcome @ann", "the last message is edited")
        await b.write(" again")
        await a.sees("welcome @ann again (edited)")
        await a.pick("hello [bold]")
        await a.press("d")
        await a.choose("delete")
        await b.sees("[deleted]")
        await b.sees_no("hello [bold]everyone")

        await b.press("ctrl+k")
        await b.choose("@ann")
        await b.until(lambda: b.title().startswith("@ann"), "the conversation with ann is open")
        await b.write("only for you")
        await b.choose("openly")
        await a.until(lambda: "@1 @bob" in a.talks(), "ann has something unread")
        await a.press("ctrl+n")
        await a.sees("only for you")
        await a.until(lambda: "@bob" in a.talks(), "it is read")
        await a.press("ctrl+g")
        await a.until(lambda: isinstance(a.app.screen, Choose), "members are shown")
        await a.press("escape")
        await a.until(lambda: not isinstance(a.app.screen, Choose), "they are put away")
        await a.pilot.resize_terminal(30, 10)
        await a.press("escape")
        await a.write("from a very small terminal")
        await a.choose("openly")
        await b.sees("from a very small terminal")
        await a.press("f1")
        await a.until(lambda: any("Ctrl+K" in str(text.render()) for text in a.app.screen.query(Static)), "help")
        await a.press("escape")

    async with tui(ann) as a:
        assert "@bob" in a.talks()  # nothing is unread any more, and the conversation is remembered


async def test_a_day_in_private(own: World, tmp_path: Path) -> None:
    cat, dan = await member(own, "cat", tmp_path), await member(own, "dan", tmp_path)
    async with tui(cat) as c, tui(dan) as d:
        await c.press("ctrl+k")
        await c.choose("@dan")
        await c.until(lambda: c.title().startswith("@dan"), "the conversation with dan is open")
        await c.write("between us alone")
        await c.choose("ask")
        await d.until(lambda: "@cat" in d.talks(), "cat's wish has come")
        await d.press("ctrl+o")
        await d.choose("accept")
        await d.until(lambda: d.title() == "@cat  encrypted", "dan has accepted")
        await c.until(lambda: c.title() == "@dan  encrypted", "cat sees it")
        assert c.app.query_one(Composer).text == "between us alone"  # it has waited
        await c.until(lambda: c.app.query_one(Composer).has_focus, "the composer takes keys")
        await c.press("enter")
        await d.sees("between us alone")
        await d.pick("between us")
        await d.press("plus")
        await d.choose("heart")
        await c.sees("\N{HEAVY BLACK HEART} 1")

        await c.press("ctrl+t")
        await c.choose("make a space")
        await c.answer("Den")
        await c.until(lambda: c.title() == "Den #general  encrypted", "the space's first channel is open")
        await c.write("first things first")
        await c.press("ctrl+t")
        await c.choose("add, promote")
        await c.choose("dan")
        await c.choose("member")
        await d.until(lambda: any("Den #general" in line for line in d.talks()), "dan is in the space")
        await c.write("the den is warm")
        await d.until(
            lambda: any(re.match(r"\d Den #general", line) for line in d.talks()), "something is unread there"
        )
        await d.press("ctrl+n")
        await d.until(lambda: d.title() == "Den #general  encrypted", "dan had something unread there")
        await d.sees("the den is warm")
        assert not any("first things" in line for line in d.messages())
        await c.press("ctrl+t")
        await c.choose("said before they came")
        await c.choose("dan")
        await d.sees("first things first")
        await c.pick("den is warm")
        await c.press("p")
        await d.sees("the den is warm (pinned)")
        await d.press("f4")
        await d.choose("den is warm")
        await d.press("f3")
        await d.choose("1 hour")
        await d.write("and mine")
        await c.sees("and mine (vanishes in ")
        await c.until(
            lambda: c.shows("#people") == "\N{BLACK CIRCLE} cat  admin\n\N{BLACK CIRCLE} dan",
            "both are among the people",
        )
        await c.press("ctrl+f")
        await c.answer("ALONE us")
        await c.choose("between us alone")
        await c.until(lambda: c.title().startswith("@dan"), "what was found is open")

    heard = io.BytesIO()
    listening = asyncio.create_task(listen(dan, Output(heard), targets=["@cat"], json=False, since_last=False, count=1))
    while not listening.done():
        said = {"target": "@dan", "text": "are you there", "reply": None, "burn_seconds": None}
        await send(cat, Output(io.BytesIO()), **said, openly=False, as_json=False)
    await listening
    assert b"@cat cat: are you there" in heard.getvalue()
    assert not own.holds_bytes(b"are you there")
    assert not own.holds_bytes(b"between us alone")
    assert not own.holds_bytes(b"den is warm")


@asynccontextmanager
async def sitting(store: ProfileStore) -> AsyncIterator[Desk]:
    """A desk that is kept up to date, without a screen."""
    async with Client(store.load(), store) as client, Desk.start(client, store) as desk:
        following = asyncio.create_task(desk.follow())
        try:
            yield desk
        finally:
            following.cancel()


async def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)


async def test_what_was_read_follows_by_the_vault(own: World, tmp_path: Path) -> None:
    fay, gil = await member(own, "fay", tmp_path), await member(own, "gil", tmp_path)
    await asyncio.to_thread(vaulting.make, fay, "several quite ordinary words")
    origin = fay.load().url
    root = await asyncio.to_thread(vaulting.password_root, origin, own.key, "fay", "several quite ordinary words", None)
    other = ProfileStore("default", tmp_path / "other")
    await vaulting.log_in(other, origin=origin, hub=own.key, name="fay", root=root, kind="password")
    said = {"text": "news for everybody", "reply": None, "burn_seconds": None, "openly": False, "as_json": False}
    async with sitting(fay) as here, sitting(other) as there:
        lounge = here.directory.lounge()
        await send(gil, Output(io.BytesIO()), target=None, **said)
        await until(lambda: here.talk(lounge).unread == there.talk(lounge).unread == 1, "it is unread on both")
        await here.load(lounge.name)
        await until(lambda: there.talk(lounge).unread == 0, "it is read on the other device too")
    async with sitting(other) as there:
        assert there.talk(lounge).unread == 0


async def test_a_file_goes_on_where_it_was_cut(own: World, tmp_path: Path) -> None:
    store, path = await member(own, "hal", tmp_path), tmp_path / "long.bin"
    path.write_bytes(bytes(range(251)) * 6_000)

    def cut(done: int, size: int) -> None:
        if done >= UP_BYTES:
            raise InterruptedError

    came: list[int] = []
    async with sitting(store) as desk:
        ((file, blob),) = await desk.files.seal([path])
        with pytest.raises(InterruptedError):
            await desk.files.bring(blob, burn_at=None, progress=cut)
        await desk.files.bring(blob, burn_at=None, progress=lambda done, _: came.append(done))
        assert came[0] >= UP_BYTES
        assert came[-1] == len(blob)
        assert await desk.files.fetch(file) == path.read_bytes()
        for wrong in (replace(file, key=bytes(32)), replace(file, size=file.size - 1), replace(file, size=9)):
            with pytest.raises(ClientError, match="not the file that was sent"):
                await desk.files.fetch(wrong)
        await desk.files.drop([file])
        with pytest.raises(ClientError, match="not on the hub any more"):
            await desk.files.fetch(file)
