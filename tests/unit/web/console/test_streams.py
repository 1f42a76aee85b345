"""Server-sent events of the operator's page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from streamproc.web.console.streams import MOST_STREAMS, Streams


class Painted:
    """Counts how often the picture is made."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> dict[str, int]:
        self.count += 1
        return {"count": self.count}


@pytest.fixture
async def served() -> AsyncIterator[tuple[Streams, Painted, str, ClientSession]]:
    """Streams behind a real server, pictures every hundredth of a second."""
    painted = Painted()
    streams = Streams(painted, every=0.01)
    app = web.Application()
    app.router.add_get("/", streams.serve)
    async with TestServer(app) as server, ClientSession() as session:
        yield streams, painted, str(server.make_url("/")), session
        streams.close()


async def event_of(answer: object) -> dict[str, int]:
    line = await answer.content.readuntil(b"\n\n")  # type: ignore[attr-defined]
    assert line.startswith(b"data: ")
    return dict(json.loads(line[6:]))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


Served = tuple[Streams, Painted, str, ClientSession]


async def test_whoever_looks_on_sees_one_picture_after_the_other(served: Served) -> None:
    streams, _, url, session = served
    async with session.get(url) as answer:
        assert answer.content_type == "text/event-stream"
        counts = [(await event_of(answer))["count"] for _ in range(3)]
        assert counts == sorted(set(counts))
        assert streams.count == 1


async def test_a_picture_is_made_once_for_all(served: Served) -> None:
    streams, painted, url, session = served
    answers = [await session.get(url) for _ in range(20)]
    for answer in answers:
        await event_of(answer)
    before = painted.count
    for answer in answers:
        for _ in range(3):
            await event_of(answer)
    assert painted.count - before < 20, "as many as there were moments, not lookers-on"
    assert streams.count == 20
    for answer in answers:
        answer.close()


async def test_nothing_is_painted_while_nobody_looks(served: Served) -> None:
    streams, painted, url, session = served
    answer = await session.get(url)
    await event_of(answer)
    answer.close()
    await until(lambda: not streams.count)
    await until(lambda: streams._painter is None or streams._painter.done())
    count = painted.count
    await asyncio.sleep(0.05)
    assert painted.count == count


async def test_a_worker_that_stops_waits_for_no_stream(served: Served) -> None:
    streams, _, url, session = served
    async with session.get(url) as answer:
        await event_of(answer)
        streams.close()
        await answer.content.read()
        assert streams.count == 0


async def test_there_is_an_end_to_how_many(served: Served) -> None:
    streams, _, _, _ = served
    assert not streams.full
    streams.count = MOST_STREAMS
    assert streams.full
    streams.count = 0
