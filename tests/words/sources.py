"""What the web client's sources say to people: every text that goes through `t`, `plural`, `rich` or `toSay`.

Reads JavaScript only as far as that needs: names, strings, the rest a character at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.hubs import ROOT

FOLDERS = ("chat", "client", "to")
FUNCTIONS = {"t": 1, "plural": 2, "rich": 1, "toSay": 1}  # how many texts each takes
PLACE = re.compile(r"\{(\w+)\}")
SAY = re.compile(r'\{% say "([^"]*)"')
IN_PYTHON = re.compile(r'\bto_say\(\s*"([^"]*)"\s*\)')
NAME = re.compile(r"[A-Za-z_$#][\w$]*")
STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'')
REGEX = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/\w*")
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
ESCAPE = re.compile(r"\\(u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|.)")
BEFORE_REGEX = set("(,=:[!&|?{};+")


class Token(NamedTuple):
    kind: str  # name, string, template, mark
    text: str
    line: int


@dataclass
class Saying:
    """A text and where it is said."""

    where: str
    texts: list[str]
    places: set[str] | None = None  # what is given for the places; None: not to be seen here
    problem: str = ""

    @property
    def key(self) -> str:
        return self.texts[-1]


@dataclass
class Reader:
    """Sayings of one JavaScript file."""

    source: str
    name: str
    sayings: list[Saying] = field(default_factory=list)

    def read(self) -> list[Saying]:
        tokens = list(tokens_of(self.source))
        for at, token in enumerate(tokens):
            if token.kind == "name" and token.text in FUNCTIONS and _is_call(tokens, at):
                self.sayings.append(self._saying(tokens, at))
        return self.sayings

    def _saying(self, tokens: list[Token], at: int) -> Saying:
        function, where = tokens[at].text, f"{self.name}:{tokens[at].line}"
        found = Saying(where, [])
        at += 2
        for _ in range(FUNCTIONS[function]):
            text, at = _literal(tokens, at)
            if text is None:
                found.problem = f"{where}: {function}() takes its text as it is written, not {tokens[at].text}"
                return found
            found.texts.append(text)
            at += tokens[at].text == ","
        if function == "plural":
            at = _behind_argument(tokens, at)
        found.places = _given(tokens, at)
        if function == "plural" and found.places is not None and "{count}" in "".join(found.texts):
            found.places.add("count")
        return found


def sayings() -> list[Saying]:
    """All of them: web client, templates, pages of errors."""
    found = []
    for folder in FOLDERS:
        for path in sorted((ROOT / "static" / folder).glob("*.js")):
            found += Reader(path.read_text(), f"{folder}/{path.name}").read()
    for path in sorted((ROOT / "templates").glob("*.html")):
        found += [Saying(path.name, [text]) for text in SAY.findall(path.read_text())]
    views = ROOT / "accord_hub" / "views.py"
    return found + [Saying(views.name, [text]) for text in IN_PYTHON.findall(views.read_text())]


def places_of(text: str) -> set[str]:
    """The names of a text's places."""
    return set(PLACE.findall(text))


def tokens_of(source: str) -> Iterator[Token]:
    """A source's tokens; what stands in the places of a template follows its first part."""
    at, last = 0, ""
    depths: list[int] = []  # of braces, for each template that one is inside of
    while at < len(source):
        char, line = source[at], source.count("\n", 0, at) + 1
        if char.isspace():
            at += 1
            continue
        if (found := COMMENT.match(source, at)) is not None:
            at = found.end()
            continue
        if char == "`" or (char == "}" and depths and depths[-1] == 0):
            if char == "}":
                depths.pop()
            text, at, has_place = _template(source, at + 1)
            if has_place:
                depths.append(0)
            yield Token("template" if has_place or char == "}" else "string", text, line)
            last = "`"
            continue
        if char in "\"'" and (found := STRING.match(source, at)):
            yield Token("string", _unescaped(found[0][1:-1]), line)
        elif char == "/" and (last in BEFORE_REGEX or last == "return") and (found := REGEX.match(source, at)):
            yield Token("mark", "/", line)
        elif found := NAME.match(source, at):
            yield Token("name", found[0], line)
        else:
            found = None
            yield Token("mark", char, line)
            if depths:
                depths[-1] += (char == "{") - (char == "}")
        at = found.end() if found else at + 1
        last = found[0] if found else char


def _template(source: str, at: int) -> tuple[str, int, bool]:
    """The text of a template up to its end or its next place, where that ends, and whether a place follows."""
    start = at
    while at < len(source):
        if source[at] == "\\":
            at += 2
        elif source[at] == "`":
            return _unescaped(source[start:at]), at + 1, False
        elif source.startswith("${", at):
            return _unescaped(source[start:at]), at + 2, True
        else:
            at += 1
    raise ValueError("a template without an end")


def _unescaped(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        code = found[2] or found[3]
        return chr(int(code, 16)) if code else {"n": "\n", "t": "\t"}.get(found[1], found[1])

    return ESCAPE.sub(plain, text)


def _is_call(tokens: list[Token], at: int) -> bool:
    before = tokens[at - 1].text if at else ""
    return (
        before not in (".", "function")
        and at + 1 < len(tokens)
        and tokens[at + 1] == ("mark", "(", tokens[at + 1].line)
    )


def _literal(tokens: list[Token], at: int) -> tuple[str | None, int]:
    """Strings that are joined by +; None if anything else comes into it."""
    text = ""
    while tokens[at].kind == "string":
        text += tokens[at].text
        at += 1
        if tokens[at].text in (",", ")"):
            return text, at
        if tokens[at].text != "+":
            break
        at += 1
    return None, at


def _behind_argument(tokens: list[Token], at: int) -> int:
    depth = 0
    while depth > 0 or tokens[at].text not in (",", ")"):
        depth += _step(tokens[at])
        at += 1
    return at + (tokens[at].text == ",")


def _step(token: Token) -> int:
    return 0 if token.kind == "string" else (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))


def _given(tokens: list[Token], at: int) -> set[str] | None:
    """The names of an object that is written at `at`; empty if the call ends here, None if it is something else."""
    if tokens[at].text == ")":
        return set()
    if tokens[at].text != "{":
        return None
    names, depth = set(), 0
    while True:
        token, before = tokens[at], tokens[at - 1].text
        if depth == 1 and token.kind == "name" and before in ("{", ",") and tokens[at + 1].text in (":", ",", "}"):
            names.add(token.text)
        depth += _step(token)
        at += 1
        if depth == 0:
            return names
