"""What an expert heard of a real reading, as the sounds that the network is to learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streamproc.scoring import lexicon
from streamproc.scoring.phonemes import PHONEME_CODES, PHONEMES
from streamproc.training.speechocean import Mark, noted

_VOWELS = frozenset(["AA", "AE", "AH", "AO", "AW", "AX", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"])


@dataclass(frozen=True, slots=True)
class Sound:
    """A place in what was said: ``code``, or with ``other`` any sound but that; ``optional``: or nothing."""

    code: int
    other: bool = False
    optional: bool = False


def reading_sounds(row: Mapping[str, Any]) -> list[list[Sound]]:
    """The sounds of a clip by each expert; ``row``: an `ExpertReading` as a pack has it.

    Accented sounds count as said. Wrong ones are any other sound or none; inserted ones, and sounds of our dictionary
    that the experts' (British) one lacks, may be there or not. A word of which nothing was said has none.
    """
    experts = range(len(row["words"][0]["accuracy"]))
    said: list[list[Sound]] = [[] for _ in experts]
    for word in row["words"]:
        for expert in experts:
            if word["accuracy"][expert] > 0:
                said[expert] += word_sounds(word["text"], noted(word["phones"][expert]))
    return said


def word_sounds(text: str, notes: Sequence[tuple[str, Mark]]) -> list[Sound]:
    """A word's sounds: the pronunciation of our dictionary that is nearest to the experts', with their marks."""
    asked = [(symbol, mark) for symbol, mark in notes if mark != "inserted" and symbol in PHONEME_CODES]
    variants = lexicon.pronunciations(text)
    if not variants:
        return [_sound(PHONEME_CODES[symbol], mark) for symbol, mark in asked]
    paired = [_pair([PHONEMES[code] for code in variant], [symbol for symbol, _ in asked]) for variant in variants]
    best = min(range(len(variants)), key=lambda index: paired[index][0])
    sounds: list[Sound] = []
    for code, place in zip(variants[best], paired[best][1], strict=True):
        sounds.append(Sound(code, optional=True) if place is None else _sound(code, asked[place][1]))
    added = [PHONEME_CODES[symbol] for symbol, mark in notes if mark == "inserted" and symbol in PHONEME_CODES]
    if added and notes[-1][1] == "inserted":  # nearly all are a vowel after the last consonant
        sounds.append(Sound(added[-1], optional=True))
    return sounds


def _sound(code: int, mark: Mark) -> Sound:
    wrong = mark == "wrong"
    return Sound(code, other=wrong, optional=wrong)


def _pair(ours: Sequence[str], theirs: Sequence[str]) -> tuple[float, list[int | None]]:
    """The distance of two pronunciations, and for each of our symbols the place of theirs, None where there is none."""
    rows: list[list[tuple[float, tuple[int | None, ...]]]] = [[(float(j), ()) for j in range(len(theirs) + 1)]]
    for symbol in ours:
        above = rows[-1]
        row = [(above[0][0] + _missing(symbol), (*above[0][1], None))]
        for j, other in enumerate(theirs):
            row.append(
                min(
                    (above[j][0] + _apart(symbol, other), (*above[j][1], j)),
                    (above[j + 1][0] + _missing(symbol), (*above[j + 1][1], None)),
                    (row[j][0] + 1.0, row[j][1]),
                    key=lambda way: way[0],
                )
            )
        rows.append(row)
    cost, places = rows[-1][-1]
    return cost, list(places)


def _missing(symbol: str) -> float:
    return 0.4 if symbol == "R" else 1.0


def _apart(one: str, other: str) -> float:
    if one == other:
        return 0.0
    return 0.5 if (one in _VOWELS) == (other in _VOWELS) else 1.5
