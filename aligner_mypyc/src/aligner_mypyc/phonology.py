"""How alike two speech sounds are, from how they are articulated, and the costs that follow.

Features, their values on a scale from 0 to 1, and their weights ("saliences") are those of ALINE: G. Kondrak (2000),
"A new algorithm for the alignment of phonetic sequences", Proc. NAACL, and (2002) "Algorithms for language
reconstruction", after P. Ladefoged, "A Course in Phonetics". The values of the symbols follow the description of
American English in the Handbook of the International Phonetic Association (1999); AX is the unstressed vowel, Q the
glottal stop, DX the tap.

A diphthong is two vowels, compared part by part. ALINE weighs vowels far below consonants, for it looks for related
words; here a wrong vowel is as much of a slip as a wrong consonant, so each class is scaled to its own greatest
distance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from .costs import UNIT, Accepted, CostModel
from .errors import AlignerError
from .inventory import Inventory
from .mispronunciations import Mispronunciations, accepted_cost

PLACES: Final = {
    "bilabial": 1.0,
    "labiodental": 0.95,
    "dental": 0.9,
    "alveolar": 0.85,
    "palato-alveolar": 0.75,
    "palatal": 0.7,
    "velar": 0.6,
    "glottal": 0.1,
}
MANNERS: Final = {"stop": 1.0, "affricate": 0.9, "fricative": 0.8, "approximant": 0.6}
HEIGHTS: Final = {"high": 1.0, "near-high": 0.75, "mid": 0.5, "near-low": 0.25, "low": 0.0}
BACKNESS: Final = {"front": 1.0, "central": 0.5, "back": 0.0}

WEIGHTS: Final = {
    "place": 40,
    "manner": 50,
    "voice": 10,
    "nasal": 10,
    "retroflex": 10,
    "lateral": 10,
    "high": 5,
    "back": 5,
    "round": 5,
    "long": 1,
}
"""ALINE's saliences."""

CONSONANTS: Final[dict[str, str]] = {
    "P": "bilabial stop",
    "B": "bilabial stop voice",
    "T": "alveolar stop",
    "D": "alveolar stop voice",
    "K": "velar stop",
    "G": "velar stop voice",
    "Q": "glottal stop",
    "DX": "alveolar approximant voice",
    "CH": "palato-alveolar affricate",
    "JH": "palato-alveolar affricate voice",
    "F": "labiodental fricative",
    "V": "labiodental fricative voice",
    "TH": "dental fricative",
    "DH": "dental fricative voice",
    "S": "alveolar fricative",
    "Z": "alveolar fricative voice",
    "SH": "palato-alveolar fricative",
    "ZH": "palato-alveolar fricative voice",
    "HH": "glottal fricative",
    "M": "bilabial stop voice nasal",
    "N": "alveolar stop voice nasal",
    "NG": "velar stop voice nasal",
    "L": "alveolar approximant voice lateral",
    "R": "alveolar approximant voice retroflex",
    "W": "bilabial approximant voice",
    "Y": "palatal approximant voice",
}

VOWELS: Final[dict[str, tuple[str, ...]]] = {
    "IY": ("high front long",),
    "IH": ("near-high front",),
    "IX": ("near-high central",),
    "EY": ("mid front long", "near-high front"),
    "EH": ("mid front",),
    "AE": ("near-low front",),
    "AA": ("low back long",),
    "AO": ("near-low back round long",),
    "AH": ("near-low central",),
    "AX": ("mid central",),
    "ER": ("mid central retroflex long",),
    "AXR": ("mid central retroflex",),
    "OW": ("mid back round long", "near-high back round"),
    "UH": ("near-high back round",),
    "UW": ("high back round long",),
    "UX": ("high central round long",),
    "AY": ("low central long", "near-high front"),
    "AW": ("low central long", "near-high back round"),
    "OY": ("mid back round long", "near-high front"),
}

CLOSEST: Final = 25
FARTHEST: Final = 120
"""Costs of exchanging the two most and the two least alike sounds of one class, consonants or vowels."""

ACROSS: Final = (100, 180)
"""Costs of exchanging a vowel and a consonant, alike (W for UW) and not."""


class _Consonant(NamedTuple):
    place: float
    manner: float
    voice: float
    nasal: float
    retroflex: float
    lateral: float


class _Vowel(NamedTuple):
    high: float
    back: float
    round: float
    retroflex: float
    long: float


def known(symbol: str) -> bool:
    """Whether the table has the ARPAbet symbol (without a stress digit)."""
    return symbol in CONSONANTS or symbol in VOWELS


