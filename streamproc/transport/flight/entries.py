"""What is in flight: partitions, their events, and the outcomes held for them.

Everything here belongs to the event loop, but for the fields of Assignment that say which thread writes them.
"""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any, ClassVar

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE
from faust.types import TP

from streamproc.transport.flight.event_time import time_of
from streamproc.transport.flight.mark import Mark
from streamproc.transport.flight.progress import Progress
from streamproc.transport.flight.sendable import Outcome, size_of_headers
from streamproc.transport.flight.span import Span
from streamproc.transport.flight.state.access import TableAccess
from streamproc.transport.flight.state.contention import Contention
from streamproc.transport.flight.state.restored import Restored
from streamproc.transport.flight.state.versions import TableState, states_of


class State(Enum):
    """Where an event is."""

    #: An earlier event of its key is not finished.
    WAITING = 1
    #: Handed to Faust; no agent has taken it yet.
    QUEUED = 2
    #: An agent has it.
    STARTED = 3
    #: Acknowledged; its outcomes wait for a transaction.
    FINISHED = 4


#: By themselves: to look one up in its class costs as much as a call (CPython 3.11), several times an event.
WAITING, QUEUED, STARTED, FINISHED = State


class Entry:
    """One event in flight.

    ``message`` is the one delivery whose word counts: what another one of the event sends, starts or acknowledges is
    void. Its fields change in here, in the ledger and in the assignment; others call the methods.
    """

    #: Whether it stands for no record of the log, but for a timer.
    is_timer: ClassVar[bool] = False

    __slots__ = (
        "access",
        "arrived",
        "assignment",
        "attempts",
        "events",
        "joint",
        "key",
        "message",
        "offset",
        "outcomes",
        "record",
        "replaced",
        "size",
        "state",
    )

    def __init__(
        self, assignment: Assignment, offset: int, key: bytes | None, record: Any, size: int, arrived: float = 0.0
    ) -> None:
        #: When it was taken in, by time.monotonic.
        self.arrived = arrived
        self.assignment = assignment
        self.offset = offset
        self.key = key
        #: librdkafka's message, kept so that the event can be delivered again; None: committed, or given up.
        self.record = record
        #: What it holds in memory: keys and values of the record, and its outcomes, in bytes.
        self.size = size
        self.state = WAITING
        self.attempts = 0
        #: How often its outcome was refused and replaced by what on_refused sent.
        self.replaced = 0
        self.outcomes: list[Outcome] = []
        self.message: Any = None
        #: Faust's current_event() is a weak reference: the events live as long as their outcomes are open.
        self.events: Sequence[Any] = ()
        #: Those that share its outcomes: all are committed in one transaction, or none of them.
        self.joint: Joint | None = None
        #: What it has read of tables and written to them; None: nothing.
        self.access: TableAccess | None = None

    @property
    def ready(self) -> bool:
        """Whether it may be handed to Faust: it is ours, and nothing of its partition is given up yet."""
        assignment = self.assignment
        return self.record is not None and assignment.alive and not assignment.span.closed

    def hand_over(self, delivery: Any) -> None:
        """Faust is given it, by this delivery alone from now on."""
        self.message = delivery
        self.state = QUEUED

    def keep(self, events: Sequence[Any]) -> None:
        """What Faust has made of it lives as long as the outcomes are open."""
        self.events = events

    def start(self, delivery: Any) -> bool:
        """An agent takes it. False: it must be skipped, another worker or another delivery has it.

        In a drain nothing starts any more, but what was started may be taken by a further agent.
        """
        assignment = self.assignment
        if self.message is not delivery or not assignment.alive:
            return False
        if self.state is QUEUED:
            if assignment.span.closed:
                return False
            self.state = STARTED
        return True

    def hold(self, outcome: Outcome) -> None:
        """Keep what an agent sends for it; that counts to the bytes in flight."""
        self.outcomes.append(outcome)
        # Its size, without the property's call: this is done for every event.
        _, key, value, _, _, headers = outcome
        size = (len(key) if key else 0) + (len(value) if value else 0)
        if headers:
            size += size_of_headers(headers)
        self.size += size
        self.assignment.released_bytes -= size

    def hold_size(self, size: int) -> None:
        """So many bytes more, or less, are kept for it."""
        self.size += size
        self.assignment.released_bytes -= size

    def fence(self) -> None:
        """Ignore what is still sent or acknowledged by those who have the event now."""
        self.message = None
        self.state = WAITING

    def forget(self) -> None:
        """Nobody asks for its delivery and its events any more.

        They, the entry and each other are a ring: cut, it needs no collector.
        """
        self.events = ()
        self.message = None

    def discard(self) -> None:
        """Forget what was sent for it."""
        size = sum(outcome.size for outcome in self.outcomes)
        self.size -= size
        self.assignment.released_bytes += size
        self.outcomes.clear()

    @property
    def where(self) -> str:
        """For the log."""
        tp = self.assignment.tp
        return f"{tp.topic}[{tp.partition}]@{self.offset}"

    @property
    def live(self) -> bool:
        """Whether its outcome is still ours to commit."""
        return self.record is not None and self.assignment.alive


