"""Words by which two people compare two keys, on the phone or side by side (protocol.md section 8).

The list is made by a rule: word n of 2,048 is consonant, vowel, consonant, vowel. Eight words are 88 bits of a hash
over both keys, the smaller one first, so both sides see the same words.
"""

from __future__ import annotations

from typing import Final

from accord.primitives import labelled_hash

WORDS: Final = 8
WORD_BITS: Final = 11

_CONSONANTS: Final = "bdfghjklmnprstvz"
_VOWELS: Final = "aeio"
_ENDINGS: Final = "ao"


def word(number: int) -> str:
    """Word 0..2047: four bits, two, four, one."""
    first, vowel, second, ending = number >> 7, number >> 5 & 3, number >> 1 & 15, number & 1
    return _CONSONANTS[first] + _VOWELS[vowel] + _CONSONANTS[second] + _ENDINGS[ending]


def key_words(one: bytes, other: bytes) -> list[str]:
    """The eight words of two keys, in whichever order they are given."""
    lower, higher = sorted((one, other))
    bits = int.from_bytes(labelled_hash("key-words", lower + higher)[: WORDS * WORD_BITS // 8], "big")
    return [word(bits >> shift & 2047) for shift in range(WORD_BITS * (WORDS - 1), -1, -WORD_BITS)]
