"""The sheets of the web client keep to themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.hubs import ROOT

SHEETS = sorted((ROOT / "static" / "chat").glob("*.css"))
SHARED = "tokens.css"  # its classes are for whoever wants them
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
RULE = re.compile(r"([^{}@;]+)\{")
BARE = re.compile(r"\.([\w-]+)")
MODIFIED = re.compile(r"[\w-]*\.[\w-]+((?:\.[\w-]+)+)(?=$|[:\[])")
COMBINATOR = re.compile(r"[\s>+~]+")


def selectors(sheet: Path) -> Iterator[str]:
    for rule in RULE.findall(COMMENT.sub("", sheet.read_text())):
        yield from (part.strip() for part in rule.split(","))


def test_a_class_that_one_sheet_styles_by_itself_is_no_state_in_another_one() -> None:
    """`.waiting` for a whole page made the words beside a channel's name as high as the window."""
    bare = {
        match[1]: sheet.name
        for sheet in SHEETS
        for each in selectors(sheet)
        if (match := BARE.fullmatch(each)) is not None
    }
    clashes = [
        f"{sheet.name}: {each} takes on .{state} of {bare[state]}"
        for sheet in SHEETS
        for each in selectors(sheet)
        if (match := MODIFIED.search(COMBINATOR.split(each)[-1])) is not None
        for state in match[1].split(".")[1:]
        if bare.get(state, sheet.name) not in (sheet.name, SHARED)
    ]
    assert clashes == []
