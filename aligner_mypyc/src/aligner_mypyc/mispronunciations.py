"""Accepted mispronunciations, from TOML: what speakers of an accent or children of an age say without being wrong.

The file has any number of rules, and other names for symbols:

    [aliases]                     # name = symbol: sequences and this file may use both
    AXR = "ER"

    [[accepted]]
    rule = "th-fronting"
    pairs = [["TH", "F"], ["DH", "V"]]      # [expected, heard]; "" for nothing: dropped, or added
    frequency = 0.3                         # or cost = 26
    unless_before = ["vowel"]               # symbols, or all vowels, or all consonants; may be left out

``frequency`` is the share of the expected sound's occurrences that such speakers pronounce so. The cost is the slip's
surprise, ln(frequency), on a scale where a frequency of one in a hundred costs a whole error, and never more than the
ordinary cost.
"""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple

from .costs import MAX_COST, UNIT
from .errors import AlignerError
from .inventory import Inventory
from .ops import ACCEPTED_DELETE, ACCEPTED_INSERT, DELETE, INSERT, expand

RARE: Final = 0.01
"""The frequency at which a slip costs a whole error."""

DEFAULT_FILE: Final = "english_children.toml"


class Slip(NamedTuple):
    """One pair of one rule; either ``frequency`` or ``cost`` is given."""

    rule: str
    expected: str
    heard: str
    frequency: float | None
    cost: int | None
    unless_before: tuple[str, ...]
    entry: str
    """Where it stands, for messages."""


class Mispronunciations(NamedTuple):
    """The contents of one file."""

    aliases: dict[str, str]
    slips: tuple[Slip, ...]


