"""The parts of the screen: a list that keeps its place, the composer."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widgets import OptionList, TextArea
from textual.widgets.option_list import Option


class Lines(OptionList):
    """Lines with ids. Showing others keeps the chosen line; whoever was at the end stays at the end."""

    BINDINGS = [("j", "cursor_down", "Down"), ("k", "cursor_up", "Up")]

    def show(self, lines: Sequence[tuple[str, Text]]) -> None:
        """Show these lines, each with its id."""
        old = [option.id for option in self.options]
        new = [ident for ident, _ in lines]
        chosen = self.chosen
        was_at_end = self.highlighted is None or self.highlighted == len(old) - 1
        if new[: len(old)] == old:
            for number, (_, line) in enumerate(lines[: len(old)]):
                if self.options[number].prompt != line:
                    self.replace_option_prompt_at_index(number, line)
            self.add_options([Option(line, id=ident) for ident, line in lines[len(old) :]])
        else:
            self.set_options([Option(line, id=ident) for ident, line in lines])
            self.highlighted = new.index(chosen) if chosen in new else None
        if was_at_end and new:
            self.highlighted = len(new) - 1

    @property
    def chosen(self) -> str | None:
        """The id of the chosen line."""
        option = self.highlighted_option
        return None if option is None else option.id


class Messages(Lines):
    """The messages of a conversation, with the keys for what can be done with one."""

    BINDINGS = [
        ("r", "app.reply", "Reply"),
        ("t", "app.thread", "Thread"),
        ("plus", "app.react", "React"),
        ("e", "app.edit", "Edit"),
        ("d", "app.delete", "Delete"),
        ("p", "app.pin", "Pin"),
        ("s", "app.save", "Save files"),
        ("b", "app.older", "Before"),
        ("v", "app.details", "Details"),
    ]

    class Resized(Message):
        """Lines have another width now."""

    def on_resize(self) -> None:
        self.post_message(self.Resized())


class Composer(TextArea):
    """Where one writes. Enter sends, Ctrl+J begins a new line; Up in an empty one edits one's last message."""

    class Sent(Message):
        """Enter was pressed; the text may be empty."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class EditLast(Message):
        """Up was pressed where nothing is written."""

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.prevent_default().stop()
            self.post_message(self.Sent(self.text))
        elif event.key == "ctrl+j":
            event.prevent_default().stop()
            self.insert("\n")
        elif event.key == "up" and not self.text:
            event.prevent_default().stop()
            self.post_message(self.EditLast())
        else:
            await super()._on_key(event)
