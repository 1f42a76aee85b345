"""A worker in memory: Faust's app and the driver's streams, at a desk that needs no broker nor the driver's books.

The desk is what the Desk protocol says and no more: an event's outcomes count when it is acknowledged, those of a batch
when all of it is; what fails is discarded, and the policy says what follows. ``support.conformance`` holds it and the
real one to the same behaviour.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import faust
from faust.types import TP

from streamproc.transport.flight.entries import FINISHED, STARTED, Assignment, Entry
from streamproc.transport.flight.progress import Progress
from streamproc.transport.surface.conductor import Conductor
from streamproc.transport.surface.delivery import Delivery

IN = TP("in", 0)


class Record:
    """A record as librdkafka gives it."""

    def __init__(self, offset: int, key: bytes | None, value: bytes) -> None:
        self._offset, self._key, self._value = offset, key, value

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes:
        return self._value

    def headers(self) -> None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return 1, 0


class MemoryDesk:
    """Keeps the values that were sent for events that are done."""

    def __init__(self, app: Any, on_raise: str) -> None:
        self._app = app
        self._on_raise = on_raise
        self._assignment = Assignment(IN, Progress.at(0))
        self._batches: dict[Entry, list[Entry]] = {}
        #: What became of events: the values sent for them, and the offsets that are finished.
        self.outcomes: list[bytes | None] = []
        self.finished: set[int] = set()
        self.stopped_by: BaseException | None = None

    def deliver(self, offset: int, key: bytes | None, value: bytes) -> None:
        """Bring a record."""
        self._again(Entry(self._assignment, offset, key, Record(offset, key, value), 0))

    def _again(self, entry: Entry) -> None:
        delivery = Delivery(self, entry)
        entry.hand_over(delivery)
        cast(Conductor, self._app.topics).deliver(delivery)

    @property
    def faust_generation(self) -> int:
        generation: int = self._app.consumer_generation_id
        return generation

    def ack(self, delivery: Delivery, n: int = 1) -> bool:
        delivery.refcount -= n
        if delivery.refcount > 0:
            return False
        delivery.acked = True
        if not delivery.current or delivery.entry.state is FINISHED:
            return False
        self._finish(delivery.entry)
        return True

    def fail(self, delivery: Delivery, error: BaseException, together: Sequence[Delivery] = ()) -> None:
        entry = delivery.entry
        if not delivery.current or entry.state is FINISHED:
            return
        for one in self._batches.pop(entry, []):
            self._batches.pop(one, None)
            if one is not entry and one.state in (STARTED, FINISHED) and one.message not in together:
                one.discard()
                one.fence()
                asyncio.get_running_loop().call_soon(self._again, one)
        entry.discard()
        entry.fence()
        if isinstance(error, asyncio.CancelledError) or self._on_raise == "retry":
            asyncio.get_running_loop().call_soon(self._again, entry)
        elif self._on_raise == "skip":
            self._finish(entry)
        else:
            self.stopped_by = error

    def join(self, deliveries: Sequence[Delivery]) -> None:
        batch = [delivery.entry for delivery in deliveries]
        self._batches.update((entry, batch) for entry in batch)

    def _finish(self, entry: Entry) -> None:
        entry.state = FINISHED
        batch = self._batches.get(entry, [entry])
        if all(one.state is FINISHED for one in batch):
            for one in batch:
                self.finished.add(one.offset)
                self.outcomes += [outcome.value for outcome in one.outcomes]


class MemoryWorker:
    """An app that reads the topic ``in`` and sends to ``out``, in memory."""

    def __init__(self, agent: Any, on_raise: str) -> None:
        app = self._app = faust.App(
            "memory",
            broker="rdkafka://127.0.0.1:1",
            processing_guarantee="exactly_once",
            topic_disable_leader=True,
            topic_allow_declare=False,
            key_serializer="raw",
            value_serializer="raw",
        )
        app.in_worker = True
        self.desk = MemoryDesk(app, on_raise)
        sink = app.topic("out")
        self._agent = app.agent(app.topic(IN.topic))(lambda stream: agent(stream, sink))
        self._fed = 0

    async def __aenter__(self) -> MemoryWorker:
        app: Any = self._app
        app.flow_control.resume()
        await self._agent.start()
        await asyncio.sleep(0)
        await app.topics.on_partitions_assigned({IN})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._agent.stop()

    async def feed(self, values: Sequence[bytes]) -> None:
        """Records, one of each key."""
        for value in values:
            self.desk.deliver(self._fed, b"key %d" % self._fed, value)
            self._fed += 1

    async def finished(self) -> int:
        """How many events are done."""
        return len(self.desk.finished)

    async def outcomes(self) -> list[bytes | None]:
        """What a reader sees of what was sent for events, and outside them."""
        ledger = cast(Any, self._app.transport).ledger
        return self.desk.outcomes + [loose.outcome.value for loose in ledger.loose.take(1000, 1 << 30)]
