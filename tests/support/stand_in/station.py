"""A queue before N servers of fixed service time: its capacity is known exactly."""

from __future__ import annotations

import asyncio
import heapq
from dataclasses import dataclass, field
from itertools import count

from support.stand_in.behaviour import Behaviour, Counts

DEFAULT_PRIORITY = 1
"""Of a request that says nothing, as in the model's configuration."""

ORDER_KEPT = 1000


class FullError(Exception):
    """The queue has no place, or a request was too long in it; the text is Triton's."""


@dataclass(order=True)
class _Request:
    priority: int
    number: int
    arrived: float = field(compare=False)
    service: float = field(compare=False)
    served: asyncio.Future[None] = field(compare=False)


class Station:
    """Serves the lowest priority number first, and of these the first come. Belongs to one event loop.

    A server that has a next request begins it when the one before was *due*, not when the event loop got to it: however
    late the timers of a busy machine are, N servers of s seconds serve N / s requests a second.

    Who gives up while it waits leaves the queue; who gives up later has its server work to the end, as Triton's does.
    """

    def __init__(self, behaviour: Behaviour, counts: Counts) -> None:
        self._behaviour = behaviour
        self._counts = counts
        self._queue: list[_Request] = []
        self._numbers = count()

    async def serve(self, priority: int, seconds: float, clips: int = 1) -> None:
        """Wait for a server and for what it does with so many seconds of audio, in so many clips.

        Raises:
            FullError: the request is refused.
        """
        behaviour, loop = self._behaviour, asyncio.get_running_loop()
        service = behaviour.request_s + behaviour.clip_s * clips + behaviour.audio_s * seconds
        request = _Request(
            priority or DEFAULT_PRIORITY, next(self._numbers), loop.time(), service, loop.create_future()
        )
        if not self._has_server():
            self._drop_abandoned()
            if behaviour.queue and len(self._queue) >= behaviour.queue:
                raise FullError("Exceeds maximum queue size")
        heapq.heappush(self._queue, request)
        if behaviour.queue_s:
            loop.call_later(behaviour.queue_s, self._expire, request)
        self._fill(request.arrived)
        self._note()
        await request.served

    def refresh(self) -> None:
        """There may be more servers now."""
        self._fill(asyncio.get_running_loop().time())
        self._note()

    def _has_server(self) -> bool:
        return not self._behaviour.servers or self._counts.serving < self._behaviour.servers

    def _fill(self, now: float) -> None:
        """Give the servers that are free since ``now`` their next requests."""
        loop = asyncio.get_running_loop()
        while self._queue and self._has_server():
            request = heapq.heappop(self._queue)
            if request.served.done():
                continue
            began = max(now, request.arrived)
            self._counts.serving += 1
            self._counts.queue_ns += round((began - request.arrived) * 1e9)
            self._counts.compute_ns += round(request.service * 1e9)
            self._counts.order = [*self._counts.order[1 - ORDER_KEPT :], request.priority]
            due = began + request.service
            if due <= loop.time():
                self._finish(request, due)
            else:
                loop.call_at(due, self._finish, request, due)

    def _finish(self, request: _Request, due: float) -> None:
        self._counts.serving -= 1
        if not request.served.done():
            request.served.set_result(None)
        self._fill(due)
        self._note()

    def _expire(self, request: _Request) -> None:
        if request in self._queue and not request.served.done():
            request.served.set_exception(FullError("Request timeout expired"))
            self._drop_abandoned()
            self._note()

    def _drop_abandoned(self) -> None:
        self._queue = [request for request in self._queue if not request.served.done()]
        heapq.heapify(self._queue)

    def _note(self) -> None:
        self._counts.waiting = len(self._queue)
        self._counts.most_waiting = max(self._counts.most_waiting, len(self._queue))
