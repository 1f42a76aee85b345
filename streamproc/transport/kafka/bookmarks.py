"""Notes in stores that are in use how much of their changelogs they hold: what the next recovery need not read.

Where the records of its own transactions come to lie, librdkafka does not tell. So the end of a changelog for a reader
of what is committed is asked, now and then: below it everything is decided, and once the transaction is booked that was
under way when the answer came, everything below it is in the store.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from confluent_kafka import KafkaException
from faust.types import TP

from streamproc.transport.flight.entries import Assignment
from streamproc.transport.flight.state.position import ChangelogPosition
from streamproc.transport.flight.state.restored import Restored

logger = logging.getLogger(__name__)

INTERVAL_S = 10.0


class Bookmarks:
    """On the event loop, but for the questions."""

    def __init__(
        self,
        assignments: Callable[[], Iterable[Assignment]],
        ends: Callable[[Sequence[TP]], Mapping[TP, int]],
        after_this: Callable[[Callable[[], None]], None],
        healthy: Callable[[], bool],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``ends``: for a reader of what is committed; blocks, raises KafkaException. ``after_this``: see Cycle.

        ``healthy``: whether every verdict so far was booked.
        """
        self._assignments = assignments
        self._ends = ends
        self._after_this = after_this
        self._healthy = healthy
        self._clock = clock

    async def run(self, stopped: Callable[[], bool]) -> None:
        """Note it now and then, until stopped."""
        while not stopped():
            await asyncio.sleep(INTERVAL_S)
            await self.move()

    async def move(self) -> None:
        """Note it once."""
        asked = self._clock()
        found = [
            (assignment, assignment.restored)
            for assignment in self._assignments()
            if isinstance(assignment.restored, Restored) and assignment.restored.changelogs
        ]
        # Topics that share tables have the same stores.
        tps = list(dict.fromkeys(changelog.tp for _, restored in found for changelog in restored.changelogs))
        if not tps:
            return
        try:
            ends = await asyncio.to_thread(self._ends, tps)
        except KafkaException as error:
            logger.debug("The ends of changelogs are not known: %s", error)
            return
        self._after_this(partial(self._note, found, ends, asked))

    def _note(self, found: Iterable[tuple[Assignment, Restored]], ends: Mapping[TP, int], asked: float) -> None:
        if not self._healthy():
            return  # the last verdict may not be booked: what it says must be read again
        for assignment, restored in found:
            for changelog, (store, mark) in restored.changelogs.items():
                end = ends.get(changelog.tp)
                # Whose events write a table is known when one does: until then the store may be another topic's copy,
                # in which nothing is booked.
                if assignment.alive and end is not None and assignment.states[changelog.table].users:
                    store.apply((), ChangelogPosition(mark, end, asked))
