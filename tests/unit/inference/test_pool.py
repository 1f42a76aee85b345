"""The pool in simulated time, on pretend servers: who is sent where, what failures lead to, and what callers get.

Its servers answer, fail and hang as they are told; that a real Triton does so too, the integration tests show.
"""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Literal

import numpy as np
import pytest
from support.simulated_time import simulated

from streamproc.audio.decode import SAMPLE_RATE
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.answers import DoubtfulError
from streamproc.inference.endpoint import Ejected
from streamproc.inference.endpoints import Endpoints
from streamproc.inference.engine import Inference, ModelIdentity, Priority, Samples
from streamproc.inference.health import Checked
from streamproc.inference.limiter import Limiter
from streamproc.inference.pool import TritonPool
from streamproc.inference.resolve import Address, Resolver
from streamproc.inference.triton import Answer

TIMEOUT = 10.0
MOST = 60.0
POISON = -1.0
"""The first sample of a clip on which every model fails."""


def clip(seconds: float, mark: float = 1.0) -> Samples:
    samples = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    samples[:1] = mark
    return samples


class Server:
    """Answers each clip with its first sample, and the number of the model's version."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.model = ModelIdentity("m", "1", "f00")
        self.max_batch = 32
        self.takes = 0.1
        """Seconds for a request …"""
        self.a_second = 0.0
        """… and for each second of audio."""
        self.error: StreamprocError | None = None
        self.fails_on: set[float] = {POISON}
        """Clips that begin with one of these."""
        self.unsound = 0
        """So many of the next answers are of no use."""
        self.up = True
        self.hangs = False
        self.requests: list[list[float]] = []
        """The marks of the clips in each request."""
        self.priorities: list[Priority] = []
        self.given_up = 0
        self.working = 0
        self.seconds = self.most_seconds = 0.0
        """Of audio that it works on, padding included; and the most of it there ever was."""
        self.doubted = False

    async def open(self) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Nothing."""

    async def ready(self, within: float) -> bool:
        """Health."""
        if not self.up:
            raise StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, "refused")
        return True

    async def served_instead(self, within: float) -> str:
        """Not told."""
        return ""

    async def prove(self, within: float) -> ModelIdentity:
        """Health."""
        await self.ready(within)
        if self.error is not None:
            raise self.error
        return self.model

    async def load(self, within: float) -> None:
        """Not told."""

    async def look(self) -> None:
        """Nothing new."""

    async def infer(self, clips: Sequence[Samples], priority: Priority, within: float) -> Answer:
        """As it is told."""
        await self.ready(within)
        marks = [float(each[0]) if len(each) else 0.0 for each in clips]
        self.requests.append(marks)
        self.priorities.append(priority)
        seconds = max(map(len, clips)) * len(clips) / SAMPLE_RATE
        self.working += 1
        self.seconds += seconds
        self.most_seconds = max(self.most_seconds, self.seconds)
        model = self.model
        try:
            async with asyncio.timeout(within):
                while self.hangs:  # noqa: ASYNC110  a field, for tests to set
                    await asyncio.sleep(0.1)
                await asyncio.sleep(self.takes + self.a_second * seconds)
        except TimeoutError:
            raise StreamprocError(ErrorCode.INFERENCE_TIMEOUT, "too late") from None
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        finally:
            self.working -= 1
            self.seconds -= seconds
        await self.ready(within)
        if self.error is not None:
            raise self.error
        if self.unsound:
            self.unsound -= 1
            raise DoubtfulError(ErrorCode.INFERENCE_UNUSABLE, "no numbers")
        if self.fails_on.intersection(marks):
            raise DoubtfulError(ErrorCode.INFERENCE_UNUSABLE, "no numbers")
        return Answer([np.array([[mark, float(model.version)]], np.float32) for mark in marks], model)


class Pool(TritonPool):
    """With its servers at hand."""

    servers: list[Server]


@asynccontextmanager
async def started(count: int = 1, most: float = MOST, start: float | None = None) -> AsyncIterator[Pool]:
    servers = {f"s{number}:1": Server(f"s{number}:1") for number in range(count)}
    clock = asyncio.get_running_loop().time

    def limiter() -> Limiter:
        made = Limiter(clock, least=1, most=most, start=start or most)
        made.served(0.0, 0.0)  # its server tells, so that the limiter does not probe
        return made

    def connect(address: Address) -> Any:
        checked: Checked = servers[address.target]  # what health checks find missing goes to the log alone
        return checked

    endpoints: Endpoints[Any] = Endpoints(Resolver(list(servers)), connect, limiter, 30.0, clock)
    pool = Pool(endpoints, "m", "", TIMEOUT, Random(1))
    pool.servers = list(servers.values())
    try:
        await pool.start()
        yield pool
    finally:
        await pool.close()


