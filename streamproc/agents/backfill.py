"""What a worker does otherwise that reads history again: a part of the log, slowly, and behind live readings."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping


class Backfill:
    """The part of the activities that is read again, and how quickly.

    Args:
        name: of the run; its results bear it.
        ends: partition -> the offset before which it ends.
        rate: most activities that this worker begins a second; None: as fast as it goes.
        clock: seconds, of any beginning.
    """

    def __init__(
        self,
        name: str,
        ends: Mapping[int, int],
        rate: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._ends = ends
        self._pause = 0.0 if rate is None else 1 / rate
        self._clock = clock
        self._next = clock()
        self.outcomes: Counter[str] = Counter()
        """Activities that this worker has given an outcome, by what it was."""
        self.begun = threading.Event()
        """Set once the worker takes activities: from then on SIGTERM ends it in order."""

    def end(self, partition: int) -> int:
        """The offset before which a partition is read; of one that came later nothing is."""
        return self._ends.get(partition, 0)

    async def paced(self) -> None:
        """Wait until the next activity may be begun. One that was due earlier makes nobody quicker later."""
        self.begun.set()
        now = self._clock()
        self._next = max(self._next, now)
        wait = self._next - now
        self._next += self._pause
        if wait > 0:
            await asyncio.sleep(wait)
