"""The fallback in simulated time: whose turn it is, what waits and what is begun when that changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import numpy as np
import pytest
from structlog.testing import capture_logs
from support.simulated_time import simulated

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.engine import Inference, ModelIdentity, Priority, Samples
from streamproc.inference.fallback import FallbackEngine

CORES = 2
CLIPS = [np.zeros(16_000, np.float32)]
FATAL = StreamprocError(ErrorCode.MODEL_UNSUITABLE, "takes X; needed is Y")
GONE = StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, "nobody is there")


class Turns:
    """Stands in for the endpoints."""

    def __init__(self) -> None:
        self.available = True
        self.changed: list[Callable[[], None]] = []

    def turn(self, available: bool) -> None:
        self.available = available
        for changed in self.changed:
            changed()


class PretendEngine:
    """Stands in for an engine: it takes its time, and does as it is told."""

    def __init__(self, name: str, takes: float) -> None:
        self.name = name
        self.model = ModelIdentity("m", "1", name)
        self.takes = takes
        self.hangs = False
        self.error: StreamprocError | None = None
        self.at_start: StreamprocError | None = None
        self.vacant = asyncio.Event()
        self.vacant.set()
        self.begun = self.done = self.most_at_once = self.at_once = 0

    async def start(self) -> ModelIdentity:
        if self.at_start is not None:
            raise self.at_start
        return self.model

    @property
    def has_room(self) -> bool:
        return self.vacant.is_set()

    async def room(self) -> None:
        await self.vacant.wait()

    async def infer(self, clips: Sequence[Samples], priority: Priority = Priority.LIVE) -> Inference:
        self.begun += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            while self.hangs:  # noqa: ASYNC110  a field, for tests to set
                await asyncio.sleep(0.1)
            await asyncio.sleep(self.takes)
        finally:
            self.at_once -= 1
        if self.error is not None:
            raise self.error
        self.done += 1
        return Inference([], self.model, self.name, 0.0, self.takes)

    async def close(self) -> None:
        self.hangs = False


class World:
    """Both engines and the fallback."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.triton, self.cpu = PretendEngine("triton", 0.1), PretendEngine("onnx", 1.0)
        self.engine = FallbackEngine(self.triton, self.turns, self.cpu, CORES)

    def ask(self, times: int) -> list[asyncio.Task[Inference]]:
        return [asyncio.create_task(self.engine.infer(CLIPS)) for _ in range(times)]


async def engines(tasks: list[asyncio.Task[Inference]]) -> list[str]:
    return [inference.engine for inference in await asyncio.gather(*tasks)]


@asynccontextmanager
async def started() -> AsyncIterator[World]:
    world = World()
    await world.engine.start()
    try:
        yield world
    finally:
        await world.engine.close()


@simulated
async def test_while_somebody_is_there_the_cpu_does_nothing() -> None:
    async with started() as world:
        assert await engines(world.ask(20)) == 20 * ["triton"]
        assert world.cpu.begun == 0
        assert world.engine.model.sha256 == "triton"


@simulated
async def test_what_waits_for_endpoints_that_are_gone_goes_to_the_cpu_at_once_on_its_cores() -> None:
    async with started() as world:
        world.triton.hangs = True
        tasks = world.ask(6)
        await asyncio.sleep(5)
        world.turns.turn(False)
        began = asyncio.get_running_loop().time()
        assert await engines(tasks) == 6 * ["onnx"]
        assert asyncio.get_running_loop().time() - began == pytest.approx(6 / CORES)
        assert world.cpu.most_at_once == CORES
        assert world.engine.model.sha256 == "onnx"
        assert (await tasks[0]).waited == pytest.approx(0, abs=1)  # of the real clock


@simulated
async def test_an_error_that_comes_before_the_news_is_raised_and_after_it_the_cpu_scores() -> None:
    async with started() as world:
        world.triton.error = GONE
        with pytest.raises(StreamprocError, match="nobody is there"):
            await world.engine.infer(CLIPS)
        (task,) = world.ask(1)
        await asyncio.sleep(0)
        world.turns.available = False
        world.engine.active = True  # in the same turn of the loop as the error
        assert await engines([task]) == ["onnx"]


