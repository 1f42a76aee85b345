"""The Triton engine on a real Triton: good answers, and everything that may come instead."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from support.holes import hole
from support.worker_process import free_port
from tritonclient.grpc import InferenceServerClient

from streamproc.errors import ErrorClass, ErrorCode, StreamprocError
from streamproc.inference.endpoint import Endpoint
from streamproc.inference.engine import ModelIdentity, Priority, Samples
from streamproc.inference.pool import TritonPool
from streamproc.inference.served import built_in
from streamproc.inference.triton import TritonServer
from streamproc.inference.wiring import pool_of
from streamproc.localstack.triton import TritonPart

CONFIGURATION = """
backend: "python"
max_batch_size: 4
input [{ name: "AUDIO", data_type: TYPE_FP32, dims: [ -1 ] }, { name: "LENGTHS", data_type: TYPE_INT32, dims: [ 1 ] }]
output [
  { name: "LOGITS", data_type: TYPE_FP32, dims: [ -1, 41 ] },
  { name: "FRAMES", data_type: TYPE_INT32, dims: [ 1 ] }
]
parameters { key: "sha256" value: { string_value: "00ff" } }
instance_group [{ kind: KIND_CPU, count: 1 }]
"""
OTHERS = {
    "unbatched": ("max_batch_size: 4", "max_batch_size: 0"),
    "other": ("AUDIO", "SOUND"),
    "double": ("TYPE_FP32, dims: [ -1, 41 ]", "TYPE_FP64, dims: [ -1, 41 ]"),
    "silent": ('  { name: "LOGITS", data_type: TYPE_FP32, dims: [ -1, 41 ] },\n', ""),
}
"""Models that are not ours, by their configurations."""


class OddTriton(TritonPart):
    """A Triton whose models are ours to change while it serves."""

    def write(self, name: str, *changes: tuple[str, str], version: str = "1") -> None:
        """Write a model into the repository, or write it anew."""
        folder = self.models / name
        (folder / version).mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(__file__).parent / "odd_models/model.py", folder / version / "model.py")
        text = CONFIGURATION
        for change in changes:
            text = text.replace(*change)
        (folder / "config.pbtxt").write_text(text)

    def mood(self, name: str, mood: str) -> None:
        """From now on the model answers so."""
        (self.models / name / "mood").write_text(mood)

    def load(self, name: str) -> None:
        """Load what the repository holds."""
        with InferenceServerClient(self.address) as client:
            client.load_model(name)

    def unload(self, name: str) -> None:
        """Serve the model no longer."""
        with InferenceServerClient(self.address) as client:
            client.unload_model(name)
            while client.is_model_ready(name):
                time.sleep(0.02)

    @property
    def models(self) -> Path:
        """The model repository."""
        return self._models


@pytest.fixture(scope="module")
def odd_triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OddTriton]:
    """A Triton that loads what it is told to."""
    folder = tmp_path_factory.mktemp("odd-triton")
    (folder / "models").mkdir()
    part = OddTriton(
        folder / "triton", models=folder / "models", tie=True, arguments=("--model-control-mode=explicit",)
    )
    try:
        part.start()
        yield part
    finally:
        part.stop()


@pytest.fixture(scope="module")
def loaded(odd_triton: OddTriton) -> str:
    """The name of a good model that all may use whose mood they change alone."""
    odd_triton.write("good")
    odd_triton.load("good")
    return "good"


@pytest.fixture
def model(odd_triton: OddTriton, loaded: str) -> str:
    """Its name, when it is in a good mood."""
    odd_triton.mood(loaded, "")
    return loaded


@pytest.fixture
def own_model(odd_triton: OddTriton) -> Iterator[str]:
    """The name of a good model of this test's own, to be written anew."""
    name = f"model-{uuid.uuid4().hex[:8]}"
    odd_triton.write(name)
    odd_triton.load(name)
    yield name
    odd_triton.unload(name)


@asynccontextmanager
async def started(
    server: OddTriton | str, model: str, seconds: float = 10.0, audio: float = 60.0
) -> AsyncIterator[TritonPool]:
    url = server if isinstance(server, str) else server.address
    engine = pool_of([url], built_in(model, ""), seconds, audio)
    try:
        await engine.start()
        yield engine
    finally:
        await engine.close()


