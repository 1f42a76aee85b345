"""What was written to tables by events that are not committed after all, and what becomes of who has read it."""

from __future__ import annotations

from typing import Any

import pytest
from faust.types import TP
from support.table_worker import SOURCE, TableWorker

from streamproc.transport import TransportSettings
from streamproc.transport.surface.delivery import Delivery
from streamproc.transport.surface.tables.table import Table

OTHER = TP("in", 1)


class KeyedWorker(TableWorker):
    """With a table, two partitions, and events of a key one after the other."""

    def __init__(self) -> None:
        super().__init__("key")
        self.table: Any = self.app.Table("counts", default=int)
        assert isinstance(self.table, Table)
        self.assign()
        self.assign(OTHER)

    def count(self, delivery: Delivery, key: str = "x") -> int:
        """An event counts."""

        def work() -> int:
            self.table[key] += 1
            value: int = self.table[key]
            return value

        return self.do(delivery, work)

    async def begin_shared(self) -> None:
        """An event of the key k shares its outcomes with one of the other partition, and both are done."""
        shared = [await self.begin(SOURCE, b"k"), await self.begin(OTHER)]
        self.consumer.desk.join(shared)
        assert [delivery.ack(self.consumer) for delivery in shared] == [True, True]

    async def make_privileged(self, key: bytes | None = None) -> Delivery:
        """An event that was overtaken three times."""
        slow = await self.begin(SOURCE, key)
        for _ in range(3):
            self.do(slow, lambda: self.table["x"])
            quick = await self.begin()
            self.count(quick)
            assert self.end(quick)
            assert not self.end(slow)
            [slow] = self.delivered()
        return slow


@pytest.fixture
async def worker() -> KeyedWorker:
    return KeyedWorker()


def undo(worker: KeyedWorker, *deliveries: Delivery) -> None:
    """Kafka refuses what was sent for these, and something else is sent in its place."""
    for delivery in deliveries:
        worker.ledger.refuse(delivery.entry, replacing=True)
    worker.consumer.desk.withdraw([delivery.entry for delivery in deliveries])


async def test_what_was_there_before_is_there_again(worker: KeyedWorker) -> None:
    """Not only what is committed: also what is finished."""
    first, second = await worker.begin(), await worker.begin()
    worker.count(first)
    assert worker.end(first)
    worker.count(second)
    assert worker.end(second)
    undo(worker, second)
    third = await worker.begin()
    assert worker.count(third) == 2


async def test_who_has_read_it_is_done_again_and_who_has_read_that(worker: KeyedWorker) -> None:
    events = [await worker.begin() for _ in range(4)]
    worker.count(events[0], "x")
    worker.do(events[1], lambda: worker.table.update(y=worker.table["x"]))
    worker.do(events[3], lambda: worker.table.update(other=1))
    assert worker.end(events[0])
    assert not worker.end(events[1])
    [events[1]] = worker.delivered()
    worker.do(events[1], lambda: worker.table.update(y=worker.table["x"]))
    assert worker.end(events[1])
    worker.do(events[2], lambda: worker.table.update(z=worker.table["y"]))
    assert worker.end(events[2], events[3])
    undo(worker, events[0])
    again = worker.delivered()
    assert sorted(delivery.offset for delivery in again) == [1, 2]
    assert worker.commit() == [3]
    worker.ledger.finish(events[0].entry)
    for delivery, key in zip(sorted(again, key=lambda one: one.offset), "yz", strict=True):
        assert worker.count(delivery, key) == 1
        assert worker.end(delivery)
    worker.commit()
    assert dict(worker.table.items()) == {"other": 1, "y": 1, "z": 1}


async def test_who_is_reading_it_is_done_again_at_its_end(worker: KeyedWorker) -> None:
    first, reader = await worker.begin(), await worker.begin()
    worker.count(first)
    assert worker.end(first)
    assert worker.do(reader, lambda: worker.table["x"]) == 1
    undo(worker, first)
    assert not worker.end(reader)


async def test_what_a_transaction_under_way_has_counts_until_its_end_is_heard(worker: KeyedWorker) -> None:
    """Its commit may have arrived when a partition is lost: who then counted without it would lose its count."""
    await worker.begin_shared()
    behind = await worker.begin(SOURCE, b"k")
    worker.count(behind)
    assert worker.end(behind)
    worker.under_way = worker.form()
    worker.lose(OTHER)
    late = await worker.begin()
    assert worker.count(late) == 2
    assert worker.end(late)
    worker.hear()
    worker.commit()
    assert worker.table["x"] == 2


