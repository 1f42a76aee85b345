"""The ledger: what was done with each letter, in a compacted topic whose key is the letter's position.

An entry is written in the same transaction as what it speaks of, so that reading the ledger to its end tells what was
done, whatever has crashed. A letter without an entry is open.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from confluent_kafka import Message

from streamproc import topics
from streamproc.deadletter.envelope import iso
from streamproc.deadletter.letters import Position
from streamproc.deadletter.reading import TopicReader


class State(StrEnum):
    """What became of a letter."""

    OPEN = "open"
    REPLAYED = "replayed"
    DISCARDED = "discarded"
    PARKED = "parked"


_STATES = {state.value: state for state in State}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: what was done with a letter, by whom; ``replays``: how often the event has been replayed now."""

    position: Position
    state: State
    by: str
    replays: int = 0

    def key(self) -> bytes:
        """The record's key."""
        return str(self.position).encode()

    def value(self) -> bytes:
        """The record's value, JSON."""
        fields = {"state": self.state.value, "time": iso(datetime.now(UTC)), "by": self.by, "replays": self.replays}
        return json.dumps(fields).encode()


class Ledger:
    """The ledger of one dead letter topic as it was when it was read."""

    def __init__(self) -> None:
        # By partition, then offset: a million entries are a million small integers, and the states are shared.
        self._states: dict[int, dict[int, State]] = {}

    def state(self, position: Position) -> State:
        """What became of a letter."""
        return self.state_at(position.partition, position.offset)

    def state_at(self, partition: int, offset: int) -> State:
        """What became of the letter there."""
        entries = self._states.get(partition)
        return State.OPEN if entries is None else entries.get(offset, State.OPEN)

    def counts(self) -> Counter[State]:
        """How many letters are in each state; the open ones are not known here."""
        return Counter(state for entries in self._states.values() for state in entries.values())

    def add(self, message: Message) -> None:
        """Take in one record; a tombstone forgets the letter. Raises ValueError for what is no entry."""
        position = Position.parse((message.key() or b"").decode())
        value = message.value()
        if value is None:
            self._states.get(position.partition, {}).pop(position.offset, None)
            return
        state = _STATES[json.loads(value)["state"]]
        self._states.setdefault(position.partition, {})[position.offset] = state


def read_ledger(reader: TopicReader, dead_letter_topic: str) -> Ledger:
    """Read the ledger to its end.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE; TOPIC_MISSING.
    """
    topic = topics.ledger_topic(dead_letter_topic)
    ledger = Ledger()
    for batch in reader.read(topic, reader.bounds(topic)):
        for message in batch:
            ledger.add(message)
    return ledger