def marks_of(inference: Inference) -> list[float]:
    return [float(logits[0, 0]) for logits in inference.logits]


async def code_of(call: Any) -> ErrorCode:
    with pytest.raises(StreamprocError) as caught:
        await call
    return caught.value.code


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@simulated
async def test_answers_are_put_together_in_order_whatever_the_lengths() -> None:
    async with started() as pool:
        answer = await pool.infer([clip(9, 1), clip(1, 2), clip(0), clip(8.5, 3), clip(1.1, 4), clip(0.01, 5)])
        assert marks_of(answer) == [1, 2, 0, 3, 4, 5]
        assert (answer.engine, answer.model) == ("triton", ModelIdentity("m", "1", "f00"))
        assert len(pool.servers[0].requests) == 3
        assert (await pool.infer([])).logits == []


@simulated
async def test_what_comes_while_all_are_busy_goes_together_and_each_gets_its_own() -> None:
    async with started(most=20) as pool:
        pool.servers[0].takes = 1
        marks = range(1, 33)
        answers = await asyncio.gather(*(pool.infer([clip(2, mark)]) for mark in marks))
        assert [marks_of(answer) for answer in answers] == [[mark] for mark in marks]
        assert len(pool.servers[0].requests) <= 8
        assert all(answer.worked > 0 for answer in answers)


@simulated
async def test_a_batch_that_would_be_too_much_waits_whole() -> None:
    """Its head alone would find room; sent by itself it would leave batches that become smaller and smaller."""
    async with started(most=20) as pool:
        pool.servers[0].takes = 1
        first = asyncio.create_task(pool.infer([clip(12)]))
        await settled()
        await asyncio.gather(first, *(pool.infer([clip(2)]) for _ in range(5)))
        assert [len(request) for request in pool.servers[0].requests] == [1, 5]
        assert pool.servers[0].most_seconds <= 20


@simulated
async def test_live_goes_before_replay() -> None:
    async with started(most=8) as pool:
        replays = [asyncio.create_task(pool.infer([clip(4)], Priority.REPLAY)) for _ in range(20)]
        await settled()
        live = asyncio.create_task(pool.infer([clip(4)]))
        await asyncio.gather(live, *replays)
        order = pool.servers[0].priorities
        assert order.index(Priority.LIVE) <= 2
        assert len(order) == 21


@simulated
async def test_a_large_one_is_not_kept_waiting_by_small_ones_that_come_after_it() -> None:
    """A live one for which nothing is free yet, and replays that would always find room."""
    async with started(most=60) as pool:
        pool.servers[0].takes = 1
        async with asyncio.TaskGroup() as calls:
            calls.create_task(pool.infer([clip(20)], Priority.LIVE))
            await settled()
            calls.create_task(pool.infer([clip(55)], Priority.LIVE))
            for _ in range(300):
                calls.create_task(pool.infer([clip(1)], Priority.REPLAY))
                await asyncio.sleep(0.01)
        assert pool.servers[0].priorities == [Priority.LIVE] * 2 + [Priority.REPLAY] * 300


@simulated
async def test_an_endpoint_that_is_gone_is_left_for_another_at_once_and_nobody_notices() -> None:
    async with started(2) as pool:
        first, second = pool.servers
        first.takes = second.takes = 1
        calls = [asyncio.create_task(pool.infer([clip(3, mark)])) for mark in range(1, 13)]
        await asyncio.sleep(0.5)
        assert first.requests
        assert second.requests
        first.up = False
        answers = await asyncio.gather(*calls)
        assert [marks_of(answer) for answer in answers] == [[mark] for mark in range(1, 13)]
        assert max(answer.worked for answer in answers) < 4


@simulated
async def test_no_endpoint_is_asked_twice_for_the_same_and_then_the_call_fails() -> None:
    async with started(3) as pool:
        for server in pool.servers:
            server.error = StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, f"{server.address} fails")
        assert await code_of(pool.infer([clip(3)])) is ErrorCode.INFERENCE_UNAVAILABLE
        assert [len(server.requests) for server in pool.servers] == [1, 1, 1]


