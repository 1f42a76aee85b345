"""Letters and their statistics, as people and programs read them.

What the next command needs (position, code, fingerprint) stands on a line of its own that nothing shortens, whatever
the width; the rest is wrapped below it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from streamproc.deadletter.envelope import source_of
from streamproc.deadletter.ledger import LetterLedger
from streamproc.deadletter.letters import Letter
from streamproc.deadletter.rows import BAR_WIDTH, tries_of
from streamproc.deadletter.statistics import Group, columns
from streamproc.deadletter.times import iso_of
from streamproc.kafka.places import number, write_place
from streamproc.terminal import counted, indented, safe

BARS = " ▁▂▃▄▅▆▇█"
_NO_TIME = "no time"
_LONGEST_NAME = 40


def letter_lines(letter: Letter, ledger: LetterLedger) -> Iterator[str]:
    """A letter, for people."""
    yield _heading(str(letter.position), letter.code, letter.error.get("fingerprint", ""), _time(letter.timestamp_ms))
    yield from indented(safe("; ".join(_about(letter, ledger))))


def _about(letter: Letter, ledger: LetterLedger) -> Iterator[str]:
    error = letter.error
    yield ledger.state(letter.position).value
    if source := source_of(error):
        yield f"from {write_place(source.topic, source.partition, source.offset)}"
    if tenant := error.get("tenant"):
        yield f"tenant {tenant}"
    if tries := tries_of(letter):
        yield "1 try" if tries == 1 else f"{tries:,} tries"
    if letter.is_stub:
        yield f"a stub: the original has {counted(number(error.get('original.bytes')) or 0, 'byte')}, a replay reads it"
    if message := error.get("message"):
        yield message


def group_lines(group: Group, total: int, first: int, last: int) -> Iterator[str]:
    """The letters of one cause, for people."""
    yield _heading(group.code, group.fingerprint, f"{counted(group.count, 'letter')} ({group.count / total:.0%})")
    yield f"    {_time(group.first_ms)} to {_time(group.last_ms)}"
    yield f"    |{_bars(columns(group, first, last, BAR_WIDTH))}|"
    yield from indented(safe(group.message))


def described_lines(letter: Letter, ledger: LetterLedger, described: dict[str, Any]) -> Iterator[str]:
    """One letter in full, for people."""
    yield from letter_lines(letter, ledger)
    yield click.style("error", bold=True)
    yield from _pairs(letter.error.items())
    yield click.style("original headers", bold=True)
    yield from _pairs((header["name"], header["value"]) for header in described["headers"])
    yield click.style("key", bold=True)
    yield f"    {safe(described['key'])}"
    yield click.style("event" if described["event"] is not None else "value, unreadable", bold=True)
    shown = described["event"] if described["event"] is not None else described["unreadable"]
    for line in json.dumps(shown, indent=2, ensure_ascii=False).split("\n"):
        yield f"    {safe(line)}"


def _pairs(pairs: Any) -> Iterator[str]:
    rows = [(safe(name), safe(value)) for name, value in pairs]
    # Ours are shorter; another team's long one stands out alone.
    width = max((len(name) for name, _ in rows if len(name) <= _LONGEST_NAME), default=0)
    for name, value in rows:
        yield f"    {name:<{width}}  {value}"


def _heading(first: str, *rest: str) -> str:
    return "  ".join([click.style(safe(first), bold=True), *(safe(part) for part in rest if part)])


def _time(time_ms: int | None) -> str:
    return iso_of(time_ms) or _NO_TIME


def _bars(counts: list[int]) -> str:
    highest = max(max(counts), 1)
    return "".join(BARS[-(-count * (len(BARS) - 1) // highest)] for count in counts)
