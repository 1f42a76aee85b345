"""A table whose keys are over by the clock: each is deleted once, in a transaction, whatever the records' time is."""

from __future__ import annotations

from typing import Any

import pytest
from faust.types import TP
from support.table_worker import SOURCE
from support.timed_worker import TimedWorker

from streamproc.transport.flight.span import Offer
from streamproc.transport.surface.tables.expiring import ExpiringTable

OTHER = TP("other", 0)


class Worker(TimedWorker):
    """A value says in which second it is over."""

    def __init__(self, ordering: str = "key", **settings: Any) -> None:
        super().__init__(ordering, **settings)
        self.table = ExpiringTable(self.app, float, name="kept")

    async def write(self, key: bytes, over_at: int, time: float = 0) -> None:
        await self.event(time, lambda: self.table.data.write(key, b"%d" % over_at))

    def there(self) -> dict[bytes, bytes]:
        return dict(self.table.data.pairs())


@pytest.fixture
async def worker() -> Worker:
    worker = Worker()
    worker.assign()
    return worker


async def test_a_key_is_deleted_when_the_clock_has_passed_its_time_though_nothing_comes(worker: Worker) -> None:
    await worker.write(b"ann", 60)
    await worker.write(b"bob", 90)
    worker.now = 59.9
    await worker.pass_time()
    assert worker.there() == {b"ann": b"60", b"bob": b"90"}
    worker.now = 60.0
    await worker.pass_time()
    assert worker.there() == {b"bob": b"90"}
    assert worker.records("kept") == [(b"ann", b"60"), (b"bob", b"90"), (b"ann", None)]


async def test_the_records_time_does_not_matter(worker: Worker) -> None:
    await worker.write(b"ann", 60, time=4e9)
    await worker.pass_time()
    assert worker.there() == {b"ann": b"60"}


async def test_a_key_that_is_written_with_a_later_time_stays(worker: Worker) -> None:
    await worker.write(b"ann", 60)
    worker.commit()
    worker.now = 70.0
    delivery = await worker.begin()
    worker.do(delivery, lambda: worker.table.data.write(b"ann", b"200"))
    await worker.turn()  # the timer reads what was committed, and ends first
    assert worker.end(delivery)
    await worker.pass_time()
    # Before the write or after it, and never over it.
    assert worker.there() == {b"ann": b"200"}
    worker.now = 200.0
    await worker.pass_time()
    assert worker.there() == {}


async def test_a_deletion_is_committed_with_an_offset_of_its_partition(worker: Worker) -> None:
    await worker.write(b"ann", 60)
    worker.commit()
    worker.now = 60.0
    await worker.turn()
    batch = worker.form()
    assert batch is not None
    [(assignment, offer)] = batch.offers
    assert assignment.tp == SOURCE
    assert isinstance(offer, Offer)
    assert offer.progress.stream is not None
    assert offer.progress.stream.turn == 1, "or nobody could tell whether a transaction in doubt has deleted it"
    assert worker.there() == {b"ann": b"60"}, "it is there until that is committed"
    worker.ledger.settle(batch)
    assert worker.there() == {}


async def test_the_next_owner_deletes_what_this_one_did_not(worker: Worker) -> None:
    await worker.write(b"ann", 60)
    worker.commit()
    worker.now = 60.0
    await worker.turn()  # it is deleted, and that is not committed
    other = worker.restart()
    other.now = 61.0
    await other.pass_time()
    assert other.there() == {}
    assert other.records("kept") == [(b"ann", None)]


async def test_what_is_dropped_is_deleted_at_once_and_once(worker: Worker) -> None:
    await worker.write(b"ann", 60)
    await worker.write(b"bob", 60)
    worker.commit()
    assert worker.table.drop(b"ann")
    assert worker.table.drop(b"ann")
    assert not worker.table.drop(b"nobody")
    await worker.pass_time()
    assert worker.there() == {b"bob": b"60"}
    assert worker.records("kept") == [(b"ann", b"60"), (b"bob", b"60"), (b"ann", None)]
    worker.now = 60.0
    await worker.pass_time()
    assert worker.there() == {}


async def test_what_is_about_to_go_drops_nothing_more(worker: Worker) -> None:
    await worker.write(b"ann", 60)
    worker.commit()
    worker.assignments[SOURCE].drain()
    assert not worker.table.drop(b"ann")


async def test_events_of_two_topics_may_use_it_and_each_key_is_deleted_once() -> None:
    worker = Worker(assignment="range")
    worker.table.use(SOURCE.topic, OTHER.topic)
    worker.assign(OTHER, sibling=worker.assign())
    await worker.write(b"ann", 60)
    delivery = await worker.begin(OTHER)
    worker.do(delivery, lambda: worker.table.data.write(b"bob", b"60"))
    assert worker.end(delivery)
    worker.commit()
    worker.now = 60.0
    await worker.pass_time()
    assert worker.there() == {}
    assert sorted(worker.records("kept")[2:]) == [(b"ann", None), (b"bob", None)]
