"""Where records are: how a place in Kafka is written and read, in headers, in logs and on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

_DIGITS = 19
_LAST_PARTITION = 2**31 - 1


def number(text: str | bytes | None) -> int | None:
    """What a header that anybody may have written holds, where that is a decimal number of 63 bits."""
    if text is None or not text.isdigit() or len(text) > _DIGITS or not text.isascii():
        return None
    return value if (value := int(text)) < 2**63 else None


class Place(NamedTuple):
    """Where a record is in its cluster."""

    topic: str
    partition: int
    offset: int


def write_place(topic: str, partition: int | str, offset: int | str) -> str:
    """``topic/partition/offset``; no topic's name has a slash."""
    return f"{topic}/{partition}/{offset}"


def read_place(text: str) -> Place | None:
    """What ``write_place`` has written; None: it is no such thing, and anybody may have written it."""
    topic, _, numbers = text.partition("/")
    partition, _, offset = numbers.partition("/")
    return place_of(topic, partition, offset)


def place_of(topic: str | None, partition: str | None, offset: str | None) -> Place | None:
    """The place whose three parts stand alone; None: they name none."""
    at, record = number(partition), number(offset)
    if not topic or at is None or at > _LAST_PARTITION or record is None:
        return None
    return Place(topic, at, record)


class Position(NamedTuple):
    """Where a record is in its topic."""

    partition: int
    offset: int

    def __str__(self) -> str:
        """As the command line writes it."""
        return f"{self.partition}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read ``partition:offset``. Raises ValueError."""
        partition, _, offset = text.partition(":")
        at, record = number(partition), number(offset)
        if at is None or at > _LAST_PARTITION or record is None:
            raise ValueError(f"{text[:40]!r} is not PARTITION:OFFSET")
        return cls(at, record)


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """Offsets of one partition: ``begin`` to ``end``, exclusive; no end: to the end of the log."""

    partition: int
    begin: int
    end: int | None = None

    @classmethod
    def parse(cls, text: str) -> OffsetRange:
        """Read ``partition:offset`` or ``partition:first-last``. Raises ValueError."""
        place, dash, last = text.partition("-")
        partition, begin = Position.parse(place)
        end = number(last) if dash else begin
        if end is None:
            raise ValueError(f"{text[:40]!r} is not PARTITION:FIRST-LAST")
        return cls(partition, begin, end + 1)
