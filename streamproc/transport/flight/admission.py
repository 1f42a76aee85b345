"""Which records may start now: not those that are done already, and of each key one at a time."""

from __future__ import annotations

from collections import deque
from typing import Any

from streamproc.transport.flight.entries import Assignment, Entry
from streamproc.transport.flight.event_time import time_of


class Admission:
    """Lets records in; in the order `key`, a record whose predecessor of the same key is unfinished waits here.

    Records without a key have no order. Gates are per partition: a key lives in one partition.
    """

    def __init__(self, *, by_key: bool) -> None:
        self._by_key = by_key

    def admit(self, assignment: Assignment, record: Any, size: int, arrived: float = 0.0) -> Entry | None:
        """Take a record in, which has arrived at this time. Returns its entry if it may start now."""
        offset, span = record.offset(), assignment.span
        taken = span.deliver_timed(offset, time_of(record, assignment.tp.topic)) if span.timed else span.deliver(offset)
        if not taken:
            assignment.pass_over(size)
            return None
        key = record.key()
        entry = assignment.entries[offset] = Entry(assignment, offset, key, record, size, arrived)
        if key is None or not self._by_key:
            return entry
        # As in _pass_gate, without its call: this is done for every event.
        gate = assignment.gate
        if key not in gate:
            gate[key] = None
            return entry
        waiting = gate[key]
        if waiting is None:
            waiting = gate[key] = deque()
        waiting.append(entry)
        return None

    def admit_timer(self, timer: Entry) -> bool:
        """A timer is due. Returns whether it may start now: no event of the key that it is gated by is under way."""
        return timer.key is None or not self._by_key or self._pass_gate(timer, timer.key)

    @staticmethod
    def _pass_gate(entry: Entry, key: bytes) -> bool:
        gate = entry.assignment.gate
        if key not in gate:
            gate[key] = None
            return True
        waiting = gate[key]
        if waiting is None:
            waiting = gate[key] = deque()
        waiting.append(entry)
        return False

    def successor(self, entry: Entry) -> Entry | None:
        """The event is finished: the entry of its key that may start now, if one waits.

        Its outcomes are held already and lie at a lower offset, so they are produced before the successor's.
        """
        assignment = entry.assignment
        key = entry.key
        if key is None or not self._by_key or not assignment.alive:
            return None
        waiting = assignment.gate[key]
        while waiting:
            successor = waiting.popleft()
            if successor.record is not None:  # else it was committed after it had been taken back
                return successor
        del assignment.gate[key]
        return None

    def take_back(self, entry: Entry) -> list[Entry]:
        """The event will be done again: those of its key that were let pass behind it wait for it. Returns them."""
        key = entry.key
        if key is None or not self._by_key:
            return []
        if entry.is_timer:
            return [] if self._pass_gate(entry, key) else [entry]
        assignment = entry.assignment
        waiting = assignment.gate.get(key) or deque()
        # Those that still wait are the last ones of their key.
        end = next((one.offset for one in waiting if not one.is_timer), assignment.span.position)
        passed = [one for one in assignment.entries.values() if one.key == key and entry.offset < one.offset < end]
        # A timer has no place among the offsets: it is done again too.
        passed += [one for one in assignment.fired.values() if one.key == key and one not in waiting]
        assignment.gate[key] = deque((*passed, *waiting)) or None
        return passed
