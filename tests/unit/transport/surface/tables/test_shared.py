"""A table of several topics: one state, where one worker has their partitions; else refused."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any
from unittest.mock import Mock

import faust
import pytest
from faust.types import TP
from support.table_worker import SOURCE, TableWorker

from streamproc.transport import TransportSettings, Unsupported
from streamproc.transport.flight.sendable import Outcome
from streamproc.transport.surface.delivery import Delivery
from streamproc.transport.surface.tables.sources import Sources
from streamproc.transport.surface.tables.stores import open_store

OTHER = TP("other", 0)


@pytest.fixture
async def worker() -> TableWorker:
    worker = TableWorker(assignment="range")
    worker.app.Table("users", default=str)
    worker.assign(OTHER, sibling=worker.assign(SOURCE))
    return worker


async def test_what_one_topics_events_write_the_others_read(worker: TableWorker) -> None:
    """Finished, and not committed yet; and both are committed together."""
    users = worker.app.tables["users"]
    writer, reader = await worker.begin(SOURCE), await worker.begin(OTHER)
    worker.do(writer, lambda: users.update(ann="Ann"))
    assert worker.end(writer)
    assert worker.do(reader, lambda: users["ann"]) == "Ann"
    assert worker.end(reader)
    batch = worker.form(records=1)
    assert batch is not None
    assert writer.entry in batch.accesses[0].entry.assignment.entries.values()
    worker.ledger.settle(batch)
    assert dict(users.items()) == {"ann": "Ann"}


async def test_a_reader_that_is_overtaken_by_the_other_topics_event_is_done_again(worker: TableWorker) -> None:
    users = worker.app.tables["users"]
    writer, reader = await worker.begin(SOURCE), await worker.begin(OTHER)
    assert worker.do(reader, lambda: users["ann"]) == ""
    worker.do(writer, lambda: users.update(ann="Ann"))
    assert worker.end(writer)
    assert not worker.end(reader)
    [reader] = worker.delivered()
    assert worker.do(reader, lambda: users["ann"]) == "Ann"
    assert worker.end(reader)


async def test_a_reader_that_is_overtaken_three_times_is_let_through(worker: TableWorker) -> None:
    """The others that wait for it are of the other topic."""
    users = worker.app.tables["users"]
    reader = await worker.begin(OTHER)
    for number in range(3):
        worker.do(reader, lambda: users["ann"])
        writer = await worker.begin(SOURCE)
        worker.do(writer, partial(users.update, ann=str(number)))
        assert worker.end(writer)
        assert not worker.end(reader)
        [reader] = worker.delivered()
    worker.do(reader, lambda: users["ann"])
    late = await worker.begin(SOURCE)
    worker.do(late, lambda: users.update(ann="late"))
    assert not worker.end(late)
    assert worker.delivered() == []
    assert worker.end(reader)
    [late] = worker.delivered()
    worker.do(late, lambda: users.update(ann="late"))
    assert worker.end(late)


async def test_a_worker_that_has_only_one_of_the_partitions_stops(worker: TableWorker) -> None:
    """Another one changes the same state: all of the group must read all of the topics."""
    users = worker.app.tables["users"]
    alone = TP("in", 1)
    worker.assign(alone)
    worker.do(await worker.begin(OTHER), lambda: users["ann"])
    worker.do(await worker.begin(SOURCE), lambda: users["ann"])
    with pytest.raises(Unsupported, match="of partition 1 this worker has only that of 'in'"):
        worker.app.tables.check_neighbours([worker.assignments[alone]])
    event = await worker.begin(alone)
    with pytest.raises(Unsupported, match="of partition 1 this worker has only that of 'in'"):
        worker.do(event, lambda: users["ann"])


def sources(app: Any, counts: dict[str, int]) -> Sources:
    """With topics of so many partitions; changelogs that are missing are made."""

    def create(name: str, partitions: int, *_: Any, **__: Any) -> None:
        counts[name] = partitions

    topics = Mock(create=create, look_up=counts.get, partitions=counts.get, known=counts.get)
    app.transport.topics = topics
    return Sources(app, topics, lambda _: None, open_store, Mock())


def app_of(assignment: str, *agents: tuple[str, Sequence[str]]) -> Any:
    """``agents``: a topic that one reads, and the tables that it uses."""
    app: Any = faust.App("shared", broker="rdkafka://127.0.0.1:1", topic_disable_leader=True)
    app.transport.settings = TransportSettings(assignment=assignment)  # type: ignore[arg-type]
    for topic, names in agents:
        tables = [app.tables[name] if name in app.tables else app.Table(name, default=int) for name in names]

        def make(tables: Sequence[Any]) -> Any:
            async def agent(stream: Any) -> None:
                async for key in stream:
                    for table in tables:
                        table[key] += 1

            return agent

        app.agent(app.topic(topic), name=f"of_{topic}")(make(tables))
    return app


def test_agents_of_two_topics_that_use_one_table_are_refused_at_the_start() -> None:
    """Unless one worker has the partitions of both."""
    agents = (("users", ["users"]), ("orders", ["users"]))
    with pytest.raises(Unsupported, match=r"'users' is used by events of 'orders' and of 'users'.*assignment='range'"):
        sources(app_of("cooperative-sticky", *agents), {"users": 2, "orders": 2}).prepare()
    sources(app_of("range", *agents), {"users": 2, "orders": 2}).prepare()


def regrouping(app: Any, topic: str, table: str) -> Any:
    """An agent of a topic that looks up behind a ``group_by``."""
    users = app.tables[table]

    async def agent(stream: Any) -> None:
        async for key in stream.group_by(lambda value: value, name="user"):
            print(users[key])

    app.agent(app.topic(topic), name=f"of_{topic}")(agent)
    return app


def test_a_join_behind_a_group_by_is_refused_at_the_start_where_workers_could_not_carry_it() -> None:
    app = regrouping(app_of("cooperative-sticky", ("users", ["users"])), "orders", "users")
    with pytest.raises(Unsupported, match=r"'users' is used by events of 'orders' and of 'users'.*assignment='range'"):
        sources(app, {"users": 2, "orders": 2}).prepare()


def test_a_table_is_restored_for_the_topic_in_between_that_joins_it_behind_a_group_by() -> None:
    app = regrouping(app_of("range", ("users", ["users"]), ("others", ["others"])), "orders", "users")
    middle = "of_orders-orders-user-repartition"
    found = sources(app, {"users": 2, "others": 2, "orders": 5, middle: 2, "elsewhere": 2})
    found.prepare()
    [changelog] = found.changelogs([TP("users", 1), TP(middle, 1)])
    assert changelog.tp == TP("shared-users-changelog", 1)
    assert [changelog.table for changelog in found.changelogs([TP(middle, 1)])] == ["users"]
    app.tables["users"].use(middle)
    assert [changelog.table for changelog in found.changelogs([TP(middle, 1)])] == ["users"]
    assert found.changelogs([TP("elsewhere", 1)]) == [], "the topic in between is known now"


def test_topics_that_are_not_partitioned_alike_are_refused_at_the_start() -> None:
    app = app_of("range", ("users", ["users"]), ("orders", ["users"]))
    found = sources(app, {"users": 2, "orders": 3, "shared-users-changelog": 2})
    with pytest.raises(Unsupported, match="used by events of 'orders', which has 3: both must have as many"):
        found.prepare()


def test_a_changelog_has_as_many_partitions_as_the_topic_whose_events_use_it() -> None:
    """Other topics may have others."""
    counts = {"users": 2, "orders": 5}
    sources(app_of("cooperative-sticky", ("users", ["users"]), ("orders", ["orders"])), counts).prepare()
    assert (counts["shared-users-changelog"], counts["shared-orders-changelog"]) == (2, 5)


def test_a_table_is_restored_once() -> None:
    """Not also for the partitions of a topic whose agents use another."""
    found = sources(app_of("cooperative-sticky", ("a", ["one"]), ("b", ["two"])), {"a": 2, "b": 2})
    found.prepare()
    assert [changelog.table for changelog in found.changelogs([TP("a", 1)])] == ["one"]
    assert [changelog.table for changelog in found.changelogs([TP("b", 1)])] == ["two"]
    assert len(found.all_changelogs()) == 4


def test_a_table_that_topics_share_is_restored_once_for_both() -> None:
    found = sources(app_of("range", ("a", ["one"]), ("b", ["one"])), {"a": 2, "b": 2})
    found.prepare()
    [changelog] = found.changelogs([TP("b", 1), TP("a", 1)])
    assert changelog.tp == TP("shared-one-changelog", 1)


def test_a_table_that_no_agents_code_names_is_restored_for_each_topic() -> None:
    app = app_of("cooperative-sticky", ("a", []), ("b", []))
    app.Table("hidden", default=int)
    found = sources(app, {"a": 2, "b": 2})
    found.prepare()
    assert [changelog.table for changelog in found.changelogs([TP("a", 1)])] == ["hidden"]
    assert [changelog.table for changelog in found.changelogs([TP("b", 1)])] == ["hidden"]


@pytest.mark.parametrize("first", [SOURCE, OTHER])
async def test_what_events_of_both_send_is_in_the_order_in_which_they_read_each_other(first: TP) -> None:
    """Whatever the order of the topics: what counts on goes out behind what it counts on from."""
    worker = TableWorker("key", assignment="range")
    counts = worker.app.Table("counts", default=int)
    worker.assign(OTHER, sibling=worker.assign(SOURCE))

    def count(delivery: Delivery) -> None:
        counts["ann"] += 1
        delivery.hold(Outcome("out", b"ann", b"%d" % counts["ann"], None, None, None))

    second = OTHER if first == SOURCE else SOURCE
    for tp in (first, second, second, first):
        delivery = await worker.begin(tp, key=b"ann")
        worker.do(delivery, partial(count, delivery))
        assert worker.end(delivery)
    worker.commit()
    assert [value for topic, _, value, _ in worker.sent if topic == "out"] == [b"1", b"2", b"3", b"4"]
