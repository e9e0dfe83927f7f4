"""Messages and conversations as lines of a terminal. What others wrote is text, never markup."""

from __future__ import annotations

from rich.text import Text

from accord.messages import Message
from accord_client.desk import Desk
from accord_client.history import Shown
from accord_client.render import Renderer, burning, clock_time
from accord_client.talks import Talk
from accord_client.terminal import clean_line, clean_lines

INDENT = "      "


def talk_line(desk: Desk, talk: Talk) -> Text:
    """A conversation in the list: its name and how much is unread, @ where it is to oneself."""
    line = Text(clean_line(desk.label(talk)), no_wrap=True, overflow="ellipsis")
    if talk.unread:
        line.stylize("bold")
        line = Text(f"{'@' if talk.mentions else ''}{talk.unread} ", style="bold cyan", no_wrap=True) + line
    return line


def message_line(desk: Desk, talk: Talk, item: Shown, renderer: Renderer, now: int) -> Text:
    """A message in a conversation."""
    message = item.event.message
    line = Text(f"{clock_time(message.created_at, now)} ", style="dim")
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
    if left := burning(message, now):
        line.append(left, style="red")
    _append_state(line, talk, message)
    for emoji, authors in item.reactions.items():
        line.append(f"\n{INDENT}" if emoji == next(iter(item.reactions)) else "  ")
        line.append(f"{clean_line(emoji) or '?'} {len(authors)}", style="dim")
    renderer.remember(message, item.text)
    return line


def _append_state(line: Text, talk: Talk, message: Message) -> None:
    if message.id in talk.refused:
        line.append(f" not sent ({talk.refused[message.id]}): e takes it up again, d drops it", style="bold red")
    elif message.id in talk.waiting:
        line.append(" sending", style="dim")