def endpoint_of(engine: TritonPool) -> Endpoint[TritonServer]:
    """The one that it has, once it takes more than one request at a time."""
    (endpoint,) = engine.endpoints
    endpoint.limiter.served(0.0, 0.0)
    return endpoint


def clips(*lengths: int) -> list[Samples]:
    return [np.zeros(length, np.float32) for length in lengths]


async def test_answers_come_in_the_order_of_the_clips_whatever_their_number(odd_triton: OddTriton, model: str) -> None:
    lengths = [320, 16_000, 1_600, 640, 3_200, 960, 12_800, 6_400, 320]
    async with started(odd_triton, model) as engine:
        answers = (await engine.infer(clips(*lengths))).logits
    # Nine clips take three calls: a call has at most the model's batch of four.
    assert [len(answer) for answer in answers] == [length // 320 for length in lengths]
    assert [int(answer[0, 0]) for answer in answers] == lengths


async def test_calls_wait_for_a_place(odd_triton: OddTriton, model: str) -> None:
    async with started(odd_triton, model, audio=0.1) as engine:
        odd_triton.mood(model, "slow")
        first, second = await asyncio.gather(engine.infer(clips(320)), engine.infer(clips(3200)))
    assert max(first.waited, second.waited) > 1
    assert min(first.waited, second.waited) < 1
    assert min(first.worked, second.worked) > 1


async def test_the_model_is_named_exactly(odd_triton: OddTriton, model: str) -> None:
    async with started(odd_triton, model) as engine:
        assert engine.model == ModelIdentity(model, "1", "00ff")
        assert (await engine.infer(clips(320))).model == engine.model


@pytest.mark.parametrize(
    ("name", "code"),
    [("absent", ErrorCode.INFERENCE_UNAVAILABLE), *((name, ErrorCode.MODEL_UNSUITABLE) for name in OTHERS)],
)
@hole("C7")
async def test_a_model_that_is_not_ours_is_found_at_the_start(
    odd_triton: OddTriton, name: str, code: ErrorCode
) -> None:
    if name in OTHERS:
        odd_triton.write(name, OTHERS[name])
        odd_triton.load(name)
    with pytest.raises(StreamprocError) as caught:
        async with started(odd_triton, name):
            pass
    assert caught.value.code is code
    assert name in caught.value.message


USELESS = (
    ("no numbers", "not numbers"),
    ("infinities", "not numbers"),
    ("narrow", "shape (2, 50, 40)"),
    ("flat", "shape (2, 41)"),
    ("no frames", "gave 0 frames"),
    ("half the frames", "gave 25 frames"),
    ("more frames than logits", "gave 51 frames, of 50"),
    ("more frames than audio", "gave 150 frames"),
    ("negative frames", "gave -1 frames"),
    ("doubles", "TYPE_FP64"),
    ("numbers in words", "TYPE_BYTES"),
    ("refusing", "refuses"),
    ("few", "frames of the shape (1, 1) for 2 clips"),
)
"""Moods in which no answer is of use, and what the reason tells of the answer to the probe."""


@pytest.mark.parametrize(("mood", "reason"), USELESS)
@hole("C7")
async def test_a_model_of_no_use_stops_the_start_and_pauses_later(
    odd_triton: OddTriton, model: str, mood: str, reason: str
) -> None:
    async with started(odd_triton, model) as engine:
        odd_triton.mood(model, mood)
        with pytest.raises(StreamprocError, match=re.escape(reason)) as caught:
            await engine.infer(clips(320, 640))
        assert caught.value.code is ErrorCode.INFERENCE_UNUSABLE
        assert caught.value.code.error_class is ErrorClass.TRANSIENT
        with pytest.raises(StreamprocError, match=re.escape(reason)) as at_the_start:
            async with started(odd_triton, model):
                pass
        assert at_the_start.value.code is ErrorCode.MODEL_UNSUITABLE
        odd_triton.mood(model, "")
        assert len((await engine.infer(clips(320, 640))).logits) == 2


@pytest.mark.parametrize(
    ("mood", "seconds", "code"),
    [
        ("slow", 0.8, ErrorCode.INFERENCE_TIMEOUT),
        ("failing", 10.0, ErrorCode.INFERENCE_UNAVAILABLE),
        ("without logits", 10.0, ErrorCode.INFERENCE_UNUSABLE),
        ("huge", 10.0, ErrorCode.INFERENCE_UNAVAILABLE),
        ("no numbers for one", 10.0, ErrorCode.INFERENCE_REFUSED),
        ("failing for one", 10.0, ErrorCode.INFERENCE_REFUSED),
        ("refusing one", 10.0, ErrorCode.INFERENCE_REFUSED),
    ],
)
@hole("C7")
async def test_what_fails_on_everything_is_waited_for_and_what_fails_on_one_is_a_letter(
    odd_triton: OddTriton, model: str, mood: str, seconds: float, code: ErrorCode
) -> None:
    async with started(odd_triton, model, seconds) as engine:
        odd_triton.mood(model, mood)
        with pytest.raises(StreamprocError) as caught:
            await engine.infer(clips(320, 640))
        assert caught.value.code is code


BOUNDED = """dynamic_batching {
  default_queue_policy { max_queue_size: 2 timeout_action: REJECT default_timeout_microseconds: MICROSECONDS }
}
instance_group"""
LEVELS = """dynamic_batching { priority_levels: 2 default_priority_level: 1 }
instance_group"""


@pytest.mark.parametrize("microseconds", ["20000000", "100000"], ids=["full", "waited in vain"])
async def test_a_full_queue_is_waited_for_and_is_no_failure_of_the_server(
    odd_triton: OddTriton, own_model: str, microseconds: str
) -> None:
    bounded = ("instance_group", BOUNDED.replace("MICROSECONDS", microseconds))
    odd_triton.write(own_model, bounded, ("max_batch_size: 4", "max_batch_size: 1"))
    odd_triton.load(own_model)
    async with started(odd_triton, own_model) as engine:
        endpoint = endpoint_of(engine)
        limit = endpoint.limiter.limit
        odd_triton.mood(own_model, "leisurely")
        calls = [asyncio.create_task(engine.infer(clips(320))) for _ in range(6)]
        await asyncio.sleep(0.5)
        assert endpoint.limiter.limit < limit, "it has refused some"
        # A worker that starts meanwhile does start.
        async with started(odd_triton, own_model):
            pass
        assert all(len(answer.logits) == 1 for answer in await asyncio.gather(*calls))
        assert endpoint.available
        assert endpoint.tally.failures == 0


async def test_a_queue_that_stays_full_says_so_in_the_end(odd_triton: OddTriton, own_model: str) -> None:
    bounded = ("instance_group", BOUNDED.replace("MICROSECONDS", "20000000"))
    odd_triton.write(own_model, bounded, ("max_batch_size: 4", "max_batch_size: 1"))
    odd_triton.load(own_model)
    async with started(odd_triton, own_model) as others, started(odd_triton, own_model, seconds=1) as engine:
        endpoint_of(others)
        endpoint_of(engine)
        odd_triton.mood(own_model, "leisurely")
        filling = [asyncio.create_task(others.infer(clips(320))) for _ in range(6)]
        await asyncio.sleep(0.3)
        ends = await asyncio.gather(*(engine.infer(clips(320)) for _ in range(3)), return_exceptions=True)
        codes = {end.code for end in ends if isinstance(end, StreamprocError)}
        assert ErrorCode.INFERENCE_BUSY in codes
        assert {code.error_class for code in codes} == {ErrorClass.TRANSIENT}
        await asyncio.gather(*filling)


async def test_triton_takes_a_live_request_before_the_replays_that_wait_in_its_queue(
    odd_triton: OddTriton, own_model: str
) -> None:
    """Two workers: the queue of the one cannot put the requests of the other in order, Triton's alone can."""
    levels = ("instance_group", LEVELS)
    odd_triton.write(own_model, levels, ("max_batch_size: 4", "max_batch_size: 1"))
    odd_triton.load(own_model)
    async with started(odd_triton, own_model, seconds=60) as replaying, started(odd_triton, own_model) as live:
        endpoint_of(replaying)
        odd_triton.mood(own_model, "leisurely")
        answered: list[Priority] = []

        async def call(engine: TritonPool, priority: Priority) -> None:
            await engine.infer(clips(320), priority)
            answered.append(priority)

        async with asyncio.TaskGroup() as calls:
            for _ in range(6):
                calls.create_task(call(replaying, Priority.REPLAY))
            await asyncio.sleep(0.5)
            calls.create_task(call(live, Priority.LIVE))
    # One replay was being worked on when it came, and Triton hands the next one to the model ahead of time.
    assert Priority.LIVE in answered[:3]
    assert len(answered) == 7


@hole("C7")
async def test_a_model_that_goes_is_waited_for(odd_triton: OddTriton, own_model: str) -> None:
    async with started(odd_triton, own_model) as engine:
        odd_triton.unload(own_model)
        with pytest.raises(StreamprocError) as caught:
            await engine.infer(clips(320))
        assert caught.value.code is ErrorCode.INFERENCE_UNAVAILABLE
        odd_triton.load(own_model)
        await engine.infer(clips(320))


@pytest.mark.parametrize(("before", "after"), OTHERS.values(), ids=OTHERS)
@hole("C7")
async def test_a_model_that_becomes_another_is_waited_for(
    odd_triton: OddTriton, own_model: str, before: str, after: str
) -> None:
    async with started(odd_triton, own_model) as engine:
        odd_triton.write(own_model, (before, after))
        odd_triton.load(own_model)
        with pytest.raises(StreamprocError) as caught:
            await engine.infer(clips(320, 640))
        assert caught.value.code.error_class is ErrorClass.TRANSIENT
        odd_triton.write(own_model)
        odd_triton.load(own_model)
        await engine.infer(clips(320, 640))


@hole("C7")
async def test_a_model_of_smaller_batches_is_sent_smaller_batches(odd_triton: OddTriton, own_model: str) -> None:
    async with started(odd_triton, own_model) as engine:
        odd_triton.write(own_model, ("max_batch_size: 4", "max_batch_size: 1"))
        odd_triton.load(own_model)
        assert len((await engine.infer(clips(320, 640, 960))).logits) == 3


@hole("D5")
async def test_an_answer_names_the_model_that_gave_it(odd_triton: OddTriton, own_model: str) -> None:
    async with started(odd_triton, own_model) as engine:
        assert (await engine.infer(clips(320))).model == ModelIdentity(own_model, "1", "00ff")
        odd_triton.write(own_model, ("00ff", "11ee"))
        odd_triton.load(own_model)
        assert (await engine.infer(clips(320))).model == ModelIdentity(own_model, "1", "11ee")
        odd_triton.write(own_model, ("00ff", "22dd"), version="2")
        odd_triton.load(own_model)
        assert (await engine.infer(clips(320))).model == ModelIdentity(own_model, "2", "22dd") == engine.model


@hole("D5")
async def test_models_that_are_replaced_under_load_are_never_confused(odd_triton: OddTriton, own_model: str) -> None:
    """The clip's length in the answer stands for the weights: the model of the second half adds one to it."""
    code = odd_triton.models / own_model / "1/model.py"
    async with started(odd_triton, own_model) as engine:
        answers = [asyncio.create_task(engine.infer(clips(320))) for _ in range(40)]
        odd_triton.write(own_model, ("00ff", "11ee"))
        code.write_text(code.read_text().replace("0] = lengths", "0] = lengths + 1"))
        loading = asyncio.create_task(asyncio.to_thread(odd_triton.load, own_model))
        while not loading.done():
            answers.append(asyncio.create_task(engine.infer(clips(320))))
            await asyncio.sleep(0.01)
        answers.append(asyncio.create_task(engine.infer(clips(320))))
        found = {(one.model.sha256, int(one.logits[0][0, 0])) for one in await asyncio.gather(*answers)}
    assert found == {("00ff", 320), ("11ee", 321)}


@hole("D5")
async def test_calls_at_once_share_a_look_at_the_model(odd_triton: OddTriton, model: str) -> None:
    async with started(odd_triton, model, audio=600) as engine:
        server = endpoint_of(engine).server
        before = server.looks
        await asyncio.gather(*(engine.infer(clips(320)) for _ in range(64)))
        assert server.looks - before <= 40


async def test_nobody_answers() -> None:
    with pytest.raises(StreamprocError) as caught:
        async with started(f"127.0.0.1:{free_port()}", "good", seconds=2):
            pass
    assert caught.value.code is ErrorCode.INFERENCE_UNAVAILABLE
