"""The page of progress: who may ask, who answers, what is passed on, and what the log says of it."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import ClientSession, web
from structlog.testing import capture_logs

from streamproc.client.progress import read_progress, read_progress_async
from streamproc.contracts.progress_json import from_json, to_json
from streamproc.contracts.upkeep.examples import PROGRESS
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.group import Member
from streamproc.web.progress import KNOWN_S, PATH, Held, ProgressPage

TOKEN = "0123456789abcdef"
TENANT, LEARNER = PROGRESS.tenant_id, PROGRESS.learner_id
HOME = zlib.crc32(LEARNER.encode()) % 2


@dataclass
class Worker:
    """A worker's page on a port of its own, and what it has been asked."""

    id: str
    partitions: frozenset[int]
    knows: bool = False
    group: list[Member] = field(default_factory=list)
    looked: int = 0
    described: int = 0
    now: float = 0.0
    refusal: StreamprocError | None = None
    pages: str = ""

    def find(self, tenant: str, learner: str) -> Any:
        self.looked += 1
        return PROGRESS if self.knows and (tenant, learner) == (TENANT, LEARNER) else None

    def members(self) -> list[Member]:
        self.described += 1
        if self.refusal is not None:
            raise self.refusal
        return self.group

    def page(self, token: str) -> ProgressPage:
        return ProgressPage(token, self.id, self.find, lambda: Held(self.partitions, 2), self.members, lambda: self.now)


@asynccontextmanager
async def serving(*workers: Worker, token: str = TOKEN) -> AsyncIterator[None]:
    """They are one group, and each knows it."""
    runners = []
    for worker in workers:
        app = web.Application()
        worker.page(token).add_to(app)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        worker.pages = f"127.0.0.1:{runner.addresses[0][1]}"
        runners.append(runner)
    for worker in workers:
        worker.group = [Member("127.0.0.1", tuple(sorted(one.partitions)), one.id, one.pages) for one in workers]
    try:
        yield
    finally:
        for runner in runners:
            await runner.cleanup()


async def ask(worker: Worker, token: str = TOKEN, tenant: str = TENANT, learner: str = LEARNER) -> Any:
    return await read_progress_async(f"http://{worker.pages}/", token, tenant_id=tenant, learner_id=learner)


def two(*, knows: str = "b") -> tuple[Worker, Worker]:
    """``b`` has the learner's partition."""
    return Worker("a", frozenset({1 - HOME}), knows == "a"), Worker("b", frozenset({HOME}), knows == "b")


async def test_who_has_the_learner_answers_and_asks_nobody() -> None:
    _, home = workers = two()
    async with serving(*workers):
        assert await ask(home) == PROGRESS
    assert (home.described, workers[0].looked) == (0, 0)


async def test_another_passes_the_question_on() -> None:
    other, home = workers = two()
    async with serving(*workers):
        assert await ask(other) == PROGRESS
    assert (home.looked, home.described) == (1, 0)


async def test_under_another_partitioner_the_learner_is_found_as_well() -> None:
    _, home = workers = two(knows="a")
    async with serving(*workers):
        assert await ask(home) == PROGRESS


async def test_that_there_is_no_such_learner_is_said_where_every_partition_was_looked_into() -> None:
    other, home = workers = two(knows="")
    async with serving(*workers):
        assert await ask(other) is None
        home.partitions = frozenset()  # it moves
        with pytest.raises(ConnectionError, match=r"503.*ask again"):
            await ask(other)


async def test_a_worker_that_does_not_answer_is_no_proof() -> None:
    other, home = two()
    async with serving(home):
        pass
    async with serving(other):
        other.group = [Member("127.0.0.1", (HOME,), "b", home.pages)]
        with capture_logs() as lines, pytest.raises(ConnectionError, match="503"):
            await ask(other)
    assert [line["worker"] for line in lines if "does not tell" in line["event"]] == [home.pages]


async def test_a_question_is_passed_on_once() -> None:
    """Else two that know of no learner would ask each other for ever."""
    other, home = workers = two(knows="")
    async with serving(*workers):
        await ask(other)
    assert (other.looked, home.looked) == (1, 1)


async def test_the_group_is_asked_for_at_most_every_two_seconds() -> None:
    other, _ = workers = two()
    async with serving(*workers):
        for _ in range(3):
            await ask(other)
        assert other.described == 1
        other.now += KNOWN_S + 0.1
        await ask(other)
        assert other.described == 2
        other.now += KNOWN_S + 0.1
        other.refusal = StreamprocError(ErrorCode.KAFKA_UNAVAILABLE)
        with pytest.raises(ConnectionError, match="503: KAFKA_UNAVAILABLE"):
            await ask(other)


async def test_without_the_token_nothing_is_looked_up() -> None:
    _, home = workers = two()
    async with serving(*workers):
        for wrong in ("0123456789abcdeg", "é"):
            with pytest.raises(PermissionError, match="STREAMPROC_PROGRESS__TOKEN"):
                await ask(home, wrong)
        async with ClientSession() as session, session.post(f"http://{home.pages}{PATH}", json={}) as response:
            assert response.status == 401
    assert home.looked == 0


async def test_where_no_token_is_set_nobody_may_ask() -> None:
    _, home = workers = two()
    async with serving(*workers, token=""):
        with pytest.raises(PermissionError, match="no token is set"):
            await ask(home, "anything")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"tenant_id": 1, "learner_id": "x"}', b"x" * 5000, b'{"a"'])
async def test_nonsense_is_refused(body: bytes) -> None:
    _, home = workers = two()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        serving(*workers),
        ClientSession(headers=headers) as session,
        session.post(f"http://{home.pages}{PATH}", data=body) as response,
    ):
        assert response.status == 400


async def test_each_question_is_logged_without_the_learner_and_a_learner_always_has_the_same_name() -> None:
    other, home = workers = two()
    async with serving(*workers):
        with capture_logs() as lines:
            await ask(home)
            await ask(other)
            await ask(home, learner="another")
            with pytest.raises(PermissionError):
                await ask(home, "wrong")
    told = [line for line in lines if line["event"] == "progress is asked for"]
    names = [line["learner"] for line in told]
    assert len(told) == 5  # one was passed on to the other, which has it; the third to both
    assert names[0] == names[1] == names[2] != names[3]
    assert {line["forwarded"] for line in told} == {True, False}
    assert LEARNER not in str(lines)
    assert [line["http_status"] for line in lines if line["event"] == "progress is refused"] == [401]


def test_progress_comes_back_from_json_as_it_was() -> None:
    assert from_json(to_json(PROGRESS)) == PROGRESS
    bare = replace(PROGRESS, readings=(), words_to_practise=(), accuracy=None)
    assert from_json(to_json(bare)) == bare
    with pytest.raises(ValueError, match="no progress that this release reads"):
        from_json({"revision": 1})


async def test_what_blocks_is_refused_in_asynchronous_code() -> None:
    with pytest.raises(RuntimeError, match="read_progress_async"):
        read_progress("http://127.0.0.1:1", TOKEN, tenant_id=TENANT, learner_id=LEARNER)
