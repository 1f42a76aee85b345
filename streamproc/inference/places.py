"""The queue of an engine that bounds how many calls it works on at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from heapq import heapify, heappop, heappush
from itertools import count

from streamproc.inference.engine import Priority


class Places:
    """So many calls at once; whoever finds no place free waits: live before replay, the oldest first.

    Like asyncio.Semaphore it belongs to one event loop.

    Args:
        places: calls at once.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._most = 2 * places
        self._queue: list[tuple[Priority, int, asyncio.Future[None]]] = []
        """A heap. Those who have given up lie in it until their turn, or until they are the greater part of it."""
        self._numbers = count()
        self._waiting = 0
        self._room = asyncio.Event()
        self._room.set()
        self._closed = False

    @property
    def has_room(self) -> bool:
        """Whether fewer wait than two batches, a batch being one call for each place."""
        return self._waiting < self._most

    async def room(self) -> None:
        """Wait until it has room, or is closed."""
        while not self.has_room and not self._closed:
            await self._room.wait()

    def close(self) -> None:
        """Nobody waits for room any more."""
        self._closed = True
        self._room.set()

    @asynccontextmanager
    async def one(self, priority: Priority) -> AsyncIterator[None]:
        """A place, inside the block."""
        await self._take(priority)
        try:
            yield
        finally:
            self._give()

    async def _take(self, priority: Priority) -> None:
        # Invariant: while a place is free nobody waits.
        if self._free:
            self._free -= 1
            return
        given: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._queue, (priority, next(self._numbers), given))
        self._waits(1)
        try:
            await given
        except asyncio.CancelledError:
            if given.done() and not given.cancelled():
                self._give()  # cancelled in the moment in which it got one
            raise
        finally:
            self._waits(-1)

    def _give(self) -> None:
        while self._queue:
            _, _, given = heappop(self._queue)
            if not given.done():
                given.set_result(None)
                return
        self._free += 1

    def _waits(self, more: int) -> None:
        self._waiting += more
        if self.has_room or self._closed:
            self._room.set()
        else:
            self._room.clear()
        if len(self._queue) > 2 * self._waiting + 64:
            self._queue = [entry for entry in self._queue if not entry[2].done()]
            heapify(self._queue)
