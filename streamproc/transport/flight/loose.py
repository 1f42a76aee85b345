"""Sends outside any event: each waits for the next transaction, and no more wait than is bearable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streamproc.transport.errors import TransportError
from streamproc.transport.flight.sendable import Outcome


@dataclass(slots=True)
class Loose:
    """A record sent outside any event: it joins the next transaction."""

    outcome: Outcome
    sent: asyncio.Future[Any]


class LooseSends:
    """Those that are not committed yet; on the event loop.

    Invariant: what ``take`` has handed out counts until it is settled, so the bound holds for all of it together.
    """

    def __init__(self, events: int, size: int) -> None:
        """``events``, ``size``: how many may wait, and their keys, values and headers in bytes."""
        self._events = events
        self._size = size
        self._count = 0
        self._bytes = 0
        self._waiting: list[Loose] = []
        self._freed = asyncio.Event()
        self._ended: TransportError | None = None
        #: Called when somebody begins to wait for room: the next transaction should not be waited for.
        self.on_full: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether another one would have to wait for room; a single one of any size never has to."""
        return self._count >= self._events or self._bytes >= self._size

    async def room(self) -> None:
        """Wait until one more may be added.

        Raises:
            TransportError: the worker stops with it, or has stopped.
        """
        while self.full and self._ended is None:
            self.on_full()
            self._freed.clear()
            await self._freed.wait()
        if self._ended is not None:
            raise self._ended

    def add(self, loose: Loose) -> None:
        """One more."""
        self._count += 1
        self._bytes += loose.outcome.size
        self._waiting.append(loose)

    def take(self, events: int, size: float) -> list[Loose]:
        """The first ones, for a transaction: so many, and so many bytes, but one at least."""
        count = 0
        for loose in self._waiting[:events]:
            size -= loose.outcome.size
            if size < 0 and count:
                break
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def put_back(self, taken: list[Loose]) -> None:
        """These were not committed: they come first in the next transaction."""
        self._waiting[:0] = taken

    def settle(self, done: list[Loose]) -> None:
        """These are committed, or refused for good."""
        if done:
            self._count -= len(done)
            self._bytes -= sum(loose.outcome.size for loose in done)
            self._freed.set()

    def end(self, error: TransportError) -> None:
        """Nothing more is added: who waits for room, and who sends from now on, is told so."""
        self._ended = self._ended or error
        self._freed.set()

    def give_up(self, error: TransportError) -> int:
        """What still waits will not be sent, and is told so. Returns how many that are."""
        self.end(error)
        waiting, self._waiting = self._waiting, []
        for loose in waiting:
            if not loose.sent.done():
                loose.sent.set_exception(error)
                loose.sent.exception()  # whoever asks is told; asyncio need not complain of those whom nobody awaits
        self.settle(waiting)
        return len(waiting)
