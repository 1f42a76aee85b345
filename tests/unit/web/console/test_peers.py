"""The other workers of a group are asked what they say of themselves, and whatever they answer, the page goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from streamproc.kafka.group import Member
from streamproc.web.console import peers as module
from streamproc.web.console.figures import EngineFigures, WorkerFigures
from streamproc.web.console.peers import PATH, Peers
from streamproc.web.console.verdict import Mood

OWN, OTHER = "aaaaaaaa", "bbbbbbbb"
FIGURES = WorkerFigures(
    id=OTHER,
    version="0.1.0",
    mood=Mood.GOOD,
    state="scoring",
    in_flight=3,
    most_in_flight=64,
    outcomes=7,
    transactions={"committed": 5},
    aborted={},
    rebalances={},
    partitions=(),
    engine=EngineFigures(name="triton", model="phonemes/2", sha256="ab", fallback=False),
    endpoints=(),
)
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def worker(answer: Answer) -> AsyncIterator[Member]:
    """Stands in for another worker's pages."""
    app = web.Application()
    app.router.add_get(PATH, answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield Member("127.0.0.1", (1,), OTHER, f"127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()


def says(text: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type="application/json")

    return answer


async def redirects(_: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("http://127.0.0.1:9/")


async def never(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.fixture
async def peers() -> AsyncIterator[Peers]:
    asked = Peers(OWN, lambda: 1_000.0)
    yield asked
    await asked.close()


async def test_what_one_says_is_kept_with_the_time(peers: Peers) -> None:
    newer = FIGURES.model_dump_json().replace("{", '{"of a newer release": [1], ', 1)
    async with worker(says(newer)) as member:
        await peers.ask([member, Member("127.0.0.1", (0,), OWN, "127.0.0.1:9")])
    assert list(peers.looks) == [OTHER]
    look = peers.looks[OTHER]
    assert (look.at, look.said, look.problem) == (1_000.0, FIGURES, "")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (says("[]"), "tells nothing that this release understands"),
        (says("no JSON"), "tells nothing that this release understands"),
        (says(FIGURES.model_dump_json() + " " * 300_000), "tells nothing that this release understands"),
        (says(FIGURES.model_copy(update={"id": OWN}).model_dump_json()), "another worker answers at its address"),
        (redirects, "tells nothing that this release understands"),
        (never, "does not answer"),
    ],
)
async def test_what_is_no_answer_is_told_beside_what_was_said_before(
    peers: Peers, monkeypatch: pytest.MonkeyPatch, answer: Answer, problem: str
) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", 0.2 if answer is never else 30.0)
    async with worker(answer) as member:
        peers.looks = {OTHER: module.PeerLook(900.0, FIGURES)}
        await peers.ask([member])
    look = peers.looks[OTHER]
    assert (look.at, look.said, look.problem) == (900.0, FIGURES, problem)


async def test_who_has_gone_is_forgotten(peers: Peers) -> None:
    async with worker(says(FIGURES.model_dump_json())) as member:
        await peers.ask([member])
    await peers.ask([member])
    assert peers.looks[OTHER].problem == "does not answer"
    await peers.ask([])
    assert peers.looks == {}
