"""Kinds of arguments that several commands take."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final

MAX_BURN_SECONDS: Final = 365 * 24 * 3600


def number_of(low: int, high: int) -> Callable[[str], int]:
    """An argument that is a whole number of low..high."""

    def number(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{low} to {high} expected")
        return value

    return number