def substitution_costs(inventory: Inventory) -> list[list[int]]:
    """A symmetric matrix for CostModel. Raises AlignerError for a symbol that the table does not have."""
    symbols = inventory.symbols
    for symbol in symbols:
        if not known(symbol):
            raise AlignerError(f"symbol {symbol!r} has no articulatory features: {', '.join(sorted(_all()))} have")
    return [[_cost(one, other) for other in symbols] for one in symbols]


def phonetic_costs(
    inventory: Inventory,
    slips: Mispronunciations | None = None,
    observed: Mapping[tuple[str, str], float] | None = None,
) -> CostModel:
    """Costs from articulation, with the accepted slips of a file (see ``load_mispronunciations``).

    ``observed`` are frequencies that replace those of the file, for (expected, heard); see ``slip_frequencies``. Raises
    AlignerError naming the symbol or the file's entry.
    """
    matrix = substitution_costs(inventory)
    accepted: list[Accepted] = []
    for slip in slips.slips if slips is not None else ():
        for symbol in (slip.expected, slip.heard, *slip.unless_before):
            if symbol and symbol not in ("vowel", "consonant") and symbol not in inventory:
                raise AlignerError(f"{slip.entry}: {symbol!r} is not in the inventory")
        ordinary = UNIT
        if slip.expected and slip.heard:
            ordinary = matrix[inventory.code(slip.expected)][inventory.code(slip.heard)]
        cost = accepted_cost(slip, ordinary, observed)
        accepted.append(Accepted(slip.expected, slip.heard, cost, slip.rule, _following(slip.unless_before, inventory)))
    return CostModel(inventory, matrix, accepted=accepted)


def _following(names: tuple[str, ...], inventory: Inventory) -> tuple[str, ...]:
    """Symbols for symbols, ``vowel`` and ``consonant``."""
    symbols: list[str] = []
    for name in names:
        if name == "vowel":
            symbols += [symbol for symbol in inventory.symbols if symbol in VOWELS]
        elif name == "consonant":
            symbols += [symbol for symbol in inventory.symbols if symbol in CONSONANTS]
        else:
            symbols.append(name)
    return tuple(dict.fromkeys(symbols))


def _all() -> list[str]:
    return [*CONSONANTS, *VOWELS]


def _cost(one: str, other: str) -> int:
    if one == other:
        return 0
    if one in CONSONANTS and other in CONSONANTS:
        distance = _between(_consonant(CONSONANTS[one]), _consonant(CONSONANTS[other]))
        return round(CLOSEST + (FARTHEST - CLOSEST) * distance / _GREATEST_CONSONANT)
    if one in VOWELS and other in VOWELS:
        return round(CLOSEST + (FARTHEST - CLOSEST) * _vowel_distance(one, other) / _GREATEST_VOWEL)
    vowel, consonant = (one, other) if one in VOWELS else (other, one)
    alike, unlike = ACROSS
    return alike if _GLIDES.get(consonant) == vowel else unlike


_GLIDES: Final = {"W": "UW", "Y": "IY", "R": "ER"}
"""Consonants that are a vowel, only not syllabic."""


def _consonant(description: str) -> _Consonant:
    words = description.split()
    return _Consonant(
        PLACES[words[0]],
        MANNERS[words[1]],
        float("voice" in words),
        float("nasal" in words),
        float("retroflex" in words),
        float("lateral" in words),
    )


def _vowel(description: str) -> _Vowel:
    words = description.split()
    return _Vowel(
        HEIGHTS[words[0]],
        BACKNESS[words[1]],
        float("round" in words),
        float("retroflex" in words),
        float("long" in words),
    )


def _between(one: _Consonant | _Vowel, other: _Consonant | _Vowel) -> float:
    """ALINE's distance: the weighted sum of the features' differences."""
    pairs = zip(one._fields, one, other, strict=True)
    return sum(WEIGHTS[name] * abs(value - theirs) for name, value, theirs in pairs)


def _vowel_distance(one: str, other: str) -> float:
    """Mean over the beginnings and the ends of the two vowels."""
    mine = [_vowel(part) for part in VOWELS[one]]
    theirs = [_vowel(part) for part in VOWELS[other]]
    return (_between(mine[0], theirs[0]) + _between(mine[-1], theirs[-1])) / 2


_GREATEST_CONSONANT: Final = max(
    _between(_consonant(one), _consonant(other)) for one in CONSONANTS.values() for other in CONSONANTS.values()
)
_GREATEST_VOWEL: Final = max(_vowel_distance(one, other) for one in VOWELS for other in VOWELS)
