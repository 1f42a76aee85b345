"""What an app is told of its tables' recovery, and where its web views find keys."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from faust.types import TP
from support.table_worker import SOURCE, TableWorker

from streamproc.transport.flight.state.store import MemoryStore
from streamproc.transport.surface.tables.replaying import replay_of
from streamproc.transport.surface.tables.router import TableRouter

CHANGELOG = TP("tables-counts-changelog", 0)


@pytest.fixture
async def worker() -> TableWorker:
    return TableWorker()


async def test_on_recover_is_called_when_the_state_of_a_partition_is_there(worker: TableWorker) -> None:
    told: list[str] = []
    table = worker.app.Table("counts", default=int)

    async def recovered() -> None:
        told.append(f"{table['a']} of a")

    table.on_recover(recovered)
    other = worker.app.Table("others")
    other.on_recover(recovered)
    store = MemoryStore()
    store.apply([(b'"a"', b"7")])
    assignment = worker.assign(stores={"counts": store})
    del assignment.states["others"]
    await worker.app.tables.recovered([assignment])
    assert told == ["7 of a"]


@pytest.mark.parametrize("kind", ["Table", "SetTable"])
async def test_on_changelog_event_hears_of_each_record_that_a_recovery_reads(worker: TableWorker, kind: str) -> None:
    told: list[Any] = []

    async def heard(event: Any) -> None:
        told.append((event.key, event.value, event.message.topic, event.message.partition))

    table = getattr(worker.app, kind)("counts", on_changelog_event=heard)
    replay = replay_of(table, CHANGELOG, asyncio.get_running_loop())
    assert replay is not None
    store = MemoryStore()
    plain = kind == "Table"
    records: Any = [(b'"a"', b"1"), (b'"a"', None)] if plain else [(b'[1,"a"]', b"1"), (b'[2,"a"]', b"1")]
    written = list(await asyncio.to_thread(replay, store, records))
    assert [value for _, value, *_ in told] == ([1, None] if plain else [1, 1])
    assert {(topic, partition) for _, _, topic, partition in told} == {tuple(CHANGELOG)}
    assert written == (records if plain else [(b'"a"', b"")])


async def test_a_table_that_nobody_listens_to_is_replayed_as_it_is(worker: TableWorker) -> None:
    table = worker.app.Table("counts")
    assert replay_of(table, CHANGELOG, asyncio.get_running_loop()) is None


async def test_web_views_find_the_keys_that_this_worker_has(worker: TableWorker) -> None:
    table = worker.app.Table("counts", default=int)
    assert isinstance(worker.app.router, TableRouter)
    worker.assign()
    event = await worker.begin()
    worker.do(event, lambda: table.update(a=1))
    assert worker.end(event)
    worker.commit()
    here = worker.app.conf.canonical_url
    assert worker.app.router.key_store("counts", "a") == here
    with pytest.raises(KeyError):
        worker.app.router.key_store("counts", "b")
    expected = {str(here): {CHANGELOG.topic: [SOURCE.partition]}}
    assert worker.app.router.tables_metadata() == expected
    assert worker.app.router.table_metadata("counts") == expected


async def test_the_manager_takes_no_table_after_the_start_and_reads_no_changelog(worker: TableWorker) -> None:
    worker.app.Table("counts")
    await worker.app.tables._update_channels()
    assert not worker.app.topics
    with pytest.raises(RuntimeError, match="Too late"):
        worker.app.Table("others")
    for table in worker.app.tables.values():
        await table.stop()


async def test_the_monitor_says_how_often_work_was_done_again(worker: TableWorker) -> None:
    table = worker.app.Table("counts", default=int)
    worker.assign()
    slow, quick = await worker.begin(), await worker.begin()
    worker.do(slow, lambda: table["a"])
    worker.do(quick, lambda: table.update(a=1))
    worker.end(quick, slow)
    assert worker.app.transport.state.overtaken == 1
    assert worker.app.monitor.asdict()["transport"]["overtaken"] == 1
