"""The memory that decoded clips may take, of all activities together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count


@dataclass(order=True, slots=True)
class _Request:
    """For room for one clip; the oldest activity's comes first, and of these the oldest."""

    activity: int
    number: int
    bytes: int
    granted: asyncio.Future[None] = field(compare=False)


class ClipMemory:
    """Bytes that the activities of a worker share. Belongs to one event loop.

    A clip gets room before it is decoded, for the most that it may unpack to, and keeps what it did unpack to until its
    activity gives everything back. The oldest activity comes first.

    Activities that hold clips and wait for room for their next could block each other. So where nobody will give
    anything back without taking more, one activity may go beyond the limit, until all is within it again: ``held``
    never passes the limit by more than one activity's clips.

    Args:
        limit: bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._numbers = count()
        self._waiting: list[_Request] = []
        self._releasing = 0
        """Clips that are being decoded and activities that have all of theirs: they give back without taking more."""
        self._beyond: int | None = None
        """The activity that may go beyond the limit."""
        self.held = 0
        """Bytes that are taken."""

    @contextmanager
    def activity(self) -> Iterator[ActivityMemory]:
        """One activity's share; all of it is given back at the end of the block."""
        share = ActivityMemory(self, next(self._numbers))
        try:
            yield share
        finally:
            share.close()

    def _has_room(self, wanted: int) -> bool:
        return not self._waiting and self.held + wanted <= self._limit

    async def _take(self, activity: int, wanted: int) -> None:
        request = _Request(activity, next(self._numbers), wanted, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._change()
        try:
            await request.granted
        except asyncio.CancelledError:
            if request in self._waiting:
                self._waiting.remove(request)
                self._change()
            else:
                self._change(held=-wanted, releasing=-1)
            raise

    def _change(self, held: int = 0, releasing: int = 0) -> None:
        self.held += held
        self._releasing += releasing
        if self.held <= self._limit:
            self._beyond = None
        while (request := self._next()) is not None:
            self._waiting.remove(request)
            self.held += request.bytes
            self._releasing += 1
            if not request.granted.done():
                request.granted.set_result(None)

    def _next(self) -> _Request | None:
        """The request that is granted next, if one can be."""
        if not self._waiting:
            return None
        first = min(self._waiting)
        if self.held + first.bytes <= self._limit:
            return first
        if self._releasing:
            return None
        if self._beyond is None:
            self._beyond = first.activity
        return min((request for request in self._waiting if request.activity == self._beyond), default=None)


class ActivityMemory:
    """What one activity holds; made by ``ClipMemory.activity``."""

    def __init__(self, memory: ClipMemory, number: int) -> None:
        self._memory = memory
        self._number = number
        self._kept = 0
        self._complete = False

    def has_room(self, most: int) -> bool:
        """Whether ``decoding`` would not have to wait for so many bytes."""
        return self._memory._has_room(most)

    @asynccontextmanager
    async def decoding(self, most: int) -> AsyncIterator[ClipRoom]:
        """Room for a clip, or for a few, while they are decoded, ``most`` bytes; waits for it."""
        await self._memory._take(self._number, most)
        room = ClipRoom()
        try:
            yield room
        finally:
            self._kept += room.kept
            self._memory._change(held=room.kept - most, releasing=-1)

    def complete(self) -> None:
        """The activity takes no more."""
        self._complete = True
        self._memory._change(releasing=1)

    def close(self) -> None:
        """Give everything back."""
        kept, complete = self._kept, self._complete
        self._kept, self._complete = 0, False
        self._memory._change(held=-kept, releasing=-int(complete))


class ClipRoom:
    """What of a clip's room is kept once it is decoded; nothing, unless it is said."""

    kept = 0