class Joint(list[Entry]):
    """Events that share their outcomes."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        super().__init__(entries)
        #: How many of them are not finished.
        self.unfinished = sum(1 for entry in self if entry.state is not FINISHED)
        #: The access that they share, once one of them has touched a table.
        self.access: TableAccess | None = None
        #: Which of them stands for whoever uses a table.
        self.users: dict[TableState, Entry] = {}


class Assignment:
    """A partition, from its assignment to its revocation. A new assignment is a new object: it fences the old one."""

    def __init__(
        self,
        tp: TP,
        progress: Progress,
        *,
        commit_base: bool = False,
        mark: Mark | None = None,
        restored: Restored | None = None,
        sibling: Assignment | None = None,
        until: int | None = None,
    ) -> None:
        """``sibling``: another topic's partition of the same number that comes and goes with it: they share tables.

        ``until``: the offset before which reading ends; None: it goes on with the log.
        """
        self.tp = tp
        self.until = sys.maxsize if until is None else until
        #: The topic that its offsets are counted in.
        self.mark = mark
        self.span = Span(progress, commit_base=commit_base, mark=mark.encode() if mark else b"")
        self.entries: dict[int, Entry] = {}
        #: Keys with an event in progress, and those that wait behind it.
        self.gate: dict[bytes, deque[Entry] | None] = {}
        #: The stores of its tables, and by table what its events make of them.
        if sibling is None:
            self.restored, self.contention = restored, Contention()
            self.states = states_of(restored) if restored is not None else {}
        else:
            self.restored, self.states, self.contention = sibling.restored, sibling.states, sibling.contention
        timers = [table for table in self.states.values() if table.due is not None]
        # Timers that are due by the clock need the stream time's turn, which tells that they are committed.
        self.span.timed = bool(timers)
        #: Whether any are due by the stream time.
        self.passes_time = not all(table.by_clock for table in timers)
        #: Timers that are due and not committed, by their numbers; and how many there have been.
        self.fired: dict[int, Entry] = {}
        self.timers_begun = 0
        #: Cleared by the poll thread, before it learns of any newer generation of the group.
        self.alive = True
        #: Written by the poll thread.
        self.received_events = 0
        self.received_bytes = 0
        self.paused = False
        #: What is fetched has come to ``until``: it stays paused.
        self.over = False
        #: The end of its log for a read_committed reader, as last heard, ``until`` at most; 0 at first.
        self.end = 0
        #: Written by the event loop.
        self.released_events = 0
        self.released_bytes = 0

    @property
    def draining(self) -> bool:
        """Whether nothing more is taken in, nor started of what waits. It never ends but with the assignment."""
        return self.span.closed

    def drain(self) -> None:
        """Take in and start nothing more. From any thread."""
        self.span.close()

    def give_up(self) -> None:
        """It is not ours any more: nothing of it is committed. From any thread."""
        self.span.close()
        self.alive = False

    @property
    def in_flight(self) -> int:
        """Events taken in and not released."""
        return self.received_events - self.released_events

    @property
    def held_bytes(self) -> int:
        """Their keys and values and those of their outcomes, in bytes."""
        return self.received_bytes - self.released_bytes

    def in_progress(self) -> int:
        """Events and timers that are worked on."""
        return sum(1 for entry in (*self.entries.values(), *self.fired.values()) if entry.state is STARTED)

    def time_with(self, record: Any) -> int:
        """The stream time at a record in flight, its own event's included, in milliseconds since 1970."""
        return max(self.span.time_at(record.offset()), time_of(record, self.tp.topic))

    def earliest_ms(self) -> float:
        """The earliest event's time of those in flight, in milliseconds since 1970; infinity: none of them has one."""
        times = (time_of(entry.record, self.tp.topic) for entry in self.entries.values())
        return min((time for time in times if time >= 0), default=math.inf)

    def has_finished(self) -> bool:
        """Whether something finished waits for a transaction."""
        if not self.alive:
            return False
        held = self.span.held  # only further records would let it go
        return any(one.state is FINISHED for one in self.entries.values() if one.offset != held) or any(
            one.state is FINISHED for one in self.fired.values()
        )

    def oldest_ms(self) -> int | None:
        """The timestamp of the first record in flight, in milliseconds since 1970; None: there is none, or it has none.

        The first by offset: the log's order is the age that a reader waits for, whatever clocks publishers have.
        """
        first = next(iter(self.entries.values()), None)
        kind, milliseconds = (TIMESTAMP_NOT_AVAILABLE, 0) if first is None else first.record.timestamp()
        return None if kind == TIMESTAMP_NOT_AVAILABLE or milliseconds < 0 else milliseconds

    def pass_over(self, size: int) -> None:
        """A record that was taken in needs no work; ``size``: its bytes.

        What is passed over in a drain stays counted: the poll thread then soon takes no more of it.
        """
        if not self.span.closed:
            self.released_events += 1
            self.released_bytes += size

    def close_stores(self) -> None:
        """Nothing more is asked of its tables."""
        for table in self.states.values():
            table.close()
        if self.restored is not None:
            self.restored.close()

    def release_timer(self, timer: Entry) -> None:
        """This one is committed."""
        if self.fired.pop(timer.offset, None) is not None:
            self.released_bytes += timer.size
            timer.forget()
            timer.record = None

    def release(self, offsets: Iterable[int]) -> None:
        """These events are committed, or need no work."""
        entries, size, count = self.entries, 0, 0
        for offset in offsets:
            entry = entries.pop(offset, None)
            if entry is not None:
                count += 1
                size += entry.size
                # As in forget(), without its call.
                entry.events = ()
                entry.message = entry.record = None
        self.released_events += count
        self.released_bytes += size
