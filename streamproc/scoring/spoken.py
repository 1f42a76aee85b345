"""How print that is no word is read aloud: numbers, money, times, fractions and signs, in English.

A small set (docs/reference/words.md), each with the ways in which readers commonly say it, the most usual first. What
is not in it has no reading, and is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Reading = tuple[str, ...]
"""The words that are said."""

SIGNS: dict[str, tuple[str, ...]] = {
    "&": ("and",),
    "@": ("at",),
    "%": ("percent",),
    "+": ("plus", "and"),
    "=": ("equals", "is"),
    "−": ("minus",),
    "×": ("times", "by"),
    "÷": ("divided by",),
    "°": ("degrees", "degree"),
    "#": ("number", "hashtag"),
    "$": ("dollars", "dollar"),
    "£": ("pounds", "pound"),
    "€": ("euros", "euro"),
    "¢": ("cents", "cent"),
    "½": ("a half", "one half", "half", "and a half"),
    "¼": ("a quarter", "one quarter", "quarter", "and a quarter"),
    "¾": ("three quarters", "and three quarters"),
}
"""Readings of signs that stand alone."""

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ((1_000_000_000, "billion"), (1_000_000, "million"), (1_000, "thousand"))
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_PARTS = {2: "half", 3: "third", 4: "quarter", 5: "fifth", 6: "sixth", 8: "eighth", 10: "tenth"}
_MONEY = {"$": ("dollar", "dollars", "cent", "cents"), "£": ("pound", "pounds", "penny", "pence")} | {
    "€": ("euro", "euros", "cent", "cents")
}

MOST_DIGITS = 12
"""Longer numbers are not read as amounts."""

_NUMBER = re.compile(r"(?P<whole>[0-9]{1,12}|[0-9]{1,3}(?:,[0-9]{3}){1,3})(?:\.(?P<part>[0-9]{1,12}))?")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_FRACTION = re.compile(r"([0-9]{1,2})/([0-9]{1,2})")
_ORDINAL = re.compile(r"([0-9,]{1,15})(?:st|nd|rd|th)")
_DECADE = re.compile(r"((?:1[1-9]|20)?[0-9]0)'?s")
_SUM = re.compile(r"([$£€])(\S+)(?:\s(\w+))?")


def readings(print_: str) -> tuple[Reading, ...]:
    """How a number or sign may be read aloud, the most usual first; empty where this is not known, or it is a word."""
    if print_ in SIGNS:
        return tuple(tuple(said.split()) for said in SIGNS[print_])
    for pattern, read in _READERS:
        if found := pattern.fullmatch(print_):
            return tuple(dict.fromkeys(read(found)))
    return ()


def cardinal(number: int, *, british: bool = False) -> Reading:
    """105 as one hundred five, or with ``british`` one hundred and five; below a million million."""
    if number < 20:
        return (_ONES[number],)
    if number < 100:
        return (_TENS[number // 10], *(cardinal(number % 10) if number % 10 else ()))
    if number < 1000:
        size, name = 100, "hundred"
    else:
        size, name = next((size, name) for size, name in _SCALES if number >= size)
    rest = number % size
    joined = ("and",) if british and 0 < rest < 100 else ()
    return (
        *cardinal(number // size, british=british),
        name,
        *joined,
        *(cardinal(rest, british=british) if rest else ()),
    )


def _amounts(number: int) -> Iterator[Reading]:
    yield cardinal(number)
    yield cardinal(number, british=True)


def _digits(digits: str) -> Iterator[Reading]:
    yield tuple(_ONES[int(digit)] for digit in digits)
    if "0" in digits:
        yield tuple("oh" if digit == "0" else _ONES[int(digit)] for digit in digits)


def _year(number: int) -> Reading:
    """1984 as nineteen eighty-four."""
    century, rest = divmod(number, 100)
    if rest == 0:
        return (*cardinal(century), "hundred")
    return (*cardinal(century), *(("oh",) if rest < 10 else ()), *cardinal(rest))


def _is_year(number: int) -> bool:
    return 1100 <= number < 2000 or 2010 <= number < 2100


def _number(found: re.Match[str]) -> Iterator[Reading]:
    written, part = found["whole"], found["part"]
    number = int(written.replace(",", ""))
    if part is not None:
        for decimals in _digits(part):
            for whole in _amounts(number):
                yield (*whole, "point", *decimals)
            if number == 0:
                yield ("point", *decimals)
        return
    if len(written) > 1 and written.startswith("0"):
        yield from _digits(written)
        return
    if len(written) == 4 and _is_year(number):
        yield _year(number)
    yield from _amounts(number)
    if "," not in written and len(written) > 2:
        yield from _digits(written)


def _sum(found: re.Match[str]) -> Iterator[Reading]:
    sign, amount, scale = found[1], _NUMBER.fullmatch(found[2]), found[3]
    if amount is None:
        return
    one, many, small, smalls = _MONEY[sign]
    number, part = int(amount["whole"].replace(",", "")), amount["part"]
    if scale is not None:
        yield from ((*said, scale, many) for said in _number(amount))
    elif part is not None and len(part) == 2:
        rest = int(part)
        whole = (*cardinal(number), one if number == 1 else many)
        cents = (*cardinal(rest), small if rest == 1 else smalls)
        if number == 0:
            yield cents
        elif rest == 0:
            yield whole
        else:
            yield (*whole, "and", *cents)
            yield (*whole, *cents)
            yield (*whole, *cardinal(rest))
            yield (*cardinal(number), *cardinal(rest))
    else:
        yield from ((*said, one if found[2] == "1" else many) for said in _number(amount))


def _time(found: re.Match[str]) -> Iterator[Reading]:
    hour, minute = int(found[1]), int(found[2])
    if hour > 24:
        return
    said, after = cardinal(hour), cardinal(hour % 12 + 1)
    if minute == 0:
        yield (*said, "o'clock")
        yield said
    elif minute < 10:
        yield (*said, "oh", *cardinal(minute))
    else:
        yield (*said, *cardinal(minute))
    past = {15: "quarter past", 30: "half past"}.get(minute)
    if past is not None:
        yield (*past.split(), *said)
    if minute == 45:
        yield ("quarter", "to", *after)


def _fraction(found: re.Match[str]) -> Iterator[Reading]:
    top, bottom = int(found[1]), int(found[2])
    name = _PARTS.get(bottom)
    if name is not None and 0 < top < bottom:
        plural = "halves" if name == "half" else name + "s"
        yield (*cardinal(top), name if top == 1 else plural)
        if top == 1:
            yield ("a", name)
    yield (*cardinal(top), *cardinal(bottom))
    yield (*cardinal(top), "over", *cardinal(bottom))
    yield (*cardinal(top), "slash", *cardinal(bottom))


def _ordinal(found: re.Match[str]) -> Iterator[Reading]:
    digits = found[1].replace(",", "")
    if digits and len(digits) <= MOST_DIGITS:
        for *words, last in _amounts(int(digits)):
            ending = last[:-1] + "ieth" if last.endswith("y") else last + "th"
            yield (*words, _ORDINALS.get(last, ending))


def _decade(found: re.Match[str]) -> Iterator[Reading]:
    number = int(found[1])
    ways = [_year(number)] if _is_year(number) or number == 2000 else []
    for *words, last in [*ways, cardinal(number)]:
        yield (*words, last[:-1] + "ies" if last.endswith("y") else last + "s")


_READERS = (
    (_NUMBER, _number),
    (_SUM, _sum),
    (_TIME, _time),
    (_FRACTION, _fraction),
    (_ORDINAL, _ordinal),
    (_DECADE, _decade),
)
