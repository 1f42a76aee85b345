"""When a store in use is said to hold all of its changelog below an offset."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from confluent_kafka import KafkaError, KafkaException
from faust.types import TP

from streamproc.transport.flight.entries import Assignment
from streamproc.transport.flight.mark import Mark
from streamproc.transport.flight.progress import Progress
from streamproc.transport.flight.state.position import ChangelogPosition
from streamproc.transport.flight.state.restored import Changelog, Restored
from streamproc.transport.flight.state.store import MemoryStore
from streamproc.transport.kafka.bookmarks import Bookmarks

LOG = TP("app-counts-changelog", 3)
MARK = Mark(1, (2, 3))


class Worker:
    """One partition with one table; a transaction may be under way."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        changelog = Changelog("counts", LOG, lambda: self.store)
        restored = Restored({changelog: (self.store, MARK)})
        self.assignment = Assignment(TP("in", 3), Progress.at(0), restored=restored)
        self.assignment.states["counts"].users.add("in")
        self.end: int | None = 7
        self.under_way: list[Callable[[], None]] = []
        self.healthy = True
        self.bookmarks = Bookmarks(
            lambda: [self.assignment], self.ends, self.under_way.append, lambda: self.healthy, clock=lambda: 50.0
        )

    def ends(self, tps: Sequence[TP]) -> dict[TP, int]:
        """The brokers' answer."""
        if self.end is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return dict.fromkeys(tps, self.end)

    async def move(self) -> None:
        """Ask, and book the transaction that is under way."""
        await self.bookmarks.move()
        for call in self.under_way:
            call()
        self.under_way.clear()


async def test_it_is_noted_when_the_transaction_under_way_is_booked() -> None:
    """Its records may lie below the end that was told, and are not in the store yet."""
    worker = Worker()
    await worker.bookmarks.move()
    assert worker.store.position is None
    for call in worker.under_way:
        call()
    assert worker.store.position == ChangelogPosition(MARK, 7, 50.0)


async def test_nothing_is_noted_when_a_verdict_was_not_booked() -> None:
    """The worker stops: what was committed and not booked is read from the changelog next time."""
    worker = Worker()
    worker.healthy = False
    await worker.move()
    assert worker.store.position is None


async def test_nothing_is_noted_for_a_partition_that_was_given_up() -> None:
    """Its store may be closed, and another worker goes on."""
    worker = Worker()
    worker.assignment.give_up()
    await worker.move()
    assert worker.store.position is None


async def test_nothing_is_noted_while_no_event_has_used_the_table() -> None:
    """Another topic's events may write it, and book that in a store of theirs."""
    worker = Worker()
    worker.assignment.states["counts"].users.clear()
    await worker.move()
    assert worker.store.position is None


@pytest.mark.parametrize("end", [None, -1])
async def test_brokers_that_do_not_answer_are_asked_again(end: int | None) -> None:
    worker = Worker()
    worker.end = end
    worker.bookmarks._ends = worker.ends if end is None else lambda _: {}
    await worker.move()
    assert worker.store.position is None
