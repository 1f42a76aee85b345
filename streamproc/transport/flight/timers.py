"""Timers of a partition: which of them are due, and the entries in flight that carry them out. On the event loop.

A timer is a key of a table with a due time. It is due when the stream time has passed that, at some record, and all
records before that one are committed; in a table whose keys are due by the clock, when the clock has. Its work is an
entry beside those of the events: what it writes and sends is committed in one transaction with its own deletion, and
with an offset of its partition, so that the generation of the group that fences the offset fences the timer.
"""

from __future__ import annotations

from typing import ClassVar

from confluent_kafka import TIMESTAMP_CREATE_TIME

from streamproc.transport.errors import OutcomeRefused
from streamproc.transport.flight.entries import Assignment, Entry
from streamproc.transport.flight.state.due import Due
from streamproc.transport.flight.state.versions import TableState

#: Timers of a partition that are in flight at a time; others that are due wait for them.
MOST = 2_000


class TimerRecord:
    """What stands in the place of a record of the log."""

    __slots__ = ("_due",)

    def __init__(self, due: Due) -> None:
        self._due = due

    def value(self) -> None:
        """None."""

    def headers(self) -> None:
        """None."""

    def timestamp(self) -> tuple[int, int]:
        """The due time."""
        return TIMESTAMP_CREATE_TIME, self._due.at


class Timer(Entry):
    """A timer that is due. Its ``offset`` is a number below 0, which no record has."""

    __slots__ = ("due", "name", "refusal", "table")

    is_timer: ClassVar[bool] = True

    def __init__(self, assignment: Assignment, number: int, table: TableState, name: bytes, due: Due) -> None:
        """``table``, ``name``: the key whose deletion is its own."""
        super().__init__(assignment, -1 - number, due.gate, TimerRecord(due), 0)
        self.table = table
        self.name = name
        self.due = due
        #: Why its outcome was refused, so that another is to be made.
        self.refusal: OutcomeRefused | None = None

    @property
    def where(self) -> str:
        """For the log: its key would be somebody's name."""
        tp = self.assignment.tp
        return f"a timer of {self.table.name!r} in {tp.topic}[{tp.partition}]"


def passed(assignment: Assignment) -> int:
    """The stream time up to the first record that is not committed, that one included; milliseconds since 1970."""
    first = next(iter(assignment.entries.values()), None)
    return assignment.span.time if first is None else assignment.time_with(first.record)


def due_timers(assignment: Assignment, clock: int) -> list[Timer]:
    """Those that are due now, and in flight from now on; ``clock``: milliseconds since 1970."""
    if assignment.draining or not assignment.alive:
        return []
    now, due = passed(assignment), []
    for table in assignment.states.values():
        # Events of another topic may have written it, and of that their owner's timers are. The clock is everybody's.
        if table.due is None or not (table.by_clock or table.checksum in assignment.span.tables):
            continue
        for name, when in table.due.take(clock if table.by_clock else now, MOST - len(assignment.fired)):
            due.append(begin(assignment, table, name, when))
    return due


def begin(assignment: Assignment, table: TableState, name: bytes, due: Due) -> Timer:
    """A timer that is in flight from now on."""
    timer = Timer(assignment, assignment.timers_begun, table, name, due)
    assignment.timers_begun += 1
    assignment.fired[timer.offset] = timer
    return timer