def load_mispronunciations(path: str | Path | None = None) -> Mispronunciations:
    """Read a file; without a path the one for English-speaking children that comes with the package.

    Raises AlignerError naming file and entry: no TOML, an unknown key, a missing or bad value, a pair accepted twice,
    aliases that go round in a circle.
    """
    name = DEFAULT_FILE if path is None else str(path)
    try:
        if path is None:
            text = resources.files("aligner_mypyc").joinpath("data", DEFAULT_FILE).read_text(encoding="utf-8")
        else:
            text = Path(path).read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        raise AlignerError(f"{name}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AlignerError(f"{name}: no valid TOML: {error}") from error
    for key in content:
        if key not in ("aliases", "accepted"):
            raise AlignerError(f"{name}: unknown key {key!r}: expected aliases and accepted")
    aliases = _aliases(name, content.get("aliases", {}))
    slips = _slips(name, content.get("accepted", []))
    return Mispronunciations(aliases, slips)


def accepted_cost(slip: Slip, ordinary: int, observed: Mapping[tuple[str, str], float] | None = None) -> int:
    """The cost of a slip that would cost ``ordinary`` if no rule accepted it."""
    frequency = slip.frequency
    if observed is not None and (slip.expected, slip.heard) in observed:
        frequency = observed[slip.expected, slip.heard]
        if not 0 < frequency <= 1:
            raise AlignerError(f"{slip.entry}: the observed frequency {frequency} is not above 0 and at most 1")
    elif slip.cost is not None:
        return min(slip.cost, ordinary)
    assert frequency is not None
    return min(round(UNIT * math.log(frequency) / math.log(RARE)), ordinary)


def slip_frequencies(
    inventory: Inventory, alignments: Iterable[tuple[bytes, bytes, bytes]], least: int = 20
) -> dict[tuple[str, str], float]:
    """How often each expected symbol was heard as which other, from (ref, hyp, ops) of listened-to readings.

    A missing symbol counts as heard "", an added one as expected "" (its share is of all expected symbols). Only
    expected symbols that occurred ``least`` times have frequencies.
    """
    seen: Counter[str] = Counter()
    slips: Counter[tuple[str, str]] = Counter()
    for ref, hyp, ops in alignments:
        for op, i, j in expand(ops):
            expected = "" if op in (INSERT, ACCEPTED_INSERT) else inventory.symbols[ref[i]]
            heard = "" if op in (DELETE, ACCEPTED_DELETE) else inventory.symbols[hyp[j]]
            if expected:
                seen[expected] += 1
                seen[""] += 1
            if expected != heard:
                slips[expected, heard] += 1
    return {
        (expected, heard): count / seen[expected]
        for (expected, heard), count in slips.items()
        if seen[expected] >= least and count <= seen[expected]
    }


def _aliases(name: str, table: object) -> dict[str, str]:
    if not isinstance(table, dict):
        raise AlignerError(f"{name}: aliases is not a table")
    aliases: dict[str, str] = {}
    for alias, symbol in table.items():
        if not isinstance(symbol, str) or not symbol:
            raise AlignerError(f"{name}: aliases.{alias}: {symbol!r} is no symbol")
        aliases[alias] = symbol
    for alias in aliases:
        seen = [alias]
        while seen[-1] in aliases:
            seen.append(aliases[seen[-1]])
            if seen[-1] in seen[:-1]:
                raise AlignerError(f"{name}: aliases.{alias} goes round in a circle: {' -> '.join(seen)}")
    return aliases


def _slips(name: str, entries: object) -> tuple[Slip, ...]:
    if not isinstance(entries, list):
        raise AlignerError(f"{name}: accepted is not an array of tables: write [[accepted]]")
    slips: list[Slip] = []
    first: dict[tuple[str, str], str] = {}
    for number, entry in enumerate(entries):
        where = f"{name}: accepted[{number}]"
        for slip in _entry(where, entry):
            pair = (slip.expected, slip.heard)
            if pair in first:
                raise AlignerError(f"{slip.entry}: accepted already, in {first[pair]}")
            first[pair] = slip.entry
            slips.append(slip)
    return tuple(slips)


def _entry(where: str, entry: object) -> list[Slip]:
    if not isinstance(entry, dict):
        raise AlignerError(f"{where} is not a table")
    rule = entry.get("rule")
    if not isinstance(rule, str) or not rule:
        raise AlignerError(f"{where}: rule must name the rule")
    where = f"{where} ({rule})"
    for key in entry:
        if key not in ("rule", "pairs", "frequency", "cost", "unless_before"):
            raise AlignerError(f"{where}: unknown key {key!r}")
    frequency, cost = _weight(where, entry)
    before = entry.get("unless_before", [])
    if not isinstance(before, list) or not all(isinstance(symbol, str) and symbol for symbol in before):
        raise AlignerError(f"{where}: unless_before must be a list of symbols, or of vowel and consonant")
    pairs = entry.get("pairs")
    if not isinstance(pairs, list) or not pairs:
        raise AlignerError(f"{where}: pairs must be a list of [expected, heard]")
    slips: list[Slip] = []
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(symbol, str) for symbol in pair):
            raise AlignerError(f"{where}: {pair!r} is not [expected, heard]")
        expected, heard = pair
        at = f"{where} {expected or 'nothing'} -> {heard or 'nothing'}"
        if expected == heard:
            raise AlignerError(f"{at}: both sides are the same")
        if not expected and before:
            raise AlignerError(f"{at}: an added symbol cannot have unless_before")
        slips.append(Slip(rule, expected, heard, frequency, cost, tuple(before), at))
    return slips


def _weight(where: str, entry: dict[str, object]) -> tuple[float | None, int | None]:
    """(frequency, cost), of which one is None."""
    if ("frequency" in entry) == ("cost" in entry):
        raise AlignerError(f"{where}: give either frequency or cost")
    if "cost" in entry:
        cost = entry["cost"]
        if isinstance(cost, bool) or not isinstance(cost, int) or not 0 <= cost <= MAX_COST:
            raise AlignerError(f"{where}: the cost {cost!r} is not a whole number from 0 to {MAX_COST}")
        return None, cost
    frequency = entry["frequency"]
    if isinstance(frequency, bool) or not isinstance(frequency, int | float) or not 0 < frequency <= 1:
        raise AlignerError(f"{where}: the frequency {frequency!r} is not above 0 and at most 1")
    return float(frequency), None