@simulated
async def test_where_no_endpoint_can_be_used_a_call_fails_at_once() -> None:
    async with started(2) as pool:
        for server in pool.servers:
            server.up = False
        await asyncio.sleep(5)
        began = asyncio.get_running_loop().time()
        assert await code_of(pool.infer([clip(3)])) is ErrorCode.INFERENCE_UNAVAILABLE
        assert asyncio.get_running_loop().time() == began
        assert pool.has_room
        for server in pool.servers:
            server.up = True
        await asyncio.sleep(20)
        assert marks_of(await pool.infer([clip(3)])) == [1]


@simulated
async def test_a_failover_gets_what_is_left_of_the_time_and_the_innocent_is_not_blamed() -> None:
    async with started(2) as pool:
        for server in pool.servers:
            server.takes = 9
        began = asyncio.get_running_loop().time()
        call = asyncio.create_task(pool.infer([clip(3)]))
        await settled()
        (guilty,) = (server for server in pool.servers if server.requests)
        guilty.error = StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, "it ends in the middle")
        assert await code_of(call) is ErrorCode.INFERENCE_TIMEOUT
        assert began + TIMEOUT - 0.5 < asyncio.get_running_loop().time() < began + TIMEOUT + 0.5
        assert all(len(server.requests) == 1 for server in pool.servers)
        (innocent,) = (endpoint for endpoint in pool.endpoints if endpoint.address != guilty.address)
        assert innocent.tally.failures == 0


@simulated
async def test_a_server_that_hangs_costs_a_call_its_time_and_no_more() -> None:
    async with started() as pool:
        pool.servers[0].hangs = True
        began = asyncio.get_running_loop().time()
        code = await code_of(pool.infer([clip(3)]))
        assert code in (ErrorCode.INFERENCE_TIMEOUT, ErrorCode.INFERENCE_UNAVAILABLE)
        assert asyncio.get_running_loop().time() - began <= TIMEOUT + 0.5


def busy() -> StreamprocError:
    return StreamprocError(ErrorCode.INFERENCE_BUSY, "full")


@simulated
async def test_a_full_queue_is_waited_for_shrinks_the_limit_and_opens_no_breaker() -> None:
    async with started(start=40) as pool:
        (server,), (endpoint,) = pool.servers, list(pool.endpoints)
        server.error = busy()
        calls = [asyncio.create_task(pool.infer([clip(2, mark)])) for mark in range(1, 41)]
        await asyncio.sleep(5)
        assert endpoint.available
        assert endpoint.limiter.limit < 20
        assert len(server.requests) < 20, "it is not asked all the time"
        assert not any(call.done() for call in calls)
        server.error = None
        answers = await asyncio.gather(*calls)
        assert [marks_of(answer) for answer in answers] == [[mark] for mark in range(1, 41)]


@simulated
async def test_one_that_is_full_does_not_keep_the_others_from_work() -> None:
    async with started(2) as pool:
        pool.servers[0].error = busy()
        answers = await asyncio.gather(*(pool.infer([clip(2, mark)]) for mark in range(1, 41)))
        assert [marks_of(answer) for answer in answers] == [[mark] for mark in range(1, 41)]


@simulated
async def test_what_is_refused_for_its_whole_time_says_so() -> None:
    async with started() as pool:
        pool.servers[0].error = busy()
        assert await code_of(pool.infer([clip(2)])) is ErrorCode.INFERENCE_BUSY
        assert asyncio.get_running_loop().time() <= TIMEOUT + 0.5


@simulated
async def test_of_a_mixed_batch_the_one_to_blame_is_found_and_the_others_are_heard() -> None:
    async with started(most=8) as pool:
        (server,) = pool.servers
        first = asyncio.create_task(pool.infer([clip(4), clip(4)]))
        await settled()
        marks = [1.0, 2.0, POISON, 3.0]
        calls = [asyncio.create_task(pool.infer([clip(1, mark)])) for mark in marks]
        ends = await asyncio.gather(first, *calls, return_exceptions=True)
        assert marks in server.requests
        codes = [end.code if isinstance(end, StreamprocError) else None for end in ends]
        assert codes == [None, None, None, ErrorCode.INFERENCE_REFUSED, None]
        heard = [marks_of(end) for end in ends[1:] if isinstance(end, Inference)]
        assert heard == [[1], [2], [3]]
        (endpoint,) = pool.endpoints
        assert endpoint.available


