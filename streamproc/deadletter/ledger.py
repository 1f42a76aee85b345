"""The ledger: what was done with each letter, in a compacted topic whose key is the letter's position.

An entry is written in the same transaction as what it speaks of, so that reading the ledger to its end tells what was
done, whatever has crashed. A letter without an entry is open.

An entry is of use while its letter can be read: when retention has deleted the letter, the next operation deletes the
entry, and so the ledger grows no longer than the letters' topic.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from confluent_kafka import Message

from streamproc.deadletter.times import iso
from streamproc.kafka import topics
from streamproc.kafka.places import Position
from streamproc.kafka.reading import TopicReader


class LetterState(StrEnum):
    """What became of a letter."""

    OPEN = "open"
    REPLAYED = "replayed"
    DISCARDED = "discarded"
    PARKED = "parked"


_STATES = {state.value.encode(): state for state in LetterState}
_BEGIN = re.compile(rb'\{"state": "(\w+)"')
"""How LedgerEntry.value begins; parsing a million JSON documents would take seconds."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One entry: what was done with a letter, by whom; ``replays``: how often the event has been replayed now."""

    position: Position
    state: LetterState
    by: str
    replays: int = 0

    def key(self) -> bytes:
        """The record's key."""
        return str(self.position).encode()

    def value(self) -> bytes:
        """The record's value, JSON."""
        fields = {"state": self.state.value, "time": iso(datetime.now(UTC)), "by": self.by, "replays": self.replays}
        return json.dumps(fields).encode()


class LetterLedger:
    """The ledger of one dead letter topic as it was when it was read."""

    def __init__(self) -> None:
        # By the records' keys, which need no parsing. None: forgotten.
        self._states: dict[Any, LetterState | None] = {}

    def state(self, position: Position) -> LetterState:
        """What became of a letter."""
        return self.state_at(position.partition, position.offset)

    def state_at(self, partition: int, offset: int) -> LetterState:
        """What became of the letter there."""
        return self._states.get(b"%d:%d" % (partition, offset)) or LetterState.OPEN

    def counts(self) -> Counter[LetterState]:
        """How many letters are in each state; the open ones are not known here."""
        return Counter(state for state in self._states.values() if state is not None)

    def below(self, begins: Mapping[int, int]) -> list[Position]:
        """Letters with an entry that come before these offsets of their partitions."""
        known = (_position(key) for key, state in self._states.items() if state is not None)
        return [place for place in known if place is not None and place.offset < begins.get(place.partition, 0)]

    def add(self, messages: list[Message]) -> None:
        """Take in records, in the order of their partition; a tombstone forgets the letter.

        What no operation has written changes nothing: a letter that was replayed must not be open again.
        """
        try:
            self._states.update(_entries(messages))
        except _NO_ENTRY:
            for message in messages:
                with suppress(*_NO_ENTRY):
                    self._states.update(_entries([message]))


_NO_ENTRY = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def _entries(messages: list[Message]) -> Iterable[tuple[Any, LetterState | None]]:
    return zip(map(Message.key, messages), map(_state_of, map(Message.value, messages)), strict=True)


def _state_of(value: Any) -> LetterState | None:
    if value is None:
        return None
    begin = _BEGIN.match(value)
    return _STATES[begin[1] if begin else json.loads(value)["state"].encode()]


def _position(key: Any) -> Position | None:
    try:
        return Position.parse(key.decode())
    except (ValueError, AttributeError):
        return None


def read_ledger(reader: TopicReader, dead_letter_topic: str) -> LetterLedger:
    """Read the ledger to its end.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE; TOPIC_MISSING.
    """
    ledger = LetterLedger()
    for batch in reader.read_all(topics.ledger_topic(dead_letter_topic)):
        ledger.add(batch)
    return ledger
