"""The page of progress: who may ask, who answers, what is passed on, and what the log says of it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import ClientSession, web
from structlog.testing import capture_logs

from streamproc.client.progress import forget_progress_async, read_progress, read_progress_async
from streamproc.contracts.progress_json import from_json, to_json
from streamproc.contracts.upkeep.examples import PROGRESS
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.group import Member
from streamproc.web import progress
from streamproc.web.progress import KNOWN_S, PATH, RETRY_AFTER_S, Held, ProgressPage

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
    #: What happens when it is told to forget somebody; and whether it can.
    forgets: Callable[[], Any] = lambda: None
    can_forget: bool = True
    #: What happens while it is looked into.
    looking: Callable[[], Any] = lambda: None

    def find(self, tenant: str, learner: str) -> Any:
        self.looked += 1
        self.looking()
        return PROGRESS if self.knows and (tenant, learner) == (TENANT, LEARNER) else None

    def members(self) -> list[Member]:
        self.described += 1
        if self.refusal is not None:
            raise self.refusal
        return self.group

    def forget(self, *_: str) -> bool:
        asyncio.get_running_loop().call_soon(self.forgets)
        return self.can_forget

    def page(self, token: str) -> ProgressPage:
        held = lambda: Held(self.partitions, 2)  # noqa: E731
        return ProgressPage(token, self.id, self.find, self.forget, held, self.members, lambda: self.now)


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
    assert workers[0].looked == 0


async def test_another_passes_the_question_on() -> None:
    other, home = workers = two()
    async with serving(*workers):
        assert await ask(other) == PROGRESS
    assert home.looked == 1


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


async def test_what_the_group_has_given_to_another_is_not_told_by_who_does_not_know_that_yet() -> None:
    """Frozen for longer than its session, say: what it has is what was."""
    _, home = workers = two()
    async with serving(*workers):
        a, b = home.group
        home.group = [replace(a, partitions=(0, 1)), replace(b, partitions=())]
        with pytest.raises(ConnectionError, match=r"503.*ask again"):
            await ask(home)
        home.group, home.now = [a, b], home.now + KNOWN_S + 0.1
        assert await ask(home) == PROGRESS


async def test_nor_is_what_lies_in_a_partition_that_comes_or_goes_meanwhile() -> None:
    _, home = workers = two()
    async with serving(*workers):
        home.looking = lambda: setattr(home, "partitions", frozenset())
        with pytest.raises(ConnectionError, match=r"503.*ask again"):
            await ask(home)


async def test_who_has_got_a_partition_a_moment_ago_asks_the_group_again_and_answers() -> None:
    _, home = workers = two()
    async with serving(*workers):
        a, b = home.group
        home.group = [replace(a, partitions=(0, 1)), replace(b, partitions=())]
        with pytest.raises(ConnectionError, match=r"503.*ask again"):
            await ask(home)
        home.group = [a, b]
        assert await ask(home) == PROGRESS


async def test_who_is_told_to_ask_again_is_told_when() -> None:
    other, _ = two()
    async with serving(other), ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session:
        other.group = [*other.group, Member("127.0.0.1", (HOME,), "b", "127.0.0.1:1")]
        body = {"tenant_id": TENANT, "learner_id": LEARNER}
        async with session.post(f"http://{other.pages}{PATH}", json=body) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, str(RETRY_AFTER_S))


async def forget(worker: Worker, token: str = TOKEN) -> bool:
    return await forget_progress_async(f"http://{worker.pages}", token, tenant_id=TENANT, learner_id=LEARNER)


@pytest.mark.parametrize("asked", [0, 1])
async def test_a_learner_is_forgotten_by_the_worker_that_has_it_whichever_is_asked(asked: int) -> None:
    _, home = workers = two()
    home.forgets = lambda: setattr(home, "knows", False)
    async with serving(*workers):
        with capture_logs() as lines:
            assert await forget(workers[asked])
            assert not await forget(workers[asked]), "there is none any more"
    told = [line for line in lines if line["event"] == "a learner's progress is to be forgotten"]
    assert {line["http_status"] for line in told} == {200, 404}
    assert len({line["learner"] for line in told}) == 1
    assert LEARNER not in str(lines)


@pytest.mark.parametrize("why", ["it cannot", "it is never committed", "the partition goes"])
async def test_it_is_not_said_to_be_forgotten_before_that_is_sure(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FORGOTTEN_S", 0.2)
    _, home = workers = two()

    def goes() -> None:
        home.knows, home.partitions = False, frozenset()

    home.can_forget = why != "it cannot"
    home.forgets = goes if why == "the partition goes" else lambda: None
    async with serving(*workers):
        with pytest.raises(ConnectionError, match=r"503.*ask again"):
            await forget(home)


async def test_nobody_is_forgotten_without_the_token() -> None:
    _, home = workers = two()
    async with serving(*workers):
        with pytest.raises(PermissionError, match="STREAMPROC_PROGRESS__TOKEN"):
            await forget(home, "0123456789abcdeg")
    assert home.looked == 0


async def test_the_group_is_asked_for_at_most_every_second() -> None:
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


@pytest.mark.parametrize("address", ["worker-1:6066", "nonsense", "http://worker-1:99999"])
async def test_an_address_that_is_none_is_told_from_a_worker_that_is_away(address: str) -> None:
    with pytest.raises(ValueError, match="worker_url: is no address such as http://worker-1:6066"):
        await read_progress_async(address, TOKEN, tenant_id=TENANT, learner_id=LEARNER)
