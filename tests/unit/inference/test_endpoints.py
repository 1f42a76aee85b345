"""Several endpoints in simulated time: found, compared, come and gone; a crowd of calls while servers fail."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from random import Random

import pytest
from structlog.testing import capture_logs
from support.pretend_server import PretendServer, unavailable
from support.simulated_time import simulated

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.choice import choose
from streamproc.inference.endpoint import Ejected, Endpoint
from streamproc.inference.endpoints import COMPARE_S, Endpoints
from streamproc.inference.engine import ModelIdentity
from streamproc.inference.limiter import Limiter
from streamproc.inference.resolve import Address, Resolver

EVERY = 30.0


class World:
    """The servers behind two addresses and a name, and the endpoints that a worker has of them."""

    def __init__(self, *targets: str) -> None:
        self.targets = targets
        self.pods: list[str] = []
        self.servers: dict[str, PretendServer] = {}
        self.lookups = 0
        self.set_up: Callable[[PretendServer], None] = lambda _: None
        self.endpoints = Endpoints(
            Resolver(targets, self._look_up),
            self._connect,
            self._limiter,
            EVERY,
            asyncio.get_running_loop().time,
        )
        self._random = Random(1)

    def choose(self) -> Endpoint[PretendServer] | None:
        """An endpoint for a second of audio, as the pool chooses."""
        return choose(list(self.endpoints), 1.0, self._random)

    async def _look_up(self, name: str, port: int) -> Sequence[str]:
        self.lookups += 1
        return list(self.pods)

    def _connect(self, address: Address) -> PretendServer:
        server = self.servers[address.target] = PretendServer(address.target)
        self.set_up(server)
        return server

    @staticmethod
    def _limiter() -> Limiter:
        return Limiter(asyncio.get_running_loop().time, least=1, most=40, start=40)

    async def ask(self) -> str:
        """One call, to whoever is chosen."""
        while (endpoint := self.choose()) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        return await endpoint.call(1.0, endpoint.server.infer)

    async def answers(self, calls: int, at_once: int = 8) -> Counter[str]:
        """Who answered so many calls; "" for those that failed."""
        places, counts = asyncio.Semaphore(at_once), Counter[str]()

        async def one() -> None:
            async with places:
                try:
                    counts[await self.ask()] += 1
                except StreamprocError:
                    counts[""] += 1

        await asyncio.gather(*(one() for _ in range(calls)))
        return counts


@asynccontextmanager
async def started(*targets: str, pods: Sequence[str] = ()) -> AsyncIterator[World]:
    world = World(*targets)
    world.pods = list(pods)
    await world.endpoints.start()
    try:
        yield world
    finally:
        await world.endpoints.close()
    assert all(server.closed for server in world.servers.values())


@simulated
async def test_all_share_the_work() -> None:
    async with started("a:1", "b:1", "c:1") as world:
        counts = await world.answers(600)
    assert set(counts) == {"a:1", "b:1", "c:1"}
    assert max(counts.values()) < 1.3 * min(counts.values())


@simulated
async def test_one_that_is_killed_costs_the_calls_that_it_had_and_gets_no_more() -> None:
    async with started("a:1", "b:1") as world:
        await world.answers(50)
        world.servers["a:1"].up = False
        counts = await world.answers(400)
        assert counts[""] <= 16
        assert counts["b:1"] >= 384
        with capture_logs() as logs:
            world.servers["a:1"].up = True
            await asyncio.sleep(3)
            assert (await world.answers(100))["a:1"] > 20
    assert [line["event"] for line in logs] == ["an inference endpoint is in use"]


@simulated
async def test_all_dead_is_known_within_two_seconds_and_all_over_when_one_is_back() -> None:
    async with started("a:1", "b:1") as world:
        clock = asyncio.get_running_loop().time
        for server in world.servers.values():
            server.up = False
        began = clock()
        with capture_logs() as logs:
            await until(world, available=False)
        assert clock() - began < 2
        assert "no inference endpoint can be used" in [line["event"] for line in logs]
        assert world.choose() is None
        world.servers["b:1"].up = True
        began = clock()
        await until(world, available=True)
        assert clock() - began < 2
        assert await world.ask() == "b:1"


async def until(world: World, *, available: bool) -> None:
    """Wait until one is available, or none."""
    changed = asyncio.Event()
    world.endpoints.changed.append(changed.set)
    while world.endpoints.available is not available:
        await changed.wait()
        changed.clear()


async def fail_every_third(world: World, flaky: set[str]) -> None:
    """Four hundred calls."""
    turns = Counter[str]()
    for _ in range(400):
        endpoint = world.choose()
        assert endpoint is not None
        turns[endpoint.address] += 1
        fails = endpoint.address in flaky and turns[endpoint.address] % 3 == 0
        endpoint.server.error = unavailable() if fails else None
        with pytest.raises(StreamprocError) if fails else nullcontext():
            await endpoint.call(1.0, endpoint.server.infer)
        endpoint.server.error = None


@simulated
async def test_one_that_fails_every_third_call_is_an_outlier() -> None:
    async with started("a:1", "b:1", "c:1", "d:1") as world:
        await fail_every_third(world, {"a:1"})
        a, *others = world.endpoints
        assert a.ejections[Ejected.OUTLIER] >= 1
        assert not any(other.ejections for other in others)


@simulated
async def test_where_most_fail_now_and_then_half_stay_in_use() -> None:
    async with started("a:1", "b:1", "c:1", "d:1") as world:
        for number, endpoint in enumerate(world.endpoints):
            endpoint.server.error = unavailable()  # so that who is out stays out
            for call in range(30):
                endpoint.tally.noted(failed=number < 3 and call % 3 == 0)
        for _ in range(4):
            await asyncio.sleep(COMPARE_S)
            assert sum(endpoint.available for endpoint in world.endpoints) >= 2
        assert sum(endpoint.ejections[Ejected.OUTLIER] for endpoint in world.endpoints) == 2


@simulated
async def test_new_addresses_come_in_slowly_and_gone_ones_finish_what_they_have() -> None:
    async with started("dns:///pods:1", pods=["10.0.0.1", "10.0.0.2"]) as world:
        gone = world.servers["10.0.0.1:1"]
        gone.takes = EVERY + 10
        (endpoint,) = [one for one in world.endpoints if one.address == "10.0.0.1:1"]
        await asyncio.sleep(EVERY - 2)
        call = asyncio.create_task(endpoint.call(1.0, gone.infer))
        world.pods = ["10.0.0.2", "10.0.0.3"]
        await asyncio.sleep(4)
        assert [one.address for one in world.endpoints] == ["10.0.0.2:1", "10.0.0.3:1"]
        assert [one.weight < 1 for one in world.endpoints] == [False, True]
        assert not gone.closed
        assert await call == "10.0.0.1:1"
        await asyncio.sleep(1)
        assert gone.closed
        assert world.lookups == 3


@simulated
async def test_one_that_fails_has_its_name_looked_up_at_once() -> None:
    async with started("dns:///pods:1", pods=["10.0.0.1"]) as world:
        await asyncio.sleep(3)
        world.servers["10.0.0.1:1"].up = False
        world.pods = ["10.0.0.9"]
        await until(world, available=False)
        began = asyncio.get_running_loop().time()
        await until(world, available=True)
        assert asyncio.get_running_loop().time() - began < 2
        assert await world.ask() == "10.0.0.9:1"


@simulated
async def test_no_more_than_a_lookup_a_second_while_all_fail() -> None:
    async with started("dns:///pods:1", pods=["10.0.0.1"]) as world:
        world.servers["10.0.0.1:1"].up = False
        await asyncio.sleep(60)
        assert world.lookups < 65


@simulated
async def test_who_serves_another_model_is_told_once_and_who_serves_none_of_ours_is_left_out() -> None:
    def unsuitable(server: PretendServer) -> None:
        if server.target == "c:1":
            server.error = StreamprocError(ErrorCode.MODEL_UNSUITABLE, "takes X; needed is Y")
        if server.target == "b:1":
            server.model = ModelIdentity("m", "2", "beef")

    world = World("a:1", "b:1", "c:1")
    world.set_up = unsuitable
    with capture_logs() as logs:
        await world.endpoints.start()
        await asyncio.sleep(20)
        await world.endpoints.close()
    out = [line for line in logs if line["event"] == "an inference endpoint is out of use"]
    assert [(line["endpoint"], line["why"], line["reason"]) for line in out] == [
        ("c:1", "model", "takes X; needed is Y")
    ]
    (different,) = [line for line in logs if "different models" in line["event"]]
    assert (different["models"]["a:1"], different["models"]["b:1"]) == ("m/1 f00", "m/2 beef")


@simulated
async def test_a_start_without_any_says_why_of_each_and_goes_on_looking() -> None:
    def broken(server: PretendServer) -> None:
        server.up = server.target != "a:1"
        server.error = StreamprocError(ErrorCode.MODEL_UNSUITABLE, "takes X; needed is Y")

    world = World("a:1", "b:1")
    world.set_up = broken
    with pytest.raises(StreamprocError) as caught:
        await world.endpoints.start()
    assert caught.value.code is ErrorCode.INFERENCE_UNAVAILABLE
    assert "a:1: connection refused; b:1: takes X; needed is Y" in caught.value.message
    world.servers["b:1"].error = None
    await asyncio.wait_for(until(world, available=True), 10)
    await world.endpoints.close()
    assert not world.endpoints.available


@simulated
async def test_where_all_are_of_one_mind_the_start_says_that() -> None:
    world = World("a:1", "b:1")

    def unsuitable(server: PretendServer) -> None:
        server.error = StreamprocError(ErrorCode.MODEL_UNSUITABLE, "takes X; needed is Y")

    world.set_up = unsuitable
    with pytest.raises(StreamprocError) as caught:
        await world.endpoints.start()
    assert caught.value.code is ErrorCode.MODEL_UNSUITABLE
    await world.endpoints.close()


@simulated
async def test_a_name_without_addresses_is_no_start() -> None:
    world = World("dns:///pods:1")
    with pytest.raises(StreamprocError, match="no inference endpoint has an address"):
        await world.endpoints.start()
    world.pods = ["10.0.0.1"]
    await asyncio.wait_for(until(world, available=True), EVERY + 1)
    await world.endpoints.close()


@simulated
async def test_whatever_a_lookup_meets_the_next_one_comes() -> None:
    def broken(server: PretendServer) -> None:
        server.has_a_bug = world.lookups < 3

    async with started("dns:///pods:1", pods=["10.0.0.1"]) as world:
        world.set_up = broken
        world.pods = ["10.0.0.1", "10.0.0.2"]
        await asyncio.sleep(EVERY + 2)
        assert len(world.endpoints) == 1
        await asyncio.sleep(EVERY + 2)
        assert [endpoint.available for endpoint in world.endpoints] == [True, True]
        world.servers["10.0.0.2:1"].has_a_bug = False