@simulated
async def test_a_model_that_fails_on_everything_is_left_for_another_and_blames_nobody() -> None:
    async with started(2) as pool:
        sick, well = pool.servers
        sick.error = DoubtfulError(ErrorCode.INFERENCE_UNUSABLE, "no numbers")
        answers = await asyncio.gather(*(pool.infer([clip(2, mark)]) for mark in range(1, 31)))
        assert [marks_of(answer) for answer in answers] == [[mark] for mark in range(1, 31)]
        well.error = sick.error
        assert await code_of(pool.infer([clip(2)])) is not ErrorCode.INFERENCE_REFUSED


@simulated
async def test_no_event_is_to_blame_on_the_word_of_one_endpoint() -> None:
    async with started(2) as pool:
        sick, well = pool.servers
        sick.fails_on = {7.0, POISON}
        for _ in range(4):
            assert marks_of(await pool.infer([clip(2, 7.0)])) == [7.0]
        assert [7.0] in sick.requests, "it was never asked first"
        before = len(sick.requests), len(well.requests)
        assert await code_of(pool.infer([clip(2, POISON)])) is ErrorCode.INFERENCE_REFUSED
        assert all(len(server.requests) > count for server, count in zip(pool.servers, before, strict=True))


@simulated
async def test_whoever_refuses_what_another_answers_is_an_outlier() -> None:
    async with started(2) as pool:
        sick, _ = pool.servers
        sick.fails_on = {7.0}
        sick_one, well_one = pool.endpoints
        for _ in range(100):
            assert marks_of(await pool.infer([clip(2, 7.0)])) == [7.0]
        assert sick_one.ejections[Ejected.OUTLIER]
        assert well_one.available
        assert not sum(well_one.ejections.values())


@simulated
async def test_the_word_of_the_only_one_that_can_be_used_does() -> None:
    async with started(3) as pool:
        for server in pool.servers[1:]:
            server.up = False
        await asyncio.sleep(3)
        assert await code_of(pool.infer([clip(2, POISON)])) is ErrorCode.INFERENCE_REFUSED


@simulated
async def test_of_many_endpoints_two_words_do() -> None:
    async with started(5) as pool:
        assert await code_of(pool.infer([clip(2, POISON)])) is ErrorCode.INFERENCE_REFUSED
        assert sum(bool(server.requests) for server in pool.servers) == 2


@simulated
async def test_an_answer_of_no_use_now_and_then_makes_no_event_the_one_to_blame() -> None:
    async with started() as pool:
        (server,) = pool.servers
        asked = asyncio.create_task(pool.infer([clip(2, 5.0)]))
        server.unsound = 1
        while len(server.requests) < 3:  # noqa: ASYNC110  the clip, noise, the clip again
            await asyncio.sleep(0.01)
        server.unsound = 2
        assert marks_of(await asked) == [5.0]


@simulated
async def test_all_clips_of_a_call_are_by_one_model() -> None:
    """The endpoints serve different models, and the call's clips go in many requests."""
    async with started(2) as pool:
        pool.servers[1].model = ModelIdentity("m", "2", "f11")
        seen = set()
        for _ in range(20):
            answer = await pool.infer([clip(2**power / 4, power) for power in range(6)])
            assert marks_of(answer) == [0, 1, 2, 3, 4, 5]
            assert {float(logits[0, 1]) for logits in answer.logits} == {float(answer.model.version)}
            seen.add(answer.model.version)
        # Which one it is, chance says; that both took part, the requests.
        assert seen <= {"1", "2"}
        assert all(server.requests for server in pool.servers)


@simulated
async def test_whoever_gives_up_is_let_go_at_once_and_so_is_what_only_they_waited_for() -> None:
    async with started(most=4) as pool:
        (server,) = pool.servers
        server.takes = 5
        sent = asyncio.create_task(pool.infer([clip(4)]))
        await settled()
        together = [asyncio.create_task(pool.infer([clip(1, mark)])) for mark in (1, 2)]
        alone = asyncio.create_task(pool.infer([clip(7)]))
        await settled()
        sent.cancel()
        together[0].cancel()
        await asyncio.wait({sent, together[0]})
        assert (sent.cancelled(), together[0].cancelled()) == (True, True)
        assert marks_of(await together[1]) == [2]
        assert server.given_up == 1
        assert marks_of(await alone) == [1]


