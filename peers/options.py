"""Settings that an operator changes while the hub runs: each is declared here or beside the code that obeys it.

An Option knows its default, its range and what to tell the operator. Reading its value touches no database: whoever
keeps the changed values (the console) hands them over with `load`, again and again, so that every process follows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from django.conf import settings

logger = logging.getLogger(__name__)

T = TypeVar("T", int, str)


@dataclass(frozen=True)
class Option(Generic[T]):
    """One setting. `explains` says what it does, `affects` what a change means for what exists."""

    name: str
    title: str
    explains: str
    affects: str
    default: Callable[[], T]
    read: Callable[[str], T]  # ValueError, with a sentence for the operator, for what may not be
    unit: str = ""
    span: str = ""  # the safe range, in words
    choices: tuple[tuple[str, str], ...] = ()
    changed: Callable[[T], None] | None = None

    @property
    def value(self) -> T:
        """What holds now."""
        found = _values.get(self.name)
        return self.default() if found is None else found  # type: ignore[return-value]


OPTIONS: Final[dict[str, Option[int] | Option[str]]] = {}
_values: dict[str, int | str] = {}


def _declare(option: Option[T]) -> Option[T]:
    if option.name in OPTIONS:
        raise RuntimeError(f"two settings named {option.name}")
    OPTIONS[option.name] = option  # type: ignore[assignment]
    return option


def number(
    name: str,
    title: str,
    *,
    explains: str,
    affects: str,
    default: int | Callable[[], int],
    least: int,
    most: int,
    unit: str,
) -> Option[int]:
    """Declare a whole number with a range; its default may depend on the machine."""

    def read(text: str) -> int:
        stripped = text.strip()
        if not (stripped.isascii() and stripped.isdecimal()) or not least <= int(stripped) <= most:
            raise ValueError(f"a whole number from {least:,} to {most:,} is expected")
        return int(stripped)

    return _declare(
        Option(
            name,
            title,
            explains,
            affects,
            default if callable(default) else lambda: default,
            read,
            unit=unit,
            span=f"{least:,} to {most:,} {unit}".strip(),
        )
    )


def choice(
    name: str,
    title: str,
    *,
    explains: str,
    affects: str,
    default: Callable[[], str],
    choices: tuple[tuple[str, str], ...],
    changed: Callable[[str], None] | None = None,
    formerly: Mapping[str, str] | None = None,
) -> Option[str]:
    """Declare one of a few words, each with what it means; `formerly` leads from words of earlier versions to these."""

    def read(text: str) -> str:
        text = (formerly or {}).get(text, text)
        if text not in dict(choices):
            raise ValueError("one of the choices is expected")
        return text

    span = "; ".join(label for _, label in choices)
    return _declare(Option(name, title, explains, affects, default, read, span=span, choices=choices, changed=changed))


def line(
    name: str,
    title: str,
    *,
    explains: str,
    affects: str,
    default: Callable[[], str],
    most: int,
    least: int = 1,
    check: Callable[[str], object] = len,
    span: str = "",
) -> Option[str]:
    """Declare one line of text; `check` raises ValueError, with a sentence for the operator, for what may not be."""

    def read(text: str) -> str:
        stripped = " ".join(text.split())
        if not least <= len(stripped) <= most or not stripped.isprintable():
            raise ValueError(f"{least} to {most} characters are expected, in one line")
        check(stripped)
        return stripped

    return _declare(Option(name, title, explains, affects, default, read, span=span or f"{least} to {most} characters"))


def load(changed: Mapping[str, str]) -> None:
    """Take over the values that the operator has set; what is not among them has its default again."""
    global _values
    values: dict[str, int | str] = {}
    for name, text in changed.items():
        option = OPTIONS.get(name)
        if option is None:
            continue  # a setting of another version
        try:
            values[name] = option.read(text)
        except ValueError:
            logger.warning("setting %s holds what it may not: its default is used", name)
    before, _values = _values, values
    for name in before.keys() | values.keys():
        option = OPTIONS[name]
        if before.get(name) != values.get(name) and option.changed is not None:
            option.changed(option.value)  # type: ignore[arg-type]


# What concerns the whole hub; what concerns one app's code is declared in that code.

HUB_NAME: Final = line(
    "hub_name",
    "Name of the hub",
    explains="What members read at the top of their screen, and what the signed hub document says.",
    affects="Nothing is renamed elsewhere; clients show the new name the next time they load.",
    default=lambda: str(settings.ACCORD_NAME),
    most=64,
)
MAX_SOCKETS: Final = number(
    "max_sockets",
    "Most live connections",
    explains="How many sockets the hub holds at once; whoever comes later is told that the hub is busy.",
    affects="Connections that are open stay open, however many they are.",
    default=10_000,
    least=10,
    most=50_000,
    unit="connections",
)


def _set_log_level(level: str) -> None:
    logging.getLogger().setLevel(level.upper())


LOG_LEVEL: Final = choice(
    "log_level",
    "What the log tells",
    explains="How much the hub writes to its log. No message, link, token or cookie is ever in it.",
    affects="Counts from the next line on.",
    default=lambda: str(settings.ACCORD_LOG_LEVEL).lower(),
    choices=(
        ("info", "every request and login"),
        ("warning", "what is unusual"),
        ("error", "only what went wrong"),
    ),
    changed=_set_log_level,
)
