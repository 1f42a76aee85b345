"""A table of sets: each event has its own view of each set, and the changelog tells Faust's operations."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from faust.tables.sets import ChangeloggedSet
from support.table_worker import TableWorker

from streamproc.transport.flight.state.store import MemoryStore
from streamproc.transport.surface.tables.sets import SetTable

WORK: dict[str, Callable[[Any], Any]] = {
    "add": lambda one: one.add("x"),
    "add what is there": lambda one: one.add("a"),
    "discard": lambda one: one.discard("a"),
    "discard what is not there": lambda one: one.discard("x"),
    "remove": lambda one: one.remove("a"),
    "pop": lambda one: one.pop(),
    "clear": lambda one: one.clear(),
    "update": lambda one: one.update({"x", "y"}),
    "difference_update": lambda one: one.difference_update({"a", "x"}),
    "intersection_update": lambda one: one.intersection_update({"a", "x"}),
    "symmetric_difference_update": lambda one: one.symmetric_difference_update({"a", "x"}),
}


@pytest.fixture
async def worker() -> TableWorker:
    return TableWorker()


async def committed(worker: TableWorker, table: Any, work: Callable[[], Any]) -> None:
    event = await worker.begin()
    worker.do(event, work)
    assert worker.end(event)
    worker.commit()


@pytest.mark.parametrize("name", WORK)
async def test_a_set_is_a_set_and_its_changelog_makes_it_again(worker: TableWorker, name: str) -> None:
    table = worker.app.SetTable("sets")
    worker.assign()
    await committed(worker, table, lambda: table["k"].update({"a", "b"}))
    expected = {"a", "b"}
    if name == "pop":
        await committed(worker, table, lambda: expected.discard(table["k"].pop()))
    else:
        WORK[name](expected)
        await committed(worker, table, lambda: WORK[name](table["k"]))
    assert set(table["k"]) == expected
    store = MemoryStore()
    store.apply(table.replay(store, worker.records("sets")))
    again = TableWorker()
    same = again.app.SetTable("sets")
    again.assign(stores={"sets": store})
    assert set(same["k"]) == expected


def _on_the_set(table: Any, work: Callable[[Any], Any]) -> None:
    work(table["k"])


async def test_faust_makes_the_same_of_the_changelog(worker: TableWorker) -> None:
    table = worker.app.SetTable("sets")
    worker.assign()
    for work in WORK.values():
        await committed(worker, table, lambda: table["k"].update({"a", "c"}))
        await committed(worker, table, partial(_on_the_set, table, work))
    faust_s: Any = ChangeloggedSet(None, "k")  # type: ignore[arg-type]
    for key, value in worker.records("sets"):
        operation, name = json.loads(key)
        assert name == "k"
        faust_s.apply_changelog_event(operation, json.loads(value or b""))
    assert faust_s.data == set(table["k"])


async def test_changes_of_one_event_add_up(worker: TableWorker) -> None:
    table = worker.app.SetTable("sets", value_type=int)
    worker.assign()

    def work() -> None:
        one, other = table["k"], table["k"]
        one.add(1)
        other.add(2)
        assert set(one) == set(other) == {1, 2}
        assert 1 in one
        assert len(other) == 2
        assert "k" in table
        assert "l" not in table
        assert [(key, set(elements)) for key, elements in table.items()] == [("k", {1, 2})]

    await committed(worker, table, work)
    assert set(table["k"]) == {1, 2}
    assert [key for key, _ in worker.records("sets")] == [b'[1,"k"]', b'[1,"k"]'], "each operation has its record"


async def test_adding_to_a_set_that_others_change_is_done_again(worker: TableWorker) -> None:
    table = worker.app.SetTable("sets", value_type=int)
    worker.assign()
    slow, quick = await worker.begin(), await worker.begin()
    worker.do(slow, lambda: table["k"].add(1))
    worker.do(quick, lambda: table["k"].add(2))
    assert worker.end(quick)
    assert not worker.end(slow)
    [again] = worker.delivered()
    worker.do(again, lambda: table["k"].add(1))
    assert worker.end(again)
    worker.commit()
    assert set(table["k"]) == {1, 2}


async def test_sets_of_bytes(worker: TableWorker) -> None:
    table = worker.app.SetTable("sets", value_type=bytes)
    worker.assign()
    await committed(worker, table, lambda: table["k"].update({b"\x00", b"\xff"}))
    await committed(worker, table, lambda: table["k"].clear())
    await committed(worker, table, lambda: table["k"].add(b"\x01"))
    assert set(table["k"]) == {b"\x01"}
    store = MemoryStore()
    store.apply(table.replay(store, worker.records("sets")))
    assert store.get(b'"k"') == b"\x00\x00\x00\x01\x01"


async def test_a_set_is_changed_and_not_set(worker: TableWorker) -> None:
    table = worker.app.SetTable("sets")
    assert isinstance(table, SetTable)
    worker.assign()
    event = await worker.begin()
    with pytest.raises(NotImplementedError, match="cannot set key"):
        worker.do(event, lambda: table.__setitem__("k", {1}))
    with pytest.raises(NotImplementedError, match="cannot del key"):
        worker.do(event, lambda: table.__delitem__("k"))
    with pytest.raises(KeyError):
        worker.do(event, lambda: table["k"].remove(1))