async def test_what_a_transaction_has_that_fails_is_undone_then(worker: KeyedWorker) -> None:
    await worker.begin_shared()
    behind = await worker.begin(SOURCE, b"k")
    worker.count(behind)
    assert worker.end(behind)
    batch = worker.under_way = worker.form()
    assert batch is not None
    worker.lose(OTHER)
    late = await worker.begin()
    worker.count(late)
    assert worker.end(late)
    worker.under_way = None
    assert worker.commit() == [], "who has counted upon it waits"
    worker.hear()
    given = worker.delivered()
    assert sorted(delivery.offset for delivery in given) == [0, late.offset]
    assert worker.end(*(one for one in given if one.offset == 0))
    [behind] = worker.delivered()
    late = next(one for one in given if one.offset == late.offset)
    assert worker.count(late) == 1
    assert worker.end(late)
    assert worker.count(behind) == 2
    assert worker.end(behind)
    worker.commit()
    assert worker.table["x"] == 2


async def test_one_that_waits_for_the_privileged_event_and_is_undone_waits_for_its_key_alone(
    worker: KeyedWorker,
) -> None:
    slow = await worker.make_privileged()
    worker.do(slow, lambda: worker.table["x"])
    await worker.begin_shared()
    parked = await worker.begin(SOURCE, b"k")
    worker.count(parked)
    assert not worker.end(parked)
    worker.lose(OTHER)
    [shared] = worker.delivered()
    assert shared.key == b"k"
    worker.count(slow)
    assert worker.end(slow)
    assert worker.delivered() == [], "the one before it is not done yet"
    assert worker.end(shared)
    [again] = worker.delivered()
    assert again.entry is parked.entry


async def test_those_that_wait_for_a_privileged_event_go_on_though_it_touches_no_table_any_more(
    worker: KeyedWorker,
) -> None:
    await worker.begin_shared()
    slow = await worker.make_privileged(b"k")
    worker.do(slow, lambda: worker.table["x"])
    parked = await worker.begin()
    worker.count(parked)
    assert not worker.end(parked)
    worker.lose(OTHER)
    [shared] = worker.delivered()
    assert worker.end(shared)
    [slow] = worker.delivered()
    assert worker.end(slow)
    [again] = worker.delivered()
    assert again.entry is parked.entry


async def test_what_an_event_has_raised_for_and_is_skipped_is_undone_too(worker: KeyedWorker) -> None:
    """It might not have raised for what is there instead."""
    first, reader = await worker.begin(), await worker.begin()
    worker.count(first)
    assert worker.end(first)
    worker.do(reader, lambda: worker.table.update(y=worker.table["x"]))
    worker.consumer.desk._settings = TransportSettings(on_raise="skip")
    worker.consumer.desk.fail(reader, ValueError())
    undo(worker, first)
    [again] = worker.delivered()
    assert again.entry is reader.entry


async def test_one_that_was_overtaken_and_undone_holds_no_privilege_that_it_never_gives_back(
    worker: KeyedWorker,
) -> None:
    """It waited behind another that was let through; done again it touches no table, and is over all the same."""
    await worker.begin_shared()
    first, second = await worker.begin(), await worker.begin(SOURCE, b"k")
    for _ in range(3):
        for one in (first, second):
            worker.do(one, lambda: worker.table["x"])
        quick = await worker.begin()
        worker.count(quick)
        assert worker.end(quick)
        assert not worker.end(first)
        assert not worker.end(second)
        first, second = sorted(worker.delivered(), key=lambda one: one.offset)
    contention = worker.assignments[SOURCE].contention
    assert contention.privileged in (first.entry, second.entry)
    if contention.privileged is second.entry:
        first, second = second, first
    worker.lose(OTHER)
    again = worker.delivered()
    for delivery in (*again, first):
        worker.end(delivery)
    for delivery in worker.delivered():
        assert worker.end(delivery)
    assert contention.privileged is None
    assert not contention.busy


async def test_a_privileged_event_does_not_wait_for_itself(worker: KeyedWorker) -> None:
    """It shares its outcomes with an event that would overtake another partition's privileged one."""
    here = await worker.make_privileged()
    there = await worker.begin(OTHER)
    for _ in range(3):
        worker.do(there, lambda: worker.table["x"])
        quick = await worker.begin(OTHER)
        worker.count(quick)
        assert worker.end(quick)
        assert not worker.end(there)
        [there] = worker.delivered()
    worker.do(there, lambda: worker.table["x"])
    late = await worker.begin(OTHER)
    worker.count(late)
    worker.consumer.desk.join([here, late])
    assert not worker.end(here, late)
    assert [one.entry for one in worker.delivered()] == [here.entry]
    assert worker.end(there)
    assert [one.entry for one in worker.delivered()] == [late.entry]