@simulated
async def test_beyond_two_batches_there_is_no_room_until_some_are_sent() -> None:
    async with started(most=64) as pool:
        pool.servers[0].takes = 1
        calls = [asyncio.create_task(pool.infer([clip(2)])) for _ in range(32)]
        await settled()
        waiting = 0
        while pool.has_room:
            calls.append(asyncio.create_task(pool.infer([clip(2)])))
            waiting += 1
            await asyncio.sleep(0)
        assert 16 <= waiting <= 64
        began = asyncio.get_running_loop().time()
        await pool.room()
        assert 0 < asyncio.get_running_loop().time() - began < 2
        await asyncio.gather(*calls)


@simulated
async def test_whoever_waits_for_room_lets_the_others_run_also_when_a_batch_has_just_come_back() -> None:
    class Counted(asyncio.Event):
        waits = 0

        async def wait(self) -> Literal[True]:
            """Of an event that is set it does not give the loop a turn."""
            self.waits += 1
            assert self.waits < 100, "nobody else runs any more"
            return await super().wait()

    async with started(most=8) as pool:
        pool._vacant = Counted()
        pool._vacant.set()
        (server,) = pool.servers
        server.takes = 1
        server.error = StreamprocError(ErrorCode.INFERENCE_BUSY, "full")
        asking = [asyncio.create_task(pool.infer([clip(4)])) for _ in range(2)]
        await settled()
        while pool.has_room:
            asking.append(asyncio.create_task(pool.infer([clip(0.5)])))
            await settled()
        asking.pop().cancel()
        await settled()
        assert pool.has_room

        failed = pool._failed
        met: list[AssertionError | None] = []

        def came_back(batch: Any, error: StreamprocError) -> None:
            """Before the pool looks again, somebody asks for room; their first turn must come to an end."""
            failed(batch, error)
            if not met and not pool.has_room and pool._vacant.is_set():
                room = pool.room()
                try:
                    room.send(None)
                except AssertionError as stuck:
                    met.append(stuck)
                else:
                    met.append(None)
                room.close()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pool, "_failed", came_back)
            await asyncio.sleep(1.5)
        assert met == [None]
        server.error = None
        await pool.room()
        await asyncio.gather(*asking, return_exceptions=True)


@simulated
async def test_closing_ends_who_waits_and_who_is_answered_later() -> None:
    async with started(most=8) as pool:
        pool.servers[0].hangs = True
        calls = [asyncio.create_task(pool.infer([clip(4)])) for _ in range(10)]
        await settled()
        room = asyncio.create_task(pool.room())
        await settled()
        await pool.close()
        calls.append(asyncio.create_task(pool.infer([clip(1)])))
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert {getattr(end, "code", None) for end in ends} == {ErrorCode.INFERENCE_UNAVAILABLE}
        await room
        assert pool.servers[0].working == 0


@simulated
async def test_what_nobody_foresaw_reaches_the_caller_and_the_next_is_answered() -> None:
    async with started() as pool:
        broken: Any = MemoryError()
        pool.servers[0].error = broken
        with pytest.raises(MemoryError):
            await pool.infer([clip(2)])
        pool.servers[0].error = None
        assert marks_of(await pool.infer([clip(2)])) == [1]


@pytest.mark.parametrize("end", ["answered", "refused", "unavailable", "cancelled"])
def test_the_clips_are_let_go_with_the_call(end: str) -> None:
    """At once, and not when the collector finds a cycle: a worker's collector runs seldom."""

    @simulated
    async def ends() -> None:
        async with started() as pool:
            samples = clip(2, POISON if end == "refused" else 1.0)
            alive = weakref.ref(samples)
            if end == "unavailable":
                pool.servers[0].error = StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, "gone")
            call = asyncio.create_task(pool.infer([samples]))
            del samples
            await settled()
            assert alive() is not None
            if end == "cancelled":
                call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            del call
            pool.servers[0].error = None  # which knows where it was raised
            await settled()
            assert alive() is None

    gc.disable()
    try:
        ends()
    finally:
        gc.enable()


@simulated
async def test_ten_thousand_calls_are_held_and_answered() -> None:
    async with started(most=500) as pool:
        pool.servers[0].takes = 1
        calls = [asyncio.create_task(pool.infer([clip(0.5, mark)])) for mark in range(1, 10_001)]
        await settled()
        assert not pool.has_room
        answers = await asyncio.gather(*calls)
        assert [marks_of(answer) for answer in answers] == [[mark] for mark in range(1, 10_001)]
        begun = [mark for request in pool.servers[0].requests for mark in request]
        assert begun == sorted(begun), "the oldest first"
        assert pool.has_room
