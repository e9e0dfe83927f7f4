"""Handlers that do what handlers must not, or that show what they were given; loaded in their own process."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable

from plugins.handlers import Context, Handler, Message, handler


def make(run: Callable[[Message, Context], None]) -> Handler:
    return handler(run.__name__, types=["test.thing"], title=run.__name__, explains="For a test.")(run)


@make
def shows(message: Message, context: Context) -> None:
    """Say everything that was given."""
    names = ("id", "type", "topic", "author", "author_name", "created_at", "tz", "mentions", "answers", "body")
    given = {name: getattr(message, name) for name in names}
    given["env"] = sorted(name for name in os.environ if "ACCORD" in name or "DJANGO" in name)
    context.answer(json.dumps(given))


@make
def sleeps(message: Message, context: Context) -> None:
    """Take for ever, with a child of its own that holds on to the pipes."""
    with subprocess.Popen(["sleep", "600"], close_fds=False):
        time.sleep(600)


@make
def eats(message: Message, context: Context) -> None:
    """Take all memory."""
    found = []
    while True:
        found.append(bytearray(16 * 1024 * 1024))


@make
def exits(message: Message, context: Context) -> None:
    """End the process."""
    os._exit(3)


@make
def raises(message: Message, context: Context) -> None:
    """Fail, after having asked for something."""
    context.answer("never said")
    raise ValueError("this is broken")


@make
def prints(message: Message, context: Context) -> None:
    """Write where the pipe was, and read from it."""
    print("x" * 100_000, flush=True)
    assert not os.read(0, 1)
    context.answer("printed")


@make
def lies(message: Message, context: Context) -> None:
    """Want what is no deed."""
    context.deeds.append({"do": "say", "topic": 7})


@make
def speaks(message: Message, context: Context) -> None:
    """Say two things, one of them where there is nothing."""
    context.answer("first")
    context.say("chan:" + "A" * 43, "second")


@make
def recurs(message: Message, context: Context) -> None:
    """Count to three, one run after the other."""
    number = context.data["number"] if context.data else 0
    context.answer(f"number {number}")
    if number < 2:
        context.later(context.now, {"number": number + 1})


@make
def peeks(message: Message, context: Context) -> None:
    """Read a message that somebody names."""
    found = context.message(message.body["id"])
    context.answer("nothing" if found is None else found.text)
