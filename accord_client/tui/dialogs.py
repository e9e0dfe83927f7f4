"""What opens over the screen: choosing from a list, a question, a page of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

MAX_CHOICES: Final = 200


class Choose(ModalScreen[str | None]):
    """Choose one of (id, label) by typing a part of its label; gives the id, or None."""

    BINDINGS = [("escape", "dismiss(None)", "Close")]

    def __init__(self, title: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._choices = choices

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(Text(self._title))
            yield Input(placeholder="type a part of it")
            yield OptionList()

    def on_mount(self) -> None:
        self._show("")

    def _show(self, typed: str) -> None:
        wanted = typed.casefold().split()
        found = [(ident, label) for ident, label in self._choices if all(word in label.casefold() for word in wanted)]
        options = self.query_one(OptionList)
        options.set_options([Option(Text(label, no_wrap=True), id=ident) for ident, label in found[:MAX_CHOICES]])
        options.highlighted = 0 if found else None

    def on_input_changed(self, event: Input.Changed) -> None:
        self._show(event.value)

    def on_input_submitted(self) -> None:
        option = self.query_one(OptionList).highlighted_option
        if option is not None:
            self.dismiss(option.id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def key_down(self) -> None:
        self.query_one(OptionList).action_cursor_down()

    def key_up(self) -> None:
        self.query_one(OptionList).action_cursor_up()


class Ask(ModalScreen[str | None]):
    """Ask for one line; gives it, or None."""

    BINDINGS = [("escape", "dismiss(None)", "Close")]

    def __init__(self, title: str, value: str = "", suggester: Suggester | None = None) -> None:
        super().__init__()
        self._title = title
        self._value = value
        self._suggester = suggester

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog small"):
            yield Label(Text(self._title))
            yield Input(self._value, suggester=self._suggester)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)


class Page(ModalScreen[None]):
    """A page to read."""

    BINDINGS = [("escape", "dismiss(None)", "Close"), ("q", "dismiss(None)", "Close")]

    def __init__(self, title: str, text: str | Text) -> None:
        super().__init__()
        self._title = title
        self._text = text if isinstance(text, Text) else Text(text)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(Text(self._title, style="bold"))
            with VerticalScroll():
                yield Static(self._text)
