"""Messages and conversations as lines of a terminal. What others wrote is text, never markup."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.text import Text

from accord.messages import Message
from accord_client.desk import Desk
from accord_client.directory import Directory
from accord_client.history import Shown
from accord_client.render import Renderer, body_of, clock_time, text_of
from accord_client.talks import Talk, in_words
from accord_client.terminal import clean_line, clean_lines
from accord_client.tui.shell import Draft

INDENT: Final = "      "
LEAST_WIDTH: Final = 20
_CONSOLE: Final = Console(width=80)  # to break lines with, not to write to
MARKS: Final = {"online": "\N{BLACK CIRCLE}", "away": "\N{WHITE CIRCLE}", "offline": " "}


def talk_line(desk: Desk, talk: Talk) -> Text:
    """A conversation in the list: its name and how much is unread, @ where it is to oneself."""
    line = Text(clean_line(desk.label(talk)), no_wrap=True, overflow="ellipsis")
    if talk.unread:
        line.stylize("bold")
        line = Text(f"{'@' if talk.mentions else ''}{talk.unread} ", style="bold cyan", no_wrap=True) + line
    return line


def people_lines(desk: Desk, name: str) -> Text:
    """Who is in a conversation, and who is there now."""
    lines = []
    for called, key, role in desk.members(name):
        mark = MARKS[desk.signals.presence(key)]
        lines.append(f"{mark} {clean_line(called)}{f'  {role}' if role else ''}")
    return Text("\n".join(lines), no_wrap=True, overflow="ellipsis")


def draft_line(draft: Draft, directory: Directory) -> str:
    """What is special about what is being written."""
    words = []
    if draft.editing is not None:
        words.append("edit your message; Esc leaves it as it is")
    if draft.reply_to is not None:
        name = clean_line(directory.name_of(draft.reply_to.author))
        words.append(f"reply to {name}: {clean_line(text_of(draft.reply_to, body_of(draft.reply_to)))}")
    if draft.files:
        words.append("with " + ", ".join(clean_line(path.name) for path in draft.files))
    if draft.burn_seconds is not None:
        words.append(f"vanishes after {in_words(draft.burn_seconds * 1000)}")
    return "; ".join(words)


def message_line(desk: Desk, talk: Talk, item: Shown, renderer: Renderer, now: int, *, answered: int) -> Text:
    """A message in a conversation, with how many answer it."""
    message = item.event.message
    line = Text().append(f"{clock_time(message.created_at, now)} ", style="dim")
    is_mine = message.author == desk.client.profile.user.public
    line.append(clean_line(renderer.author(message)), style="bold green" if is_mine else "bold cyan")
    if quoted := renderer.reply_words(message):
        line.append(f" {quoted.strip()}", style="dim italic")
    line.append("  ")
    if item.deleted:
        line.append("[deleted]", style="dim")
        return line
    called = desk.client.profile.user.public in message.attention_keys
    line.append(clean_lines(item.text, INDENT), style="yellow" if called else "")
    if item.edited:
        line.append(" (edited)", style="dim")
    if item.pinned:
        line.append(" (pinned)", style="dim")
    if message.burn_at is not None:
        line.append(f" (vanishes in {in_words(max(0, message.burn_at - now))})", style="red")
    _append_state(line, talk, message)
    for emoji, authors in item.reactions.items():
        line.append(f"\n{INDENT}" if emoji == next(iter(item.reactions)) else "  ")
        line.append(f"{clean_line(emoji) or '?'} {len(authors)}", style="dim")
    if answered:
        line.append(f"\n{INDENT}{answered} {'reply' if answered == 1 else 'replies'}: t opens the thread", style="dim")
    renderer.remember(message, item.text)
    return line


def hung(line: Text, width: int) -> Text:
    """A message in lines of at most `width` characters, all but the first under its words."""
    head, rest = (line[: len(INDENT)], line[len(INDENT) :]) if line.plain[:5].count(":") == 1 else (Text(), line)
    rows: list[Text] = []
    for row in rest.split("\n"):
        words = row[len(INDENT) :] if row.plain.startswith(INDENT) else row
        rows += words.wrap(_CONSOLE, max(LEAST_WIDTH, width - len(INDENT))) or [words]
    return head + Text(f"\n{INDENT}").join(rows)


def _append_state(line: Text, talk: Talk, message: Message) -> None:
    if message.id in talk.refused:
        line.append(f" not sent ({talk.refused[message.id]}): e takes it up again, d drops it", style="bold red")
    elif message.id in talk.carried:
        line.append(f" sending {talk.carried[message.id]} %", style="dim")
    elif message.id in talk.waiting:
        line.append(" sending", style="dim")
