"""A worker with tables whose keys are due some time; its events have timestamps, and time passes by hand."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Any, Self, TypeVar

import faust

from streamproc.transport.flight.ledger import Batch
from streamproc.transport.flight.progress import Progress, decode, encode
from streamproc.transport.surface.delivery import Delivery
from streamproc.transport.surface.firing import Firing
from streamproc.transport.surface.seams import current_event_ref
from support.table_worker import SOURCE, TableWorker

_Result = TypeVar("_Result")
#: Nothing of what runs on the loop waits for anything else.
_TURNS = 20


class TimedWorker(TableWorker):
    """Has no tables yet."""

    def __init__(self, ordering: str = "key", **settings: Any) -> None:
        super().__init__(ordering, **settings)
        self.options = {"ordering": ordering, **settings}
        #: The clock, of both kinds.
        self.now = 0.0
        self.firing = Firing(
            self.app,
            self.app.transport,
            self.consumer._admission,
            self.consumer.desk,
            lambda: self.now,
            lambda: self.now,
        )
        self.consumer.firing = self.consumer.inbox.firing = self.firing

    async def event(self, time: float, work: Callable[[], Any] = lambda: None, key: bytes | None = None) -> Delivery:
        """An event of this second is begun, worked on, and done."""
        delivery = await self.begin(SOURCE, key, round(time * 1000))
        self.do(delivery, work)
        assert self.end(delivery)
        return delivery

    def do(self, delivery: Delivery, work: Callable[[], _Result]) -> _Result:
        """Some of the work on an event, which is Faust's current event."""
        event: Any = faust.Event(self.app, delivery.key, delivery.value, {}, delivery)

        def of_event() -> _Result:
            current_event_ref.set(weakref.ref(event))
            return work()

        return super().do(delivery, of_event)

    async def turn(self) -> None:
        """What is due is begun, and goes as far as it can."""
        self.firing.look()
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def pass_time(self) -> None:
        """What is finished is committed, and what is due then is done and committed."""
        for _ in range(3):
            self.commit()
            await self.turn()
        self.commit()

    def outcomes(self, batch: Batch | None, topic: str = "out") -> list[tuple[bytes | None, bytes | None]]:
        """What a transaction has for a topic."""
        return [] if batch is None else [(made.key, made.value) for _, made in batch.outcomes if made.topic == topic]

    def restart(self) -> Self:
        """Another worker, which has what is committed: the stores, and the offset with its metadata."""
        other = type(self)(**self.options)
        [assignment] = self.assignments.values()
        committed = assignment.span.committed
        progress: Progress = decode(committed.base, encode(committed))
        other.assign(SOURCE, {name: state.store for name, state in assignment.states.items()}, progress=progress)
        other._next = progress.base
        return other
