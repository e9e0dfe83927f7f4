"""The handlers of this hub, by type: those that come with it and those of installed packages, through one registry.

A package names its handlers as entry points of the group `accord.plugins`; each leads to a Handler. One that cannot be
loaded is left out and told to the operator. The settings of handlers, an on/off of each among them, are the hub's own
(peers/options.py), so the console shows them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from peers import options
from peers.options import Option
from plugins.handlers import Handler, Setting

logger = logging.getLogger(__name__)

GROUP: Final = "accord.plugins"
MAX_SETTING_CHARS: Final = 500
BUILT_IN: Final = (
    EntryPoint("welcome", "plugins.builtin.welcome:welcome", GROUP),
    EntryPoint("remind", "plugins.builtin.remind:remind", GROUP),
    EntryPoint("poll", "plugins.builtin.poll:poll", GROUP),
    EntryPoint("hub_link", "plugins.builtin.hub_link:hub_link", GROUP),
)
ON: Final = "on"


@dataclass(frozen=True)
class Installed:
    """A handler, where it comes from (`module:name`), its switch, its settings."""

    handler: Handler
    source: str
    switch: Option[str]
    settings: dict[str, Option[str]]

    @property
    def is_on(self) -> bool:
        """Whether the operator wants it."""
        return self.switch.value == ON

    def values(self) -> dict[str, str]:
        """Its settings as they are now."""
        return {name: option.value for name, option in self.settings.items()}


@dataclass(frozen=True)
class Takers:
    """The handlers of a type; `quick` finds in a body what any of them asks for, None where one asks for nothing."""

    all: list[Installed]
    quick: re.Pattern[bytes] | None


handlers: Final[dict[str, Installed]] = {}
by_type: Final[dict[str, Takers]] = {}
failures: Final[dict[str, str]] = {}  # of entry points, for the operator


def load() -> None:
    """Load what comes with the hub, then what packages bring; once a process."""
    for entry in [*BUILT_IN, *sorted(entry_points(group=GROUP))]:
        try:
            add(entry)
        except Exception as error:  # whatever somebody else's module does
            logger.exception("the plugin %s (%s) is left out", entry.name, entry.value)
            failures[entry.name] = f"{type(error).__name__}: {error}"


def add(entry: EntryPoint) -> Installed:
    """Load one entry point; TypeError, ValueError, or whatever its module raises."""
    found = entry.load()
    if not isinstance(found, Handler):
        raise TypeError(f"{entry.value} is no plugins.handlers.Handler")
    if found.name in handlers:
        raise ValueError(f"there is a handler {found.name} already")
    installed = Installed(
        found, entry.value, _switch(found), {each.name: _option(found, each) for each in found.settings}
    )
    handlers[found.name] = installed
    _sort()
    return installed


def remove(name: str) -> None:
    """Take a handler out again, with its settings."""
    gone = handlers.pop(name)
    _sort()
    for option in (gone.switch, *gone.settings.values()):
        del options.OPTIONS[option.name]


def _sort() -> None:
    by_type.clear()
    for type_ in {type_ for each in handlers.values() for type_ in each.handler.types}:
        found = [each for each in handlers.values() if type_ in each.handler.types]
        parts = [each.handler.starts or each.handler.contains for each in found]
        # JSON writes a text as it is, or with escapes, which a closer look undoes.
        wanted = [re.escape(part.encode()) for some in parts for part in some]
        by_type[type_] = Takers(found, re.compile(b"|".join([rb"\\", *wanted])) if all(parts) else None)


def _switch(found: Handler) -> Option[str]:
    return options.choice(
        f"plugin_{found.name}",
        found.title,
        explains=found.explains,
        affects="Messages that come while it is off are never handled; what waits goes on when it is on again.",
        default=lambda: ON,
        choices=((ON, "on"), ("off", "off")),
    )


def _option(found: Handler, setting: Setting) -> Option[str]:
    named: Callable[[], str] = lambda: setting.default  # noqa: E731 - handed on twice
    name, title = f"plugin_{found.name}_{setting.name}", f"{found.title}: {setting.title}"
    affects = "Counts from the next message on."
    if setting.choices:
        return options.choice(
            name, title, explains=setting.explains, affects=affects, default=named, choices=setting.choices
        )
    return options.line(name, title, explains=setting.explains, affects=affects, default=named, most=MAX_SETTING_CHARS)


def active() -> Iterable[str]:
    """The names of the handlers that are on."""
    return [name for name, each in handlers.items() if each.is_on]
