"""Whether the worker begins new events: closed while a dependency is awaited, or for good by the quarantine.

And whether it goes on with those that wait for a dependency: until it stops; with the others until the drain is over.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Intake:
    """A gate with reasons: it is open while nobody has a reason to keep it closed. Belongs to one event loop.

    Args:
        changed: called with a reason and whether it is there now, when the reason comes and when it goes.
        clock: seconds, of any beginning.
    """

    def __init__(self, changed: Callable[[str, bool], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._changed = changed
        self._clock = clock
        self._closed_at = 0.0
        self._reasons: Counter[str] = Counter()
        self._open = asyncio.Event()
        self._open.set()
        self._working: set[asyncio.Task[Any]] = set()
        self._waiting: set[asyncio.Task[Any]] = set()
        self._stopping = False

    @property
    def reasons(self) -> list[str]:
        """Why it is closed; empty while it is open."""
        return sorted(self._reasons)

    @property
    def closed_for(self) -> float:
        """Seconds since it was closed; asked for while it is, or by ``changed`` when the last reason goes."""
        return self._clock() - self._closed_at

    @property
    def working(self) -> int:
        """Events that are worked on."""
        return len(self._working)

    @property
    def waiting(self) -> bool:
        """Whether an event waits for a dependency, tries again, that is."""
        return bool(self._waiting)

    async def opened(self) -> None:
        """Wait until it is open."""
        await self._open.wait()

    def close(self, reason: str) -> None:
        """Close it for ``reason``; several may have the same one."""
        if not self._reasons:
            self._closed_at = self._clock()
        self._reasons[reason] += 1
        self._open.clear()
        if self._reasons[reason] == 1:
            self._changed(reason, True)

    @contextmanager
    def closed(self, reason: str) -> Iterator[None]:
        """Keep it closed for ``reason`` inside the block."""
        self.close(reason)
        try:
            yield
        finally:
            self._reasons[reason] -= 1
            if not self._reasons[reason]:
                del self._reasons[reason]
                self._changed(reason, False)
            if not self._reasons:
                self._open.set()

    @contextmanager
    def event(self) -> Iterator[None]:
        """An event is worked on inside the block, by the task that enters it; afterwards it may go on with another."""
        task = asyncio.current_task()
        assert task is not None
        self._working.add(task)
        try:
            yield
        finally:
            self._working.discard(task)
            self._waiting.discard(task)

    def waits(self, event: asyncio.Task[Any]) -> None:
        """An event has met a failing dependency and tries again; a stopping worker gives it up at once."""
        self._waiting.add(event)
        if self._stopping:
            event.cancel()

    def stop(self) -> int:
        """Close it for good and cancel the events that have tried again: how many.

        What they wait for may never come. Cancelled, they have no outcome, and are delivered again after the restart.
        """
        self._stopping = True
        self.close("stopping")
        return sum(event.cancel() for event in self._waiting)

    def give_up(self) -> None:
        """Cancel every event that is worked on."""
        for event in self._working:
            event.cancel()
