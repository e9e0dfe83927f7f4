"""The code uses no label that is not on the protocol's page."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
SOURCES = sorted((ROOT / "accord").rglob("*.py"))

# Which argument is the label, of every function that takes one.
LABEL_ARGUMENT = {"domain": 0, "labelled_hash": 0, "expand": 1, "sign": 0, "verify": 1}
# Where a label is handed on: the functions themselves, and the vectors' own labels.
HANDED_ON = {"primitives.py", "keys.py", "vectors.py"}


def labels_on_page(page: str) -> set[str]:
    """D("a"), D("a" | "b"), sign(key, "a", ...), label "a"."""
    found = set()
    for inside in re.findall(r"\bD\(([^)]*)\)", page):
        found |= set(re.findall(r'"([^"]+)"', inside))
    found |= set(re.findall(r'\bsign\(\w+, "([^"]+)"', page))
    return found | set(re.findall(r'\blabel "([^"]+)"', page))


def labels_in_code(source: str, *, handed_on: bool = False) -> set[str]:
    """The labels of a module; AssertionError where one is put together, so that it cannot be compared."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name not in LABEL_ARGUMENT:
            continue
        given = [keyword.value for keyword in node.keywords if keyword.arg == "label"]
        given += node.args[LABEL_ARGUMENT[name] :][:1]
        for label in given:
            if isinstance(label, ast.Constant) and isinstance(label.value, str):
                found.add(label.value)
            else:
                assert handed_on, f"line {node.lineno}: {ast.unparse(label)} is no literal label"
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_labels_are_on_the_page(path):
    used = labels_in_code(path.read_text(encoding="utf-8"), handed_on=path.name in HANDED_ON)
    assert used <= labels_on_page(PAGE)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_only_domain_writes_the_prefix(path):
    assert ("accord-v1:" in path.read_text(encoding="utf-8")) == (path.name == "primitives.py")


def test_what_the_collectors_find():
    page = labels_on_page('D("a") || D("b" | "c"), sign(user, "d", x), signature label "e"; not "f", not D(label)')
    assert page == {"a", "b", "c", "d", "e"}
    code = labels_in_code(
        'domain("a"); p.expand(k, "b", c); k.sign("c", x); expand(k, label="d"); verify(k, "e", x, s)'
    )
    assert code == {"a", "b", "c", "d", "e"}
    with pytest.raises(AssertionError, match="no literal label"):
        labels_in_code('domain("a" + x)')


def test_every_built_section_is_seen():
    used = set().union(*(labels_in_code(path.read_text(encoding="utf-8"), handed_on=True) for path in SOURCES))
    assert {"event", "event-id", "body", "cert", "replace", "statement", "login-response", "login-s2c", "frame"} <= used
    assert {"invite", "invite-key", "pow", "pow-tag", "pow-challenge", "channel", "login", "login-2", "login-3"} <= used


PAGES = sorted((ROOT / "static").rglob("*.js"))
# As the modules call them: the label is the first argument, or stands behind a key.
SCRIPT_LABELS = re.compile(
    r"(?<!subtle\.)\b(?:domain|labelledHash|sign)\(\s*\"([^\"]+)\""
    r"|(?<!subtle\.)\b(?:expand|expandKey|verify|sign)\((?:[^()\"]|\([^()]*\))*?,\s*\"([^\"]+)\""
)


def labels_in_script(source: str) -> set[str]:
    return {first or second for first, second in SCRIPT_LABELS.findall(source)}


def test_what_the_collector_of_scripts_finds():
    script = 'domain("a"); labelledHash("b", x); expand(await f(k), "c", y); k.sign("d", x); verify(key, "e", f(x), s)'
    assert labels_in_script(f'{script}\nexpandKey(\n  key, "f")') == {"a", "b", "c", "d", "e", "f"}


def test_labels_of_the_pages_are_on_the_page_too():
    used = {path: labels_in_script(path.read_text(encoding="utf-8")) for path in PAGES}
    for path, labels in used.items():
        assert labels <= labels_on_page(PAGE), path.name
    in_all = set().union(*used.values())
    assert {
        "body",
        "event",
        "cert",
        "window",
        "msg",
        "msg-aad",
        "kid",
        "epoch",
        "epoch-kid",
        "history",
        "conn",
    } <= in_all


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_only_the_primitives_of_pages_write_the_prefix(path):
    assert ("accord-v1:" in path.read_text(encoding="utf-8")) == (path.name == "primitives.js")
