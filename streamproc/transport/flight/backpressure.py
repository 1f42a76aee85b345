"""The bound on what is in flight: first nothing more is taken, and if that lasts, partitions are paused.

Pausing is dear: librdkafka drops what it has prefetched of the partition and fetches it again later. Between two
transactions the bound is reached as a matter of course, so for a moment the consumer is simply not polled. When no room
comes within that moment, the partitions that crowd the others out are paused: polling, and the group with it, goes on
however long an agent takes, and the other partitions go on too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from streamproc.transport.flight.entries import Assignment

#: Seconds: several transactions, and little beside a session or a rebalance, which wait for the next poll.
PATIENCE_S = 0.5


class Backpressure:
    """Judges, from what is in flight, how many records may be taken and which partitions must rest.

    Half of the bound is reserved, in equal parts, for the partitions; the other half is for whoever comes first.
    Invariant: what each partition has in flight, or its reserve where that is more, is never more than the bound in
    all. So the bound holds, and no partition can fill the place of another. (In bytes, which are known only after a
    record is taken, it holds but for the last batch.)
    """

    def __init__(self, events: int, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        """``events``, ``size``: what may be in flight, in events and in bytes of keys and values."""
        self._events = events
        self._size = size
        self._clock = clock
        self._full_since: float | None = None

    def room(self, assignments: Collection[Assignment]) -> int:
        """Records that may be taken now, whichever partitions they are of."""
        events, size = self._reserves(assignments)
        running = [a for a in assignments if not a.paused]
        if not running:
            return 0
        if self._free(self._size, size, [a.held_bytes for a in assignments], [a.held_bytes for a in running]) <= 0:
            return 0
        return self._free(self._events, events, [a.in_flight for a in assignments], [a.in_flight for a in running])

    def must_poll(self, assignments: Collection[Assignment], room: int) -> bool:
        """Whether the consumer must be polled: there is room, or nothing runs that could send a record."""
        return room > 0 or all(assignment.paused for assignment in assignments)

    def to_pause(self, assignments: Collection[Assignment], room: int) -> list[Assignment]:
        """Partitions that have left no room for too long, or whose progress cannot be written any more."""
        now = self._clock()
        if room or all(assignment.paused for assignment in assignments):
            self._full_since = None
        elif self._full_since is None:
            self._full_since = now
        full = self._full_since is not None and now - self._full_since >= PATIENCE_S
        events, size = self._reserves(assignments)
        return [
            a
            for a in assignments
            if not a.paused and (a.span.full or (full and (a.in_flight >= events or a.held_bytes >= size)))
        ]

    def to_resume(self, assignments: Collection[Assignment]) -> list[Assignment]:
        """Paused partitions that are down to half of their reserve, so that they are not paused again at once."""
        events, size = self._reserves(assignments)
        if not events and sum(a.in_flight for a in assignments) * 2 > self._events:
            return []  # more partitions than the bound has places: none has a reserve, all wait together
        return [
            a
            for a in assignments
            if a.paused and a.in_flight * 2 <= max(1, events) and a.held_bytes * 2 <= size
            if not (a.over or a.span.full)
        ]

    def _reserves(self, assignments: Collection[Assignment]) -> tuple[int, int]:
        count = 2 * max(1, len(assignments))
        return self._events // count, self._size // count

    @staticmethod
    def _free(bound: int, reserve: int, held: list[int], running: list[int]) -> int:
        common = bound - sum(max(reserve, one) for one in held)
        return max(0, common + min(max(0, reserve - one) for one in running))
