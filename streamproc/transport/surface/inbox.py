"""What arrives, until Faust has it: records and the news of rebalances, in their order. On the event loop."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from typing import Any, cast

from streamproc.transport.flight.admission import Admission
from streamproc.transport.flight.entries import Entry
from streamproc.transport.kafka.listener import Records
from streamproc.transport.surface.conductor import Conductor
from streamproc.transport.surface.delivery import Delivery, Desk

#: Records handed over before the agents get a turn.
_TURN = 100


class Inbox:
    """Lets records in, and hands over to Faust those that may start."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._steps: deque[Callable[[], Awaitable[None]]] = deque()
        self._ready: deque[Entry] = deque()
        self._arrived = asyncio.Event()
        #: Who carries out timers; of an app without tables of such nobody.
        self.firing: Any = None

    def receive(self, step: Callable[[], Awaitable[None]]) -> None:
        """Something happened: have this awaited behind all that came before it."""
        self._steps.append(step)
        self._arrived.set()

    def put(self, entry: Entry) -> None:
        """An event may start, or a timer."""
        if entry.is_timer:
            self.firing.put(entry)
            return
        self._ready.append(entry)
        self._arrived.set()

    def take_back(self, entries: Collection[Entry]) -> None:
        """These may not start after all."""
        self._ready = deque(entry for entry in self._ready if entry not in entries)
        if self.firing is not None:
            self.firing.take_back(entries)

    async def run(self, app: Any, desk: Desk, stopped: Callable[[], bool]) -> None:
        """Hand over what comes, until stopped."""
        turn = 0
        while not stopped():
            await self._arrived.wait()
            self._arrived.clear()
            conductor, flow = cast(Conductor, app.topics), app.flow_control
            while self._ready or self._steps:
                if self._ready:
                    if not flow.is_active():
                        await flow.acquire()
                    turn += self.hand_over(conductor.deliver, desk)
                else:
                    await self._steps.popleft()()
                if turn >= _TURN:
                    turn = 0
                    await asyncio.sleep(0)

    async def admit(self, records: Records) -> None:
        """Take records in."""
        arrived = time.monotonic()
        for assignment, record, size in records:
            # Only the span may pass a record over: it lets nothing behind that record move it.
            if record.error() is not None:
                assignment.span.reach(record.offset() or 0)
            else:
                entry = self._admission.admit(assignment, record, size, arrived)
                if entry is not None:
                    self._ready.append(entry)

    def hand_over(self, deliver: Callable[[Delivery], None], desk: Desk) -> int:
        """Deliver what is ready, _TURN at most. Returns how many that were."""
        ready = self._ready
        count = min(len(ready), _TURN)
        for _ in range(count):
            entry = ready.popleft()
            if entry.ready:
                delivery = Delivery(desk, entry)
                entry.hand_over(delivery)
                deliver(delivery)
        return count
