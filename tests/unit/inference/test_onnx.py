"""The ONNX engine in this process: the suite of all engines, and models and installations that are not ours."""

from __future__ import annotations

import asyncio
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.engine_suite import IN_FLIGHT, MODEL, REPOSITORY, EngineSuite, frames_of, noise

from streamproc.errors import ErrorClass, ErrorCode, StreamprocError
from streamproc.inference.engine import Engine
from streamproc.inference.onnx import OnnxEngine
from streamproc.inference.served import built_in


class TestOnnx(EngineSuite):
    """Held to the suite."""

    engine = "onnx"

    def make(self, timeout: float = 60.0) -> Engine:
        """See EngineSuite."""
        return OnnxEngine(REPOSITORY, built_in("phonemes", ""), timeout, IN_FLIGHT)


async def start_of(repository: Path, version: str = "", model: str = "phonemes") -> OnnxEngine:
    engine = OnnxEngine(repository, built_in(model, version), 10, 1)
    try:
        await engine.start()
    finally:
        await engine.close()
    return engine


async def refusal_of(repository: Path, version: str = "") -> StreamprocError:
    with pytest.raises(StreamprocError) as caught:
        await start_of(repository, version)
    assert caught.value.code.error_class is ErrorClass.FATAL
    return caught.value


async def test_without_onnxruntime_the_start_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    error = await refusal_of(REPOSITORY)
    assert error.code is ErrorCode.SETTINGS_INVALID
    assert "pip install 'streamproc[onnx]'" in error.message


@pytest.mark.parametrize("content", [None, b"", b"not a model", MODEL.read_bytes()[:200_000]])
async def test_a_model_that_cannot_be_loaded_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "phonemes/1/model.onnx"
    if content is not None:
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
    error = await refusal_of(tmp_path)
    assert error.code is ErrorCode.MODEL_UNSUITABLE
    assert str(file) in error.message


async def test_the_highest_version_is_taken_unless_one_is_named(tmp_path: Path) -> None:
    for version in ("2", "10", "draft"):
        (tmp_path / "phonemes" / version).mkdir(parents=True)
        shutil.copy(MODEL, tmp_path / "phonemes" / version)
    assert (await start_of(tmp_path)).model.version == "10"
    assert (await start_of(tmp_path, "2")).model.version == "2"
    assert (await refusal_of(tmp_path, "3")).code is ErrorCode.MODEL_UNSUITABLE


class Odd:
    """A session that answers as it is told, whatever it is asked."""

    def __init__(self, logits: Any, frames: Any) -> None:
        self._answer = (logits, frames)

    def run(self, *_: object) -> tuple[Any, Any]:
        """The answer, or what it raises."""
        if isinstance(self._answer[0], Exception):
            raise self._answer[0]
        return self._answer


USELESS = {
    "narrow": (np.zeros((1, 50, 40), np.float32), np.array([50])),
    "flat": (np.zeros((50, 41), np.float32), np.array([50])),
    "two for one": (np.zeros((2, 50, 41), np.float32), np.array([50, 50])),
    "frames of no clip": (np.zeros((1, 50, 41), np.float32), np.array(50)),
    "half the frames": (np.zeros((1, 50, 41), np.float32), np.array([25])),
    "more frames than logits": (np.zeros((1, 50, 41), np.float32), np.array([51])),
    "no numbers": (np.full((1, 50, 41), np.nan, np.float32), np.array([50])),
}


@pytest.mark.parametrize("answer", USELESS.values(), ids=USELESS)
async def test_a_model_of_no_use_is_waited_for_and_makes_no_letter(answer: tuple[Any, Any]) -> None:
    engine = OnnxEngine(REPOSITORY, built_in("phonemes", ""), 10, 1)
    engine._loaded = Odd(*answer)
    try:
        with pytest.raises(StreamprocError) as caught:
            await engine.infer(noise(16_000))
    finally:
        await engine.close()
    assert caught.value.code is ErrorCode.INFERENCE_UNUSABLE


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("Failed to allocate memory for a buffer of size 9")])
async def test_memory_that_runs_out_is_nobodys_fault(error: Exception) -> None:
    engine = OnnxEngine(REPOSITORY, built_in("phonemes", ""), 10, 1)
    engine._loaded = Odd(error, None)
    try:
        with pytest.raises(MemoryError):
            await engine.infer(noise(16_000))
    finally:
        await engine.close()


async def test_a_run_beyond_its_deadline_is_ended_and_its_core_is_free_again() -> None:
    engine = OnnxEngine(REPOSITORY, built_in("phonemes", ""), 60, 1)
    long = np.zeros(1200 * 16_000, np.float32)
    await engine.start()
    try:
        engine._timeout = 0.2
        began = time.perf_counter()
        with pytest.raises(StreamprocError) as caught:
            await engine.infer([long])
        assert caught.value.code is ErrorCode.INFERENCE_TIMEOUT
        assert time.perf_counter() - began < 2  # the whole takes 4 s at the very least
        engine._timeout = 60
        whole = await engine.infer(noise(16_000))
    finally:
        await engine.close()
    assert len(whole.logits[0]) == frames_of(16_000)


def threads() -> int:
    """Threads of this process, onnxruntime's own among them; where the system does not tell, Python's alone."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else threading.active_count()


async def test_it_takes_no_more_threads_than_it_may() -> None:
    before = threads()
    engine = OnnxEngine(REPOSITORY, built_in("phonemes", ""), 60, IN_FLIGHT)
    await engine.start()
    try:
        await asyncio.gather(*(engine.infer(noise(48_000)) for _ in range(20)))
        now = threads()
    finally:
        await engine.close()
    assert now - before <= IN_FLIGHT
