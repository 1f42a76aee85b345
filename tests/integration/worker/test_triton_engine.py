"""The Triton engine on a real Triton: good answers, and everything that may come instead."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.engine import Samples
from streamproc.inference.triton import TritonEngine
from streamproc.localstack.triton import TritonPart

from .worker_process import free_port

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
MODELS = ("good", "slow", "no_numbers", "narrow", "long", "failing", "choosy")


@pytest.fixture(scope="module")
def odd_triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Triton that serves them all, and two models that are not ours."""
    folder = tmp_path_factory.mktemp("odd-triton")
    models = folder / "models"
    other = {"unbatched": ("max_batch_size: 4", "max_batch_size: 0"), "other": ("AUDIO", "SOUND")}
    for name in (*MODELS, *other):
        (models / name / "1").mkdir(parents=True)
        shutil.copy(Path(__file__).parent / "odd_models/model.py", models / name / "1/model.py")
        text = CONFIGURATION.replace("dims: [ -1, 41 ]", "dims: [ -1, -1 ]") if name == "narrow" else CONFIGURATION
        (models / name / "config.pbtxt").write_text(text.replace(*other.get(name, ("", ""))))
    part = TritonPart(folder / "triton", models=models, tie=True)
    try:
        part.start()
        yield part.address
    finally:
        part.stop()


@asynccontextmanager
async def started(url: str, model: str, seconds: float = 10.0, in_flight: int = 8) -> AsyncIterator[TritonEngine]:
    engine = TritonEngine(url, model, "", seconds, in_flight)
    try:
        await engine.start()
        yield engine
    finally:
        await engine.close()


def clips(*lengths: int) -> list[Samples]:
    return [np.zeros(length, np.float32) for length in lengths]


async def test_answers_come_in_the_order_of_the_clips_whatever_their_number(odd_triton: str) -> None:
    lengths = [320, 16_000, 1_600, 640, 3_200, 960, 12_800, 6_400, 320]
    async with started(odd_triton, "good") as engine:
        answers = (await engine.infer(clips(*lengths))).logits
    # Nine clips take three calls: a call has at most the model's batch of four.
    assert [len(answer) for answer in answers] == [length // 320 for length in lengths]
    assert [int(answer[0, 0]) for answer in answers] == lengths


async def test_calls_wait_for_a_place(odd_triton: str) -> None:
    async with started(odd_triton, "slow", in_flight=1) as engine:
        first, second = await asyncio.gather(engine.infer(clips(320)), engine.infer(clips(640)))
    assert max(first.waited, second.waited) > 1
    assert min(first.waited, second.waited) < 1
    assert min(first.worked, second.worked) > 1


async def test_the_model_is_named_exactly(odd_triton: str) -> None:
    engine = TritonEngine(odd_triton, "good", "", 10, 1)
    identity = await engine.start()
    await engine.close()
    assert (identity.name, identity.version, identity.sha256) == ("good", "1", "00ff")


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("absent", ErrorCode.INFERENCE_UNAVAILABLE),
        ("unbatched", ErrorCode.MODEL_UNSUITABLE),
        ("other", ErrorCode.MODEL_UNSUITABLE),
    ],
)
async def test_a_model_that_is_not_ours_is_found_at_the_start(odd_triton: str, model: str, code: ErrorCode) -> None:
    with pytest.raises(StreamprocError) as caught:
        async with started(odd_triton, model):
            pass
    assert caught.value.code is code
    assert model in caught.value.message


@pytest.mark.parametrize(
    ("model", "seconds", "code"),
    [
        ("slow", 0.8, ErrorCode.INFERENCE_TIMEOUT),
        ("no_numbers", 10.0, ErrorCode.INFERENCE_REFUSED),
        ("narrow", 10.0, ErrorCode.MODEL_UNSUITABLE),
        ("long", 10.0, ErrorCode.MODEL_UNSUITABLE),
        ("failing", 10.0, ErrorCode.INFERENCE_UNAVAILABLE),
        ("choosy", 10.0, ErrorCode.INFERENCE_REFUSED),
    ],
)
async def test_answers_that_are_none(odd_triton: str, model: str, seconds: float, code: ErrorCode) -> None:
    async with started(odd_triton, model, seconds) as engine:
        with pytest.raises(StreamprocError) as caught:
            await engine.infer(clips(320, 640))
    assert caught.value.code is code


async def test_nobody_answers() -> None:
    with pytest.raises(StreamprocError) as caught:
        async with started(f"127.0.0.1:{free_port()}", "good", seconds=2):
            pass
    assert caught.value.code is ErrorCode.INFERENCE_UNAVAILABLE
