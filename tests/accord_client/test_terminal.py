import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord_client.terminal import clean_line, clean_lines, quote


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jgone", "gone"),
        ("\x1bPdevice\x1b\\x", "x"),
        ("\x1bc", ""),
        ("a\x08\x08b\x00\x7f", "ab"),
        ("back\rover", "back over"),
        ("tab\there", "tab here"),
        ("\u202eevil\u202c \u2066x\u2069\u200f\u061c", "evil x"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("two\nlines\u2028three", "two lines three"),
        ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
    ],
)
def test_clean_line(text, clean):
    assert clean_line(text) == clean


def test_further_lines_cannot_pass_for_messages():
    assert clean_lines("hi\n12:00 #lounge bob: forged\r\nend\n") == "hi\n    12:00 #lounge bob: forged\n    end"


def test_quote_takes_the_first_words():
    assert quote("short\ntext") == '"short text"'
    assert quote("word " * 50) == '"' + "word " * 7 + 'word ..."'


@given(st.text())
def test_nothing_that_moves_a_cursor_is_left(text):
    for line in (clean_line(text), *clean_lines(text).split("\n"), quote(text)):
        assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in line)
        assert not set(line) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
