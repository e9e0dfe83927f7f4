"""What the parts of the terminal UI ask of the screen that they are parts of (app.py)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from textual.app import App
from textual.suggester import Suggester

from accord.messages import Message
from accord_client.desk import Desk
from accord_client.history import Shown
from accord_client.profile import Profile

Then = Callable[[str], Coroutine[Any, Any, Any]]


@dataclass(frozen=True, slots=True)
class Draft:
    """What is being written: what it answers or is put in place of, the files that go along, how long it stays."""

    text: str = ""
    reply_to: Message | None = None
    editing: Message | None = None
    files: tuple[Path, ...] = field(default=())
    burn_seconds: int | None = None

    def with_text(self, text: str) -> Draft:
        """The same with these words."""
        return replace(self, text=text)


class Shell(App[None]):
    """The screen, as its parts know it."""

    profile: Profile
    open: str | None
    draft: Draft

    @property
    def desk(self) -> Desk:
        """The conversations; there must be some by now."""
        raise NotImplementedError

    @property
    def is_ready(self) -> bool:
        """Whether there is a desk."""
        raise NotImplementedError

    def say(self, sentence: str) -> None:
        """Tell the person."""
        raise NotImplementedError

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something that may fail with a sentence for the person."""
        raise NotImplementedError

    def choose(self, title: str, choices: Sequence[tuple[str, str]], then: Then) -> None:
        """Have one of (id, label) chosen."""
        raise NotImplementedError

    def ask(self, title: str, then: Then, *, value: str = "", suggester: Suggester | None = None) -> None:
        """Ask for a line."""
        raise NotImplementedError

    async def open_talk(self, name: str) -> None:
        """Show a conversation."""
        raise NotImplementedError

    async def show_message(self, name: str, ident: bytes) -> None:
        """Show a conversation and choose one of its messages, where it can be found."""
        raise NotImplementedError

    def shown(self) -> list[Shown]:
        """The messages on the screen."""
        raise NotImplementedError

    def chosen(self) -> Shown | None:
        """The message that is chosen."""
        raise NotImplementedError

    def show_thread(self, ident: bytes | None) -> None:
        """Show only what belongs to a message, or everything."""
        raise NotImplementedError

    def refer(self, draft: Draft) -> None:
        """Have all of this but its words; what has been typed stays, unless it was to edit something."""
        raise NotImplementedError

    def write(self, draft: Draft) -> None:
        """Have this in the composer."""
        raise NotImplementedError

    def tell_progress(self, what: str, words: str) -> None:
        """Show how far something has come; no words: it is over."""
        raise NotImplementedError

    async def send(self, name: str, draft: Draft) -> None:
        """Send what was composed."""
        raise NotImplementedError
