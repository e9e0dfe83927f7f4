from __future__ import annotations

import re
from pathlib import Path

import pytest

from accord.errors import HTTP_STATUS, AccordError, CloseCode, RemoteError

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("### Error codes\n")[2].partition("\n\n## ")[0]


def test_codes_are_those_of_the_page():
    on_page = {code: int(status) for code, status in re.findall(r"\b([a-z_]+) (\d{3})\b", SECTION)}
    assert on_page == HTTP_STATUS


def test_close_codes_are_those_of_the_page():
    assert {int(code) for code in re.findall(r"\b(44\d\d) \(", SECTION)} == set(CloseCode)


def test_an_error_carries_its_code():
    error = RemoteError("rate", "too fast", retry_ms=5)
    assert isinstance(error, AccordError)
    assert (error.code, error.detail, error.retry_ms, error.http_status) == ("rate", "too fast", 5, 429)
    assert str(error) == "rate: too fast"
    assert str(AccordError("busy")) == "busy"


def test_an_unknown_code_is_our_own_mistake():
    with pytest.raises(ValueError, match="nonsense"):
        RemoteError("nonsense")
