"""One endpoint in simulated time: what it is given, what its calls tell, and how it leaves use and comes back."""

from __future__ import annotations

import asyncio

import pytest
from support.pretend_server import PretendServer, unavailable
from support.simulated_time import simulated

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.answers import DoubtfulError, MismatchError
from streamproc.inference.breaker import Circuit
from streamproc.inference.endpoint import FAILURES, LEAST_WEIGHT, REST_S, SLOW_START_S, Ejected, Endpoint
from streamproc.inference.limiter import Limiter

LIMIT = 40.0


def make() -> Endpoint[PretendServer]:
    clock = asyncio.get_running_loop().time
    endpoint = Endpoint("a:1", PretendServer(), Limiter(clock, least=1, most=LIMIT, start=LIMIT), clock)
    endpoint.limiter.served(0.0, 0.0)  # its server tells, so that the limiter does not probe
    endpoint.restore(slowly=False)
    return endpoint


async def ask(endpoint: Endpoint[PretendServer], seconds: float = 1.0) -> str:
    return await endpoint.call(seconds, endpoint.server.infer)


async def fail(endpoint: Endpoint[PretendServer], times: int = FAILURES) -> None:
    endpoint.server.error = unavailable()
    for _ in range(times):
        with pytest.raises(StreamprocError):
            await ask(endpoint)
    endpoint.server.error = None


@simulated
async def test_before_its_first_check_it_admits_nothing() -> None:
    clock = asyncio.get_running_loop().time
    endpoint = Endpoint("a:1", PretendServer(), Limiter(clock, least=1, most=LIMIT, start=LIMIT), clock)
    assert not endpoint.available
    assert not endpoint.admits(1)


@simulated
async def test_what_is_outstanding_is_counted_and_bounded_by_its_limiter() -> None:
    endpoint = make()
    calls = [asyncio.create_task(ask(endpoint, LIMIT / 2)) for _ in range(2)]
    await asyncio.sleep(0)
    assert endpoint.outstanding == LIMIT
    assert not endpoint.admits(1)
    assert await asyncio.gather(*calls) == ["a:1", "a:1"]
    assert endpoint.outstanding == 0
    assert endpoint.admits(1)


@simulated
async def test_calls_that_fail_in_a_row_put_it_out_of_use_and_a_probe_brings_it_back_slowly() -> None:
    endpoint = make()
    await fail(endpoint, FAILURES - 1)
    assert endpoint.available
    await ask(endpoint)
    await fail(endpoint)
    assert not endpoint.available
    assert not endpoint.admits(1)
    assert endpoint.ejections == {Ejected.ERRORS: 1}
    await asyncio.sleep(endpoint.breaker.wait)
    assert not endpoint.admits(1), "no child's reading is the probe"
    await endpoint.call(1, endpoint.server.infer, noise=True)
    assert endpoint.available
    assert endpoint.weight == LEAST_WEIGHT
    await asyncio.sleep(SLOW_START_S / 2)
    assert LEAST_WEIGHT < endpoint.weight < 1
    await asyncio.sleep(SLOW_START_S / 2)
    assert endpoint.weight == pytest.approx(1)


@simulated
async def test_while_it_starts_slowly_it_is_given_its_share_of_its_limit() -> None:
    endpoint = make()
    endpoint.eject(Ejected.UNREADY, "it is told so")
    endpoint.restore()
    assert endpoint.admits(LIMIT), "one is always admitted"
    call = asyncio.create_task(ask(endpoint, 2))
    await asyncio.sleep(0)
    assert endpoint.admits(2)
    more = asyncio.create_task(ask(endpoint, 2))
    await asyncio.sleep(0)
    assert not endpoint.admits(2), f"a {LEAST_WEIGHT:.0%} of {LIMIT} s is in flight"
    await asyncio.gather(call, more)


@simulated
async def test_a_busy_server_and_a_doubtful_answer_open_no_breaker_and_noise_that_fails_does() -> None:
    endpoint = make()
    full = StreamprocError(ErrorCode.INFERENCE_BUSY)
    doubtful = DoubtfulError(ErrorCode.INFERENCE_UNUSABLE, "logits that are not numbers")
    for error in (full, doubtful):
        endpoint.server.error = error
        for _ in range(3 * FAILURES):
            with pytest.raises(StreamprocError):
                await ask(endpoint)
        assert endpoint.available
    for _ in range(FAILURES):
        with pytest.raises(StreamprocError):
            await endpoint.call(1, endpoint.server.infer, noise=True)
    assert endpoint.breaker.state is Circuit.OPEN


@simulated
async def test_a_full_queue_shrinks_its_limit() -> None:
    endpoint = make()
    endpoint.server.error = StreamprocError(ErrorCode.INFERENCE_BUSY)
    with pytest.raises(StreamprocError):
        await ask(endpoint)
    assert endpoint.limiter.limit < LIMIT
    assert endpoint.refusals == 1


