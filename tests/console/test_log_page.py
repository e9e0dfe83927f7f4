"""The page of the log: the last lines, by level, inert."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from django.test import Client

from accord_hub.logs import JsonFormatter
from console import log_lines
from tests.console.conftest import page

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger whose lines are kept."""
    made = logging.getLogger("tests.log_page")
    handler = log_lines.Recent()
    handler.setFormatter(JsonFormatter())
    made.addHandler(handler)
    made.setLevel("INFO")
    made.propagate = False
    log_lines._lines.clear()
    yield made
    made.removeHandler(handler)
    log_lines._lines.clear()


def test_lines_by_level(operator: Client, logger: logging.Logger) -> None:
    logger.info("calm %s", "water")
    logger.warning("a leak")
    try:
        raise ValueError(SCRIPT)
    except ValueError:
        logger.exception("it sank")
    text = page(operator, "/console/logs/")
    assert text.index("it sank") < text.index("a leak") < text.index("calm water")
    assert "Traceback" in text
    assert "<script>" not in text
    text = page(operator, "/console/logs/", level="warning")
    assert "calm water" not in text
    assert "a leak" in text
    assert "a leak" not in page(operator, "/console/logs/", level="error")
    assert "a leak" not in page(operator, "/console/logs/", q="sank")
    assert "calm water" in page(operator, "/console/logs/", export="1")


def test_no_more_is_kept_than_is_said(operator: Client, logger: logging.Logger) -> None:
    before = log_lines.counts["error"]
    for number in range(log_lines.KEPT_LINES + 10):
        logger.error("line %d", number)
    logger.info("x" * 20_000)
    lines = log_lines.recent()
    assert len(lines) == log_lines.KEPT_LINES
    assert lines[0]["message"] == f"line {log_lines.KEPT_LINES + 9}"
    assert log_lines.counts["error"] == before + log_lines.KEPT_LINES + 10
    assert page(operator, "/console/logs/").count("<tr") <= 502
