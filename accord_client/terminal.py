"""Text of others, made safe for a terminal.

Whoever writes a message must not be able to move the cursor, change the title, reverse the line or forge a line of
somebody else.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_QUOTE_CHARS: Final = 40

# Escape sequences go as a whole: operating system and similar commands up to their end, control sequences, two-byte
# escapes.
_SEQUENCES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|(?:\x1b\[|\x9b)[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e]?"
    r"|\x1b[\x20-\x2f]*[\x30-\x7e]?"
)
# Format characters that people need: joiners in emoji and in Arabic, Persian and Indic scripts, the soft hyphen.
_NEEDED_FORMAT: Final = frozenset("\u200c\u200d\u00ad")
_BLANK: Final = frozenset("\t\v\f\x1c\x1d\x1e\x1f")
_LINE_ENDS = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")


def _keep(char: str) -> str:
    if char in _BLANK:
        return " "
    category = unicodedata.category(char)
    if category in ("Cc", "Cs", "Zl", "Zp") or (category == "Cf" and char not in _NEEDED_FORMAT):
        return ""
    return char


def clean_line(text: str) -> str:
    """One line: without control characters, escape sequences and bidirectional controls; line ends become blanks."""
    return "".join(map(_keep, _LINE_ENDS.sub(" ", _SEQUENCES.sub("", text))))


def clean_lines(text: str, indent: str = "    ") -> str:
    """Text whose further lines begin with `indent`, so that none looks like a message of its own."""
    lines = [clean_line(line) for line in _LINE_ENDS.split(_SEQUENCES.sub("", text))]
    return f"\n{indent}".join(lines).rstrip()


def quote(text: str) -> str:
    """The first words of a text, on one line, in quotation marks."""
    line = " ".join(clean_line(text[: MAX_QUOTE_CHARS * 8]).split())
    if len(line) > MAX_QUOTE_CHARS:
        line = line[:MAX_QUOTE_CHARS].rsplit(" ", 1)[0].rstrip() + " ..."
    return f'"{line}"'