@simulated
async def test_its_queue_full_it_rests_twice_as_long_each_time_until_it_answers() -> None:
    endpoint = make()
    for rest in (REST_S, 2 * REST_S, 4 * REST_S):
        endpoint.server.error = StreamprocError(ErrorCode.INFERENCE_BUSY)
        with pytest.raises(StreamprocError):
            await ask(endpoint)
        await asyncio.sleep(0.9 * rest)
        assert not endpoint.admits(1)
        await asyncio.sleep(0.2 * rest)
        assert endpoint.admits(1)
    endpoint.server.error = StreamprocError(ErrorCode.INFERENCE_BUSY)
    with pytest.raises(StreamprocError):
        await ask(endpoint)
    endpoint.server.error = None
    await ask(endpoint)
    assert endpoint.admits(1)


@simulated
async def test_silent_it_lets_its_calls_go_at_once_and_otherwise_they_are_waited_for() -> None:
    endpoint = make()
    call = asyncio.create_task(ask(endpoint))
    await asyncio.sleep(0)
    endpoint.eject(Ejected.UNREADY, "it drains")
    assert await call == "a:1"
    endpoint.restore()
    endpoint.server.hangs = True
    calls = [asyncio.create_task(ask(endpoint)) for _ in range(3)]
    await asyncio.sleep(10)
    endpoint.eject(Ejected.SILENT, "it answers nothing")
    began = asyncio.get_running_loop().time()
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert asyncio.get_running_loop().time() == began
    for end in ends:
        assert isinstance(end, StreamprocError)
        assert end.code is ErrorCode.INFERENCE_UNAVAILABLE
        assert "answers nothing" in end.message
    await asyncio.wait_for(endpoint.idle(), 1)


@simulated
async def test_who_gives_up_tells_nothing_and_is_forgotten() -> None:
    endpoint = make()
    endpoint.server.hangs = True
    for _ in range(2 * FAILURES):
        call = asyncio.create_task(ask(endpoint))
        await asyncio.sleep(1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert endpoint.available
    assert endpoint.outstanding == 0
    await asyncio.wait_for(endpoint.idle(), 1)


@simulated
async def test_a_cancelled_call_stays_cancelled_when_it_is_let_go_in_the_same_moment() -> None:
    endpoint = make()
    endpoint.server.hangs = True
    call = asyncio.create_task(ask(endpoint))
    await asyncio.sleep(1)
    endpoint.eject(Ejected.SILENT, "it answers nothing")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


@simulated
async def test_it_knows_for_how_long_nothing_was_answered() -> None:
    endpoint = make()
    assert endpoint.unanswered_for == 0
    await ask(endpoint)
    await asyncio.sleep(100)
    assert endpoint.unanswered_for == 0, "nothing was asked"
    endpoint.server.hangs = True
    call = asyncio.create_task(ask(endpoint))
    await asyncio.sleep(3)
    assert endpoint.unanswered_for == pytest.approx(3)
    endpoint.server.hangs = False
    await call
    assert endpoint.unanswered_for == 0
    # Much audio takes long: as long as four times what it took until now is no wonder.
    endpoint.server.hangs = True
    call = asyncio.create_task(ask(endpoint, 100))
    await asyncio.sleep(10)
    assert endpoint.unanswered_for == 0
    endpoint.server.hangs = False
    await call


@simulated
async def test_its_limiter_learns_that_it_has_kept_something_back_and_lets_more_in() -> None:
    clock = asyncio.get_running_loop().time
    endpoint = Endpoint("a:1", PretendServer(), Limiter(clock, least=1, most=1000, start=10), clock)
    endpoint.restore(slowly=False)
    for _ in range(3):
        endpoint.limiter.served(0.0, 0.1)  # an idle server
        calls = []
        while endpoint.admits(5):
            calls.append(asyncio.create_task(ask(endpoint, 5)))
            await asyncio.sleep(0)
        await asyncio.gather(*calls)
        await asyncio.sleep(1)
    assert endpoint.limiter.limit > 20


@simulated
async def test_whose_model_is_another_is_ejected_by_the_first_call_that_finds_it() -> None:
    endpoint = make()
    mismatch = MismatchError(ErrorCode.INFERENCE_UNUSABLE, "m/1 at a:1 has the SHA-256 beef; pinned is f00d")

    async def answer() -> None:
        raise mismatch

    with pytest.raises(MismatchError):
        await endpoint.call(1, answer)
    assert not endpoint.available
    assert (endpoint.ejected, endpoint.ejections) == (mismatch.message, {Ejected.MODEL: 1})
