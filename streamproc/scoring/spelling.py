"""What a word is, as printed: letters and digits of any script, with apostrophes and hyphens inside."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby

MAX_CHARACTERS = 64
"""Nothing longer is a word that anybody reads; the longest in large English dictionaries has 45 letters."""


def _marks() -> str:
    """A character class of the combining marks of the Basic Multilingual Plane."""
    marks = [code for code in range(0x300, 0xFFFF) if unicodedata.category(chr(code)).startswith("M")]
    runs = [[code for _, code in run] for _, run in groupby(enumerate(marks), key=lambda item: item[1] - item[0])]
    return "[" + "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in runs) + "]"


# Python's \w leaves out combining marks: without them a Hindi word, or "naïve" written with U+0308, falls apart.
# A digit in a keycap (1️⃣) is an emoji.
_LETTER = f"(?![0-9#*]\ufe0f?\u20e3)[^\\W_]{_marks()}*+"
# Repetitions are possessive: a hostile text makes the pattern read nothing twice.
_NUMBER = r"[0-9]{1,3}(?:,[0-9]{3}(?![0-9]))++(?:\.[0-9]++)?+|[0-9]++\.[0-9]++(?![.0-9])"

WORD = re.compile(f"{_NUMBER}|(?:{_LETTER})++(?:['’\\-](?:{_LETTER})++)*+['’]?+")
"""A word, or a number such as 1,000 or 3.5; emoji and punctuation are no words."""


def split_words(text: str) -> Iterator[str]:
    """The words of a text, as printed, read one by one."""
    return (found.group() for found in WORD.finditer(text))


def is_latin(word: str) -> bool:
    """Whether all letters of a word are Latin, and its digits ASCII's."""
    return all(
        character.isascii() or unicodedata.name(character, "").startswith(("LATIN", "COMBINING", "RIGHT SINGLE"))
        for character in word
    )
