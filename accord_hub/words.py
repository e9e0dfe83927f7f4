"""Words of the hub's own pages in the language of whoever reads them (docs/translating.md).

The English text is the key; the catalogues are those of the web client (static/words/<language>.js, JSON behind
`export default`). Not here: the web client's words (static/words/words.js); the console, which is English.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings

SOURCE: Final = "en"
RIGHT_TO_LEFT: Final = ("ar", "fa", "he", "ur")
OPENING: Final = "export default "


@lru_cache(maxsize=1)
def languages() -> tuple[str, ...]:
    """The tags of the languages that there are, English first."""
    return (SOURCE, *sorted(path.stem for path in _folder().glob("??.js")))


@lru_cache
def catalogue(language: str) -> dict[str, Any]:
    """English text -> its translation, or forms of it by the kind of number; empty for English."""
    if language == SOURCE:
        return {}
    return read_catalogue((_folder() / f"{language}.js").read_text())


def read_catalogue(source: str) -> dict[str, Any]:
    """The content of a catalogue's file. ValueError: it is not JSON behind `export default`, or says a key twice."""
    _, _, content = source.partition(OPENING)
    found: dict[str, Any] = json.loads(content.strip().removesuffix(";"), object_pairs_hook=_once)
    return found


def best_language(accept: str) -> str:
    """The language that fits an Accept-Language header; English where none does."""
    wanted = []
    for place, part in enumerate(accept.lower().split(",")):
        tag, _, quality = part.strip().partition(";q=")
        try:
            wanted.append((-float(quality or 1), place, tag.split("-")[0]))
        except ValueError:
            continue
    return next((tag for weight, _, tag in sorted(wanted) if weight < 0 and tag in languages()), SOURCE)


def say(text: str, language: str) -> str:
    """A text in a language, in English where its catalogue lacks it."""
    found = catalogue(language).get(text, text)
    return found if isinstance(found, str) else text


def direction(language: str) -> str:
    """How it is written: `ltr` or `rtl`."""
    return "rtl" if language in RIGHT_TO_LEFT else "ltr"


def to_say(text: str) -> str:
    """Mark a text for the catalogues; a template says it with `say`."""
    return text


def _folder() -> Path:
    return Path(settings.BASE_DIR) / "static" / "words"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"twice: {next(name for name in names if names.count(name) > 1)}")
    return found
