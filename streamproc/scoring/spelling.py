"""What a word is, as printed: letters and digits of any script, with apostrophes and hyphens inside; numbers, sums of
money, times and fractions; signs that are read aloud.

How numbers and signs are read is in `spoken`. What nobody can read (an address of the web, a sign without a name) is a
word all the same: it is not judged, and what is said for it is no extra speech.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain, groupby

MAX_CHARACTERS = 64
"""Nothing longer is a word that anybody reads; the longest in large English dictionaries has 45 letters."""

APOSTROPHES = "'\N{RIGHT SINGLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}\N{MODIFIER LETTER APOSTROPHE}`´"
"""What stands for an apostrophe inside a word."""


def _class(codes: Iterable[int]) -> str:
    """A character class of these code points, ascending."""
    runs = [[code for _, code in run] for _, run in groupby(enumerate(codes), key=lambda item: item[1] - item[0])]
    return "[" + "".join(f"\\U{run[0]:08x}-\\U{run[-1]:08x}" for run in runs) + "]"


def _is_invisible(code: int) -> bool:
    category = unicodedata.category(chr(code))
    return category == "Cf" or (category == "Cc" and not chr(code).isspace()) or code in _IGNORABLE


# Unicode's Default_Ignorable_Code_Point beyond the category Cf: joiners, fillers, variation selectors.
_IGNORABLE = frozenset(
    [
        *(0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0),
        *(*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)),
    ]
)
_INVISIBLE = re.compile(_class(filter(_is_invisible, chain(range(0x10000), range(0xE0000, 0xE1000)))))
_MARKS = _class(code for code in range(0x300, 0xFFFF) if unicodedata.category(chr(code)).startswith("M"))
_CURRENCIES = "".join(chr(code) for code in range(0x20C0 + 1) if unicodedata.category(chr(code)) == "Sc")

# Python's \w leaves out combining marks: without them a Hindi word, or "naïve" written with U+0308, falls apart.
# A digit in a keycap (1️⃣) is an emoji.
_LETTER = f"(?![0-9#*]\ufe0f?\u20e3|[½¼¾])[^\\W_]{_MARKS}*+"
# Repetitions are possessive: a hostile text makes the pattern read nothing twice.
_NUMBER = r"[0-9]{1,3}(?:,[0-9]{3}(?![0-9]))++(?:\.[0-9]++|th(?![^\W_]))?+|[0-9]++\.[0-9]++(?!\.?[0-9])"
_MONEY = rf"[$£€](?:{_NUMBER}|[0-9]++(?![^\W_]))(?:\s(?:hundred|thousand|million|billion)\b)?+"
_TIME = r"(?<![0-9:])[0-9]{1,2}:[0-5][0-9](?![0-9:])"
_FRACTION = r"(?<![0-9/])[0-9]{1,2}/[0-9]{1,2}(?![0-9/])"
_ADDRESS = (
    r"(?:https?://|www\.)[^\s]++|[A-Za-z0-9._+-]{1,64}+@[A-Za-z0-9-]{1,64}+(?:\.[A-Za-z0-9-]{1,64}+){1,8}+"
    r"|[A-Za-z0-9-]{1,64}+\.(?:com|org|net|edu|gov)(?![^\W_])"
)
_PLAIN = f"(?:{_LETTER})++(?:[{APOSTROPHES}\\-](?:{_LETTER})++)*+['’]?+"
_SIGNS = f"[{re.escape(_CURRENCIES)}&@%‰°§©®™+=<>±×÷−√≈≠≤≥∞½¼¾]++|#(?=[^\\W_])(?![^\\W_]\u20e3)"

WORD = re.compile(f"{_ADDRESS}|{_TIME}|{_FRACTION}|{_MONEY}|{_NUMBER}|{_PLAIN}|{_SIGNS}")
"""A word; emoji and punctuation are none."""

PLAIN_WORD = re.compile(_PLAIN)
"""A word of letters and digits."""


def split_words(text: str) -> Iterator[str]:
    """The words of a text, as printed, read one by one. Characters that nobody sees part no words."""
    if _INVISIBLE.search(text) is None:
        yield from (found.group() for found in WORD.finditer(text))
        return
    places = [place for place, character in enumerate(text) if _INVISIBLE.match(character) is None]
    for found in WORD.finditer("".join(text[place] for place in places)):
        yield text[places[found.start()] : places[found.end() - 1] + 1]


def folded(word: str) -> str:
    """A printed word as dictionaries have it: lower case, one form of each letter and apostrophe, all visible."""
    visible = _INVISIBLE.sub("", word)
    # Letters alone: "½" and "10²" would become other numbers.
    letters = "".join(unicodedata.normalize("NFKC", one) if one.isalpha() else one for one in visible)
    return unicodedata.normalize("NFC", letters).lower().translate(_APOSTROPHE).strip("'-")


_APOSTROPHE = str.maketrans(dict.fromkeys(APOSTROPHES, "'"))


def is_latin(word: str) -> bool:
    """Whether all letters of a word are Latin, and its digits ASCII's."""
    return all(
        character.isascii() or unicodedata.name(character, "").startswith(("LATIN", "COMBINING")) for character in word
    )
