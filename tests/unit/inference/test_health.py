"""Health checks in simulated time: who is taken in, who is ejected and when, who is proven before it comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from support.pretend_server import PretendServer, unavailable
from support.simulated_time import simulated

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.endpoint import FAILURES, Ejected, Endpoint
from streamproc.inference.health import HealthCheck
from streamproc.inference.limiter import Limiter


@asynccontextmanager
async def checked(server: PretendServer | None = None) -> AsyncIterator[Endpoint[PretendServer]]:
    """An endpoint that was looked at once, and is looked at on and on."""
    clock = asyncio.get_running_loop().time
    endpoint = Endpoint("a:1", server or PretendServer(), Limiter(clock, least=1, most=40, start=40), clock)
    check = HealthCheck(endpoint, slowly=False)
    await check.look()
    looking = asyncio.create_task(check.run())
    try:
        yield endpoint
    finally:
        looking.cancel()


async def seconds_until(condition: Callable[[], bool]) -> float:
    clock = asyncio.get_running_loop().time
    began = clock()
    while not condition():
        await asyncio.sleep(0.05)
        assert clock() - began < 120
    return clock() - began


@simulated
async def test_a_sound_server_is_taken_in_at_once_and_left_alone() -> None:
    async with checked() as endpoint:
        assert endpoint.available
        assert endpoint.weight == 1
        await asyncio.sleep(100)
        assert endpoint.available
        assert endpoint.server.probes == 1


@simulated
async def test_who_refuses_connections_is_out_within_two_seconds_and_back_within_two() -> None:
    async with checked() as endpoint:
        endpoint.server.up = False
        assert await seconds_until(lambda: not endpoint.available) < 2
        assert endpoint.ejections == {Ejected.SILENT: 1}
        await asyncio.sleep(60)
        assert endpoint.ejections == {Ejected.SILENT: 1}
        endpoint.server.up = True
        assert await seconds_until(lambda: endpoint.available) < 2
        assert endpoint.weight < 0.2
        assert endpoint.server.probes == 2


@simulated
async def test_one_answer_that_is_lost_ejects_nobody() -> None:
    async with checked() as endpoint:
        for _ in range(5):
            endpoint.server.loses = 1
            await asyncio.sleep(3)
            assert not endpoint.server.loses
        assert not endpoint.ejections
        endpoint.server.loses = 2
        await asyncio.sleep(3)
        assert endpoint.ejections == {Ejected.SILENT: 1}


@simulated
async def test_who_is_frozen_is_out_within_five_seconds_and_its_calls_are_let_go() -> None:
    async with checked() as endpoint:
        endpoint.server.frozen = True
        call = asyncio.create_task(endpoint.call(1, endpoint.server.infer))
        assert await seconds_until(call.done) < 5
        with pytest.raises(StreamprocError, match="INFERENCE_UNAVAILABLE"):
            await call
        assert not endpoint.available


@simulated
async def test_who_says_that_it_is_ready_and_answers_nothing_is_out_within_six_seconds() -> None:
    async with checked() as endpoint:
        endpoint.server.hangs = True
        call = asyncio.create_task(endpoint.call(1, endpoint.server.infer))
        assert await seconds_until(call.done) < 6
        with pytest.raises(StreamprocError, match="has answered nothing"):
            await call
        assert endpoint.ejections == {Ejected.SILENT: 1}
        await asyncio.sleep(60)
        assert 3 <= endpoint.server.probes < 20, "it is tried now and then"
        endpoint.server.hangs = False
        assert await seconds_until(lambda: endpoint.available) < 8


@simulated
async def test_who_is_slow_all_the_time_is_taken_in_and_not_taken_for_silent() -> None:
    async with checked(PretendServer(takes=4.0)) as endpoint:
        assert endpoint.available
        for _ in range(5):
            await endpoint.call(1, endpoint.server.infer)
        endpoint.server.takes = 7.0
        await endpoint.call(1, endpoint.server.infer)
        assert not endpoint.ejections


@simulated
async def test_who_says_that_it_is_not_ready_is_out_and_finishes_what_it_has() -> None:
    async with checked(PretendServer(takes=1.9)) as endpoint:
        call = asyncio.create_task(endpoint.call(1, endpoint.server.infer))
        endpoint.server.is_ready = False
        assert await seconds_until(lambda: not endpoint.available) < 1.5
        assert await call == "a:1"
        assert endpoint.ejections == {Ejected.UNREADY: 1}
        endpoint.server.is_ready = True
        assert await seconds_until(lambda: endpoint.available) < 4


@simulated
async def test_a_model_that_is_not_ours_is_out_and_tried_now_and_then_until_it_is() -> None:
    server = PretendServer()
    server.error = StreamprocError(ErrorCode.MODEL_UNSUITABLE, "takes X; needed is Y")
    async with checked(server) as endpoint:
        assert not endpoint.available
        assert endpoint.ejected == "takes X; needed is Y"
        await asyncio.sleep(120)
        assert 5 < server.probes < 40
        server.error = None
        assert await seconds_until(lambda: endpoint.available) < 8


@simulated
async def test_whose_calls_fail_is_proven_by_noise_until_it_is_back() -> None:
    async with checked() as endpoint:
        endpoint.server.error = unavailable()
        for _ in range(FAILURES):
            with pytest.raises(StreamprocError):
                await endpoint.call(1, endpoint.server.infer)
        assert not endpoint.available
        await asyncio.sleep(30)
        endpoint.server.error = None
        assert await seconds_until(lambda: endpoint.available) < 8
        assert endpoint.ejections == {Ejected.ERRORS: 1}


@simulated
async def test_who_is_there_again_is_proven_at_once_however_long_its_breaker_would_wait() -> None:
    async with checked() as endpoint:
        endpoint.server.up = False
        for _ in range(10):
            endpoint.breaker.trip()
        await asyncio.sleep(3)
        endpoint.breaker.trip()
        endpoint.server.up = True
        assert await seconds_until(lambda: endpoint.available) < 1.5 < endpoint.breaker.wait


@simulated
async def test_a_server_that_is_full_is_fit() -> None:
    server = PretendServer()
    server.error = StreamprocError(ErrorCode.INFERENCE_BUSY)
    async with checked(server) as endpoint:
        assert endpoint.available


@simulated
async def test_whatever_a_check_meets_the_next_one_comes() -> None:
    async with checked() as endpoint:
        endpoint.server.has_a_bug = True
        await asyncio.sleep(3)
        endpoint.server.has_a_bug = False
        endpoint.server.up = False
        assert await seconds_until(lambda: not endpoint.available) < 2


@simulated
async def test_a_server_whose_model_has_become_another_is_out_at_once_and_back_once_it_is_the_same() -> None:
    async with checked() as endpoint:
        server = endpoint.server
        server.error = StreamprocError(ErrorCode.MODEL_UNSUITABLE, "it has the SHA-256 beef; pinned is f00d")
        server.doubted = True
        assert await seconds_until(lambda: not endpoint.available) < 2
        assert endpoint.ejections == {Ejected.MODEL: 1}
        assert endpoint.ejected == "it has the SHA-256 beef; pinned is f00d"
        await asyncio.sleep(30)
        assert not endpoint.available
        server.error, server.doubted = None, False
        assert await seconds_until(lambda: endpoint.available) < 8


@simulated
async def test_a_doubted_server_that_does_not_answer_the_proof_is_not_said_to_have_another_model() -> None:
    async with checked() as endpoint:
        server = endpoint.server
        server.error = StreamprocError(ErrorCode.INFERENCE_TIMEOUT, "no answer within 10 s")
        server.doubted = True
        await asyncio.sleep(2)
        assert endpoint.available
        server.error = None
        await asyncio.sleep(2)
        assert endpoint.ejections[Ejected.MODEL] == 0
