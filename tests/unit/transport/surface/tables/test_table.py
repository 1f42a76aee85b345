"""A table as an agent sees it: a dict, of which each event has its own view."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import faust
import pytest
from faust.types import TP
from support.table_worker import SOURCE, TableWorker

from streamproc.transport import OutsideEvent, SentAfterAck, Unsupported
from streamproc.transport.flight.state.store import MemoryStore
from streamproc.transport.surface.delivery import replacing
from streamproc.transport.surface.tables.table import Table


class Account(faust.Record):
    owner: str
    money: int


@pytest.fixture
async def worker() -> TableWorker:
    return TableWorker()


def table_of(worker: TableWorker, **options: Any) -> Any:
    table = worker.app.Table("counts", **options)
    assert isinstance(table, Table)
    worker.assign()
    return table


async def test_an_event_sees_what_it_has_written_and_others_see_it_at_its_end(worker: TableWorker) -> None:
    table = table_of(worker, default=int)
    first, second = await worker.begin(), await worker.begin()

    def write() -> int:
        table["a"] += 1
        table["a"] += 1
        value: int = table["a"]
        return value

    assert worker.do(first, write) == 2
    assert worker.do(second, lambda: table.get("a")) == 0
    assert worker.end(first)
    third = await worker.begin()
    assert worker.do(third, lambda: table["a"]) == 2
    assert table["a"] == 0, "outside events only what is committed is seen"
    assert worker.commit() == [0]
    assert table["a"] == 2


async def test_an_event_whose_read_was_overtaken_is_delivered_anew(worker: TableWorker) -> None:
    table = table_of(worker, default=int)
    slow, quick = await worker.begin(), await worker.begin()
    seen = worker.do(slow, lambda: table["a"])
    worker.do(quick, lambda: table.update(a=table["a"] + 1))
    assert worker.end(quick)
    worker.do(slow, lambda: table.update(a=seen + 1))
    assert not worker.end(slow)
    [again] = worker.delivered()
    assert again.entry is slow.entry
    worker.do(again, lambda: table.update(a=table["a"] + 1))
    assert worker.end(again)
    assert sorted(worker.commit()) == [0, 1]
    assert table["a"] == 2


async def test_what_an_event_does_that_was_delivered_anew_counts_for_nothing(worker: TableWorker) -> None:
    table = table_of(worker, default=int)
    slow, quick = await worker.begin(), await worker.begin()
    worker.do(slow, lambda: table["a"])
    worker.do(quick, lambda: table.update(a=5))
    worker.end(quick, slow)
    [again] = worker.delivered()
    with pytest.raises(SentAfterAck):
        worker.do(slow, lambda: table.update(a=100))
    assert worker.do(slow, lambda: table["a"]) == 5
    worker.consumer.desk.fail(again, asyncio.CancelledError())
    worker.do(again, lambda: table.update(a=100))
    assert worker.end(*worker.delivered())
    worker.commit()
    assert table["a"] == 5


async def test_a_table_is_a_dict(worker: TableWorker) -> None:
    table = table_of(worker)
    event = await worker.begin()

    def work() -> None:
        table["a"] = 1
        table.update({"b": 2}, c=3)
        assert table.setdefault("d", 4) == 4
        assert table.setdefault("a", 5) == 1
        assert table.pop("b") == 2
        assert table.pop("b", "none") == "none"
        del table["c"]
        with pytest.raises(KeyError):
            del table["c"]
        with pytest.raises(KeyError):
            table["c"]
        assert "a" in table
        assert "b" not in table
        assert table.get("b", 7) == 7
        assert sorted(table) == ["a", "d"]
        assert sorted(table.keys()) == ["a", "d"]
        assert sorted(table.values()) == [1, 4]
        assert sorted(table.items()) == [("a", 1), ("d", 4)]
        assert len(table) == 2
        assert table.copy() == {"a": 1, "d": 4}
        table.clear()
        assert len(table) == 0
        assert not list(table)
        table["e"] = None
        assert table["e"] is None
        assert "e" in table

    worker.do(event, work)
    assert worker.end(event)
    worker.commit()
    assert dict(table.items()) == {"e": None}
    last = dict(worker.records("counts"))
    assert last == {b'"a"': None, b'"b"': None, b'"c"': None, b'"d"': None, b'"e"': b"null"}


async def test_a_value_is_a_copy_that_counts_only_when_it_is_assigned(worker: TableWorker) -> None:
    table = table_of(worker, default=list)
    event = await worker.begin()

    def work() -> None:
        table["a"] = [1]
        table["a"].append(2)
        assert table["a"] == [1]
        changed = table["a"]
        changed.append(3)
        table["a"] = changed
        changed.append(4)
        assert table["a"] == [1, 3]

    worker.do(event, work)


async def test_whoever_has_looked_at_a_whole_table_is_overtaken_by_any_write(worker: TableWorker) -> None:
    table = table_of(worker, default=int)
    looks = {"len": lambda: len(table), "items": lambda: list(table.items()), "keys": lambda: list(table)}
    for name, look in looks.items():
        slow, quick = await worker.begin(), await worker.begin()
        worker.do(slow, look)
        worker.do(quick, partial(table.update, {name: 1}))
        assert worker.end(quick)
        assert not worker.end(slow), name
        assert worker.end(*worker.delivered())


async def test_of_a_key_one_record_goes_to_the_changelog_in_each_transaction(worker: TableWorker) -> None:
    table = table_of(worker, default=int)
    for _ in range(5):
        event = await worker.begin()
        worker.do(event, lambda: table.update(a=table["a"] + 1))
        assert worker.end(event)
    worker.commit()
    assert worker.changelog == [("tables-counts-changelog", 0, b'"a"', b"5")]


async def test_the_changelog_ends_with_what_ended_last(worker: TableWorker) -> None:
    """1 ends before 0, which reads what 1 wrote: the last record is that of the lower offset."""
    table = table_of(worker, default=int)
    zero, one = await worker.begin(), await worker.begin()
    worker.do(one, lambda: table.update(a=10))
    assert worker.end(one)
    worker.do(zero, lambda: table.update(a=table["a"] + 1))
    assert worker.end(zero)
    assert worker.commit(records=1) == [0, 1], "a reader comes with whom it has read, however small a transaction is"
    assert worker.records("counts") == [(b'"a"', b"11")]


async def test_types_and_serializers_are_fausts(worker: TableWorker) -> None:
    accounts = worker.app.Table("accounts", key_type=int, value_type=Account)
    raw = worker.app.Table("raw", key_type=bytes, value_type=bytes)
    tuples = worker.app.Table("tuples")
    worker.assign()
    event = await worker.begin()

    def work() -> None:
        accounts[7] = Account(owner="ann", money=5)
        assert accounts[7] == Account(owner="ann", money=5)
        assert list(accounts) == [7]
        raw[b"\xff"] = b"\x00"
        assert dict(raw.items()) == {b"\xff": b"\x00"}
        tuples["a", 1] = {"x": [1, 2.5, "y", None, True]}
        assert list(tuples.items()) == [(("a", 1), {"x": [1, 2.5, "y", None, True]})]

    worker.do(event, work)
    assert worker.end(event)
    worker.commit()
    assert worker.records("raw") == [(b"\xff", b"\x00")]
    [(key, value)] = worker.records("accounts")
    assert (key, accounts.changelog_topic.schema.loads_value(worker.app, _Message(value)).owner) == (b"7", "ann")


class _Message:
    def __init__(self, value: bytes | None) -> None:
        self.value = value


@pytest.mark.parametrize("number", [0, 1, -1, 10, 2**70, True, 1.5, "01", "x", ""])
async def test_scalars_come_back_as_they_were(worker: TableWorker, number: Any) -> None:
    table = table_of(worker)
    event = await worker.begin()
    worker.do(event, lambda: table.update({number: number}))
    assert worker.do(event, lambda: (table[number], type(table[number]))) == (number, type(number))


async def test_what_the_changelog_held_is_there_from_the_start(worker: TableWorker) -> None:
    store = MemoryStore()
    store.apply([(b'"a"', b"41")])
    table = worker.app.Table("counts", default=int)
    worker.assign(stores={"counts": store})
    assert table["a"] == 41
    event = await worker.begin()
    worker.do(event, lambda: table.update(a=table["a"] + 1))
    assert worker.end(event)
    worker.commit()
    assert store.get(b'"a"') == b"42"


async def test_outside_events_all_partitions_are_seen_and_nothing_is_written(worker: TableWorker) -> None:
    table = worker.app.Table("counts", default=int)
    for tp in (SOURCE, TP("in", 1)):
        worker.assign(tp)
        event = await worker.begin(tp)
        worker.do(event, partial(table.update, {f"of {tp.partition}": 1}))
        assert worker.end(event)
    worker.commit()
    assert dict(table.items()) == {"of 0": 1, "of 1": 1}
    assert len(table) == 2
    with pytest.raises(OutsideEvent, match="'counts' is only written while an agent works on an event"):
        table["a"] = 1
    with pytest.raises(TypeError):  # which Faust raises
        table.clear()


async def test_who_goes_through_a_table_outside_events_may_wait_while_partitions_come_and_go(
    worker: TableWorker,
) -> None:
    """A web view that answers key by key: what it goes through is the table as it was when it began."""
    table = table_of(worker, default=int)
    one, two, three = (TP("in", number) for number in (1, 2, 3))
    for tp in (one, two):
        store = MemoryStore()
        store.apply([(b'"of-%d"' % tp.partition, b"%d" % tp.partition)])
        worker.assign(tp, {"counts": store})
    seen = {}
    for key, value in table.items():
        seen[key] = value
        if len(seen) == 1:
            worker.lose(two)
            worker.assign(three)
        await asyncio.sleep(0)
    assert seen == {"of-1": 1, "of-2": 2}
    assert dict(table.items()) == {"of-1": 1}


async def test_nothing_is_written_where_a_refused_outcome_is_replaced(worker: TableWorker) -> None:
    table = table_of(worker, default=int)
    event = await worker.begin()

    def work() -> None:
        replacing.set(True)
        assert table["a"] == 0
        with pytest.raises(OutsideEvent, match="not by on_refused"):
            table["a"] = 1

    worker.do(event, work)


async def test_a_write_after_the_ack_is_refused(worker: TableWorker) -> None:
    table = table_of(worker, default=int)
    event = await worker.begin()
    worker.do(event, lambda: table.update(a=1))
    assert worker.end(event)
    assert worker.do(event, lambda: table["a"]) == 1
    with pytest.raises(SentAfterAck, match=r"A write to the table 'counts' came after its event \(in\[0\]@0\)"):
        worker.do(event, lambda: table.update(a=2))


async def test_events_of_a_second_topic_are_refused(worker: TableWorker) -> None:
    table = table_of(worker, default=int)
    other = TP("other", 0)
    worker.assign(other)
    worker.do(await worker.begin(), lambda: table["a"])
    event = await worker.begin(other)
    with pytest.raises(Unsupported, match="used by events of 'in' and of 'other'"):
        worker.do(event, lambda: table["a"])


async def test_events_of_a_partition_without_state_are_refused(worker: TableWorker) -> None:
    worker.assign()
    table = worker.app.Table("counts", default=int)
    event = await worker.begin()
    with pytest.raises(Unsupported, match="both must have as many"):
        worker.do(event, lambda: table["a"])


async def test_a_batch_of_several_partitions_is_refused(worker: TableWorker) -> None:
    table = worker.app.Table("counts", default=int)
    events = []
    for tp in (SOURCE, TP("in", 1)):
        worker.assign(tp)
        events.append(await worker.begin(tp))
    worker.consumer.desk.join(events)
    with pytest.raises(Unsupported, match="isolated_partitions=True"):
        worker.do(events[1], lambda: table["a"])


async def test_keys_that_are_bytes_come_back_as_such(worker: TableWorker) -> None:
    """As the keys of a raw topic are; a table of no key type has them in JSON."""
    table = table_of(worker, default=int)
    event = await worker.begin()
    worker.do(event, lambda: table.update({b"ann": 1, "bob": 2}))
    assert worker.end(event)
    worker.commit()
    assert dict(table.items()) == {b"ann": 1, "bob": 2}


async def test_bytes_that_could_not_be_read_back_are_not_written(worker: TableWorker) -> None:
    table = table_of(worker)
    event = await worker.begin()
    with pytest.raises(TypeError, match="value_type=bytes"):
        worker.do(event, lambda: table.update(a=b"not JSON"))
    worker.do(event, lambda: table.update(a=b"[1]"))
    assert worker.end(event)
    worker.commit()
    assert table["a"] == [1]


async def test_a_batch_reads_and_writes_as_one(worker: TableWorker) -> None:
    table = table_of(worker, default=int)
    batch = [await worker.begin() for _ in range(3)]
    worker.do(batch[-1], lambda: table.update(a=1))
    worker.consumer.desk.join(batch)
    for _ in batch:
        worker.do(batch[-1], lambda: table.update(a=table["a"] + 1))
    assert worker.end(*batch)
    worker.commit()
    assert table["a"] == 4


async def test_one_that_raises_on_what_it_should_not_have_seen_is_done_again(worker: TableWorker) -> None:
    """Whatever on_raise says, which is to stop the worker."""
    table = table_of(worker, default=int)
    slow, quick = await worker.begin(), await worker.begin()
    worker.do(slow, lambda: table["a"])
    worker.do(quick, lambda: table.update(a=1))
    worker.end(quick)
    worker.consumer.desk.fail(slow, AssertionError("the sum is wrong"))
    assert worker.end(*worker.delivered())
    assert worker.commit() == [0, 1]


async def test_an_event_that_is_overtaken_three_times_is_let_through(worker: TableWorker) -> None:
    table = table_of(worker, default=int)
    slow = await worker.begin()
    for _ in range(3):
        worker.do(slow, lambda: table["a"])
        quick = await worker.begin()
        worker.do(quick, lambda: table.update(a=table["a"] + 1))
        assert worker.end(quick)
        assert not worker.end(slow)
        [slow] = worker.delivered()
    seen = worker.do(slow, lambda: table["a"])
    late = await worker.begin()
    worker.do(late, lambda: table.update(a=table["a"] + 1))
    assert not worker.end(late), "it would overtake the one that is let through"
    assert worker.delivered() == []
    worker.do(slow, lambda: table.update(a=seen + 1))
    assert worker.end(slow)
    [late] = worker.delivered()
    worker.do(late, lambda: table.update(a=table["a"] + 1))
    assert worker.end(late)
    worker.commit()
    assert table["a"] == 5
    assert worker.ledger.overtaken == 4
