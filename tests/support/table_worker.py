"""A worker with tables that is not started: events are begun and ended by hand, and transactions formed and booked."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any, TypeVar, cast
from unittest.mock import Mock

import faust
from faust.types import TP

from streamproc.transport import TransportSettings
from streamproc.transport.flight.entries import Assignment
from streamproc.transport.flight.ledger import Batch
from streamproc.transport.flight.mark import Mark
from streamproc.transport.flight.progress import Progress
from streamproc.transport.flight.state.restored import Changelog, Restored
from streamproc.transport.flight.state.store import MemoryStore, Store, Write
from streamproc.transport.headers import Headers
from streamproc.transport.surface.consumer import Consumer
from streamproc.transport.surface.delivery import Delivery, current_delivery
from streamproc.transport.surface.tables.table import Table

_Result = TypeVar("_Result")
SOURCE = TP("in", 0)


class TableWorker:
    """Events of ``in``, in the order in which they were taken in; on a running loop."""

    def __init__(self, ordering: str = "unordered", **settings: Any) -> None:
        self.app: Any = faust.App("tables", broker="rdkafka://127.0.0.1:1", topic_disable_leader=True)
        cast(Any, self.app.transport).settings = TransportSettings(ordering=cast(Any, ordering), **settings)
        self.consumer = cast(Consumer, self.app.consumer)
        #: Formed, and nobody knows yet what has become of it.
        self.under_way: Batch | None = None
        self._due: list[Callable[[], None]] = []
        self.consumer._cycle = Mock(after_this=lambda call: self._due.append(call) if self.under_way else call())
        self.consumer.desk.loop = asyncio.get_running_loop()
        self.ledger = self.consumer.ledger
        self.assignments: dict[TP, Assignment] = {}
        #: What the transactions have written to changelogs.
        self.changelog: list[tuple[str, int | None, bytes | None, bytes | None]] = []
        #: What they have sent to other topics.
        self.sent: list[tuple[str, bytes | None, bytes | None, Any]] = []
        self._next = 0

    def assign(
        self,
        tp: TP = SOURCE,
        stores: dict[str, Store] | None = None,
        sibling: Assignment | None = None,
        progress: Progress | None = None,
    ) -> Assignment:
        """The partition is ours, with these stores; others are empty. ``sibling``: with those of this one."""
        mark = Mark.of("cluster", Mock(get_most_significant_bits=lambda: 1, get_least_significant_bits=lambda: 2))
        restored: dict[Changelog, tuple[Store, Mark]] = {}
        for name, table in self.app.tables.items():
            assert isinstance(table, Table)
            store = (stores or {}).get(name)
            if store is None:  # one that is empty is false
                store = MemoryStore()
            changelog_of = TP(f"tables-{name}-changelog", tp.partition)
            changelog = Changelog(name, changelog_of, MemoryStore, table.replay, "", table.due_of, table.by_clock)
            restored[changelog] = store, mark
        assignment = self.assignments[tp] = Assignment(
            tp, progress or Progress.at(0), restored=Restored(restored), sibling=sibling
        )
        self.ledger.add(assignment)
        return assignment

    async def begin(
        self, tp: TP = SOURCE, key: bytes | None = None, time_ms: int | None = None, headers: Headers | None = None
    ) -> Delivery:
        """An agent is given the next event; ``time_ms``: its record's timestamp, None: it has none."""
        await self.take_in(key, time_ms, tp, headers)
        [delivery] = self.delivered()
        return delivery

    async def take_in(
        self, key: bytes | None, time_ms: int | None = None, tp: TP = SOURCE, headers: Headers | None = None
    ) -> None:
        """An event arrives."""
        offset, self._next = self._next, self._next + 1
        record = Mock(
            **{
                "offset.return_value": offset,
                "key.return_value": key,
                "error.return_value": None,
                "headers.return_value": headers,
                "value.return_value": b"",
            }
        )
        record.timestamp.return_value = (0, 0) if time_ms is None else (1, time_ms)
        await self.consumer.inbox.admit([(self.assignments[tp], record, 10)])

    def delivered(self) -> list[Delivery]:
        """What an agent is given now."""
        given: list[Delivery] = []

        def deliver(message: Delivery) -> None:
            message.refcount = 1
            if message.entry.start(message):
                given.append(message)

        self.consumer.inbox.hand_over(deliver, self.consumer.desk)
        return given

    def do(self, delivery: Delivery, work: Callable[[], _Result]) -> _Result:
        """Some of the work on an event."""
        context = contextvars.copy_context()
        context.run(current_delivery.set, delivery)
        return context.run(work)

    def end(self, *deliveries: Delivery) -> bool:
        """The work on these is done. False: it is done again."""
        ended = [delivery.ack(self.consumer) for delivery in deliveries]
        return all(ended)

    def form(self, records: float = float("inf")) -> Batch | None:
        """The next transaction."""
        return self.ledger.form(b"generation", records)

    def commit(self, records: float = float("inf")) -> list[int]:
        """Carry the next transaction out. Returns its events' offsets."""
        batch = self.form(records)
        if batch is None:
            return []
        for _, outcome in batch.outcomes:
            if outcome.topic.endswith("-changelog"):
                self.changelog.append((outcome.topic, outcome.partition, outcome.key, outcome.value))
            else:
                self.sent.append((outcome.topic, outcome.key, outcome.value, outcome.headers))
        self.ledger.settle(batch)
        self.app.monitor.on_transaction(batch, "committed", "", self.ledger)
        return [offset for _, offer in batch.offers for offset in offer.finished]

    def hear(self) -> None:
        """The transaction under way is committed."""
        batch, self.under_way = self.under_way, None
        if batch is not None:
            self.ledger.settle(batch)
        due, self._due = self._due, []
        for call in due:
            call()

    def lose(self, tp: TP) -> None:
        """The partition is not ours any more."""
        assignment = self.assignments.pop(tp)
        assignment.give_up()
        self.consumer.rebalance.lost([assignment])

    def records(self, table: str) -> list[Write]:
        """What was written to a table's changelog."""
        name = f"tables-{table}-changelog"
        return [(key or b"", value) for topic, _, key, value in self.changelog if topic == name]
