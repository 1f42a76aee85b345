"""Tables where events meet: of several topics, of several partitions in one batch, and of several agents."""

from __future__ import annotations

from typing import Any

import pytest
from faust.types import TP
from support.table_worker import SOURCE, TableWorker

from streamproc.transport.errors import Unsupported
from streamproc.transport.flight.state.store import MemoryStore
from streamproc.transport.surface.tables.table import Table

OTHER = TP("in", 1)
BEFORE = TP("before", 0)


@pytest.fixture
async def worker() -> TableWorker:
    worker = TableWorker()
    assert isinstance(worker.app.Table("counts", default=int), Table)
    return worker


def count(worker: TableWorker) -> None:
    worker.app.tables["counts"]["x"] += 1


async def test_outside_events_a_table_is_not_what_another_topic_was_given_of_it(worker: TableWorker) -> None:
    """Until an event uses a table nobody knows which topic's events will: each has a store of it."""
    stores = [MemoryStore(), MemoryStore()]
    for store in stores:
        store.apply([(b'"x"', b"5")])
    worker.assign(BEFORE, {"counts": stores[0]})
    worker.assign(SOURCE, {"counts": stores[1]})
    table: Any = worker.app.tables["counts"]
    assert len(table) == 1
    assert list(table) == ["x"]
    event = await worker.begin(SOURCE)
    worker.do(event, lambda: count(worker))
    assert worker.end(event)
    worker.commit()
    assert table["x"] == 6
    assert dict(table.items()) == {"x": 6}


async def test_who_waits_for_a_privileged_event_waits_with_none_of_another_partition(worker: TableWorker) -> None:
    """There nobody might ever be privileged."""
    worker.assign(SOURCE)
    worker.assign(OTHER)
    slow = await worker.begin(SOURCE)
    for _ in range(3):
        worker.do(slow, lambda: worker.app.tables["counts"]["x"])
        quick = await worker.begin(SOURCE)
        worker.do(quick, lambda: count(worker))
        assert worker.end(quick)
        assert not worker.end(slow)
        [slow] = worker.delivered()
    worker.do(slow, lambda: worker.app.tables["counts"]["x"])
    here, there = await worker.begin(SOURCE), await worker.begin(OTHER)
    worker.do(here, lambda: count(worker))
    worker.consumer.desk.join([here, there])
    worker.end(here, there)
    assert worker.end(slow)
    assert {one.offset for one in worker.delivered()} == {here.offset, there.offset}


async def test_events_of_a_batch_that_another_agent_works_on_one_by_one_lose_no_count(worker: TableWorker) -> None:
    """They share their outcomes, and what they have read: nothing would keep them apart."""
    worker.assign(SOURCE)
    first, second = await worker.begin(), await worker.begin()
    table: Any = worker.app.tables["counts"]
    worker.consumer.desk.join([first, second])
    assert worker.do(first, lambda: table["x"]) == 0
    with pytest.raises(Unsupported, match="are taken in batches"):
        worker.do(second, lambda: table["x"])


async def test_it_is_so_too_if_nobody_uses_the_table_any_more_once_they_share_their_outcomes(
    worker: TableWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.assign(SOURCE)
    crashes: list[BaseException] = []
    monkeypatch.setattr(worker.consumer.transport, "crash", crashes.append)
    batch = [await worker.begin(), await worker.begin()]
    for one in batch:
        worker.do(one, lambda: count(worker))
    worker.consumer.desk.join(batch)
    assert not worker.end(*batch)
    [error] = crashes
    assert isinstance(error, Unsupported)
    assert worker.commit() == []
