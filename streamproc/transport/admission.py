"""Which records may start now: not those that are done already, and of each key one at a time."""

from __future__ import annotations

from collections import deque
from typing import Any

from streamproc.transport.outcomes import Assignment, Entry


class Admission:
    """Lets records in; in the order `key`, a record whose predecessor of the same key is unfinished waits here.

    Records without a key have no order. Gates are per partition: a key lives in one partition.
    """

    def __init__(self, *, by_key: bool) -> None:
        self._by_key = by_key

    def admit(self, assignment: Assignment, record: Any, size: int) -> Entry | None:
        """Take a record in. Returns its entry if it may start now."""
        offset = record.offset()
        if not assignment.span.deliver(offset):
            # What is passed over in a drain stays counted: the poll thread then soon takes no more of it.
            if not assignment.draining:
                assignment.released_events += 1
                assignment.released_bytes += size
            return None
        key = record.key()
        entry = assignment.entries[offset] = Entry(assignment, offset, key, record, size)
        if key is None or not self._by_key:
            return entry
        gate = assignment.gate
        if key not in gate:
            gate[key] = None
            return entry
        waiting = gate[key]
        if waiting is None:
            waiting = gate[key] = deque()
        waiting.append(entry)
        return None

    def successor(self, entry: Entry) -> Entry | None:
        """The event is finished: the entry of its key that may start now, if one waits.

        Its outcomes are held already and lie at a lower offset, so they are produced before the successor's.
        """
        assignment = entry.assignment
        key = entry.key
        if key is None or not self._by_key or not assignment.alive:
            return None
        waiting = assignment.gate[key]
        if waiting:
            return waiting.popleft()
        del assignment.gate[key]
        return None