@simulated
async def test_when_an_endpoint_is_back_what_is_begun_is_finished_and_what_waits_goes_there() -> None:
    async with started() as world:
        world.turns.turn(False)
        tasks = world.ask(6)
        await asyncio.sleep(0.5)
        world.turns.turn(True)
        assert await engines(tasks) == 2 * ["onnx"] + 4 * ["triton"]
        assert await engines(world.ask(3)) == 3 * ["triton"]


@simulated
async def test_to_and_fro_nothing_is_lost() -> None:
    async with started() as world:
        tasks = world.ask(100)
        for turn in range(100):
            await asyncio.sleep(0.07)
            world.turns.turn(turn % 2 == 1)
        assert len(await engines(tasks)) == 100
        assert world.triton.at_once == world.cpu.at_once == 0


@simulated
async def test_room_is_that_of_the_engine_whose_turn_it_is() -> None:
    async with started() as world:
        world.triton.vacant.clear()
        assert not world.engine.has_room
        room = asyncio.create_task(world.engine.room())
        await asyncio.sleep(1)
        assert not room.done()
        world.turns.turn(False)
        await asyncio.wait_for(room, 0.1)
        tasks = world.ask(CORES + 2 * CORES)
        await asyncio.sleep(0.1)
        assert not world.engine.has_room, "as many wait as two batches have"
        await asyncio.wait_for(world.engine.room(), 1.1)
        await engines(tasks)


@simulated
async def test_who_gives_up_leaves_its_place() -> None:
    async with started() as world:
        world.turns.turn(False)
        tasks = world.ask(10)
        await asyncio.sleep(0.5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert await engines(world.ask(1)) == ["onnx"]


@simulated
async def test_closed_it_raises_also_for_those_who_wait() -> None:
    async with started() as world:
        world.turns.turn(False)
        world.cpu.takes = 1e6
        tasks = world.ask(5)
        await asyncio.sleep(1)
        for task in tasks[:CORES]:
            task.cancel()
        await world.engine.close()
        for end in (await asyncio.gather(*tasks, return_exceptions=True))[CORES:]:
            assert isinstance(end, StreamprocError)
            assert end.code is ErrorCode.INFERENCE_UNAVAILABLE
        with pytest.raises(StreamprocError, match="not started, or closed"):
            await world.engine.infer(CLIPS)
        await world.engine.room()


@simulated
async def test_a_worker_may_start_without_an_endpoint_and_says_so() -> None:
    world = World()
    world.triton.at_start, world.turns.available = GONE, False
    with capture_logs() as logs:
        assert (await world.engine.start()).sha256 == "onnx"
    assert await engines(world.ask(1)) == ["onnx"]
    assert [line["event"] for line in logs] == [
        "the worker starts without an inference endpoint",
        "no inference endpoint can be used: this worker scores on its CPU",
    ]


@simulated
async def test_endpoints_that_were_not_looked_at_yet_are_not_said_to_be_gone() -> None:
    world = World()
    world.turns.available = False

    async def start() -> ModelIdentity:
        world.turns.turn(False)
        await asyncio.sleep(1)
        world.turns.turn(True)
        return world.cpu.model

    world.triton.start = start  # type: ignore[method-assign]
    with capture_logs() as logs:
        await world.engine.start()
        assert await engines(world.ask(1)) == ["triton"]
    await world.engine.close()
    assert logs == []


@simulated
async def test_it_does_not_start_with_a_model_that_is_not_ours_or_without_its_fallback() -> None:
    world = World()
    world.triton.at_start = FATAL
    with pytest.raises(StreamprocError, match="needed is Y"):
        await world.engine.start()
    world = World()
    world.cpu.at_start = FATAL
    with pytest.raises(StreamprocError, match=r"the fallback onnx cannot be used: .* \(STREAMPROC_INFERENCE__FALLBACK"):
        await world.engine.start()


@simulated
async def test_that_the_models_differ_is_told() -> None:
    with capture_logs() as logs:
        async with started():
            pass
    (line,) = logs
    assert (line["endpoints"], line["fallback"]) == ("m/1 triton", "m/1 onnx")
