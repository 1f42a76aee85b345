"""What agents' code tells of the tables that they use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import faust
import pytest

from streamproc.transport import each
from streamproc.transport.surface.tables.usage import Usage


class Shop:
    """An app's own object with a table."""

    def __init__(self, table: Any) -> None:
        self.table = table
        self.other: Any = None

    async def handle(self, event: Any) -> None:
        """One event."""
        self._count(event)

    def _count(self, event: Any) -> None:
        self.table[event.key] += 1


def new_app() -> Any:
    app = faust.App("usage", broker="rdkafka://127.0.0.1:1", topic_disable_leader=True)
    app.Table("counts", default=int)
    app.Table("others", default=int)
    return app


def directly(app: Any) -> Callable[[Any], Awaitable[None]]:
    counts = app.tables["counts"]

    async def agent(stream: Any) -> None:
        async for key in stream:
            counts[key] += 1

    return agent


def by_a_helper(app: Any) -> Callable[[Any], Awaitable[None]]:
    counts = app.tables["counts"]

    def count(key: str) -> None:
        counts[key] += 1

    async def handle(event: Any) -> None:
        count(event.key)

    async def agent(stream: Any) -> None:
        await each(stream, handle, concurrency=8)

    return agent


def by_a_method(app: Any) -> Callable[[Any], Awaitable[None]]:
    shop = Shop(app.tables["counts"])

    async def agent(stream: Any) -> None:
        await each(stream, shop.handle, concurrency=8)

    return agent


def by_a_partial(app: Any) -> Callable[[Any], Awaitable[None]]:
    async def handle(table: Any, event: Any) -> None:
        table[event.key] += 1

    handler = partial(handle, app.tables["counts"])

    async def agent(stream: Any) -> None:
        await each(stream, handler, concurrency=8)

    return agent


def by_name(app: Any) -> Callable[[Any], Awaitable[None]]:
    async def agent(stream: Any) -> None:
        async for key in stream:
            app.tables["counts"][key] += 1

    return agent


def in_a_comprehension(app: Any) -> Callable[[Any], Awaitable[None]]:
    counts = app.tables["counts"]

    async def agent(stream: Any) -> None:
        async for keys in stream:
            print([counts[key] for key in keys])

    return agent


def by_what_wraps_it(app: Any) -> Callable[[Any], Awaitable[None]]:
    counts = app.tables["counts"].tumbling(10)

    async def agent(stream: Any) -> None:
        async for key in stream:
            counts[key] += 1

    return agent


def among_others(app: Any) -> Callable[[Any], Awaitable[None]]:
    tables = {"counts": [app.tables["counts"]]}

    async def agent(stream: Any) -> None:
        async for key in stream:
            tables["counts"][0][key] += 1

    return agent


WAYS = [directly, by_a_helper, by_a_method, by_a_partial, by_name, in_a_comprehension, by_what_wraps_it, among_others]


@pytest.mark.parametrize("make", WAYS)
def test_a_table_is_found_where_it_is_named(make: Callable[[Any], Callable[[Any], Awaitable[None]]]) -> None:
    app = new_app()
    app.agent(app.topic("in"))(make(app))
    usage = Usage(app)
    assert usage.certain == usage.possible == {"counts": {"in"}}


def test_a_table_of_other_agents_is_not_that_of_this_one() -> None:
    """What is only sent to another agent is its business."""
    app = new_app()
    counting = app.agent(app.topic("in"))(directly(app))

    async def front(stream: Any) -> None:
        async for key in stream:
            await counting.send(value=key)

    app.agent(app.topic("front"))(front)
    usage = Usage(app)
    assert usage.certain == {"counts": {"in"}}
    assert usage.may_be("counts", "in")
    assert not usage.may_be("counts", "front")
    assert usage.may_be("others", "front"), "nobody names it, so it could be used in ways that no code shows"


def test_of_an_agent_that_regroups_its_stream_nobody_knows_which_events_use_the_table() -> None:
    app = new_app()
    counts = app.tables["counts"]

    async def regroup(stream: Any) -> None:
        async for value in stream.group_by(lambda value: value, name="words"):
            counts[value] += 1

    app.agent(app.topic("in"))(regroup)
    usage = Usage(app)
    assert usage.certain == {}
    assert usage.may_be("counts", "in")
    assert usage.may_be("counts", "usage-regroup-words-repartition")
    assert usage.passing_on == {"counts": {"in"}}
    assert usage.may_be_passed_on("counts", "usage-regroup-words-repartition")
    assert not usage.may_be_passed_on("counts", "in")
    assert not usage.may_be_passed_on("others", "usage-regroup-words-repartition")


def test_code_that_names_itself_and_others_in_a_circle_is_looked_at_once() -> None:
    app = new_app()
    shop = Shop(app.tables["counts"])
    shop.other = shop

    async def agent(stream: Any) -> None:
        async for event in stream:
            await shop.other.handle(event)
            await agent(stream)

    app.agent(app.topic("in"))(agent)
    assert Usage(app).certain == {"counts": {"in"}}
