"""The torch engine: the suite of all engines in each precision, beside onnxruntime, and what its settings refuse.

torch takes 5 GB: `make test-torch` installs it into an environment of its own.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from support.engine_suite import AGREE, IN_FLIGHT, REPOSITORY, EngineSuite, golden_clip, noise

from streamproc.errors import ErrorClass, ErrorCode, StreamprocError
from streamproc.inference.engine import Engine
from streamproc.inference.onnx import OnnxEngine
from streamproc.inference.served import built_in
from streamproc.inference.torch import Precision, TorchEngine, TorchOptions
from streamproc.inference.torch_graph import TorchGraph
from streamproc.training.causal import LiveNetwork


def engine_of(repository: Path = REPOSITORY, timeout: float = 60.0, **options: Any) -> TorchEngine:
    return TorchEngine(repository, built_in("phonemes", ""), timeout, IN_FLIGHT, TorchOptions(**options))


class TestTorch(EngineSuite):
    """Held to the suite, on the best device that is here."""

    engine = "torch"
    goes_on = False

    def make(self, timeout: float = 60.0) -> Engine:
        """See EngineSuite."""
        return engine_of(timeout=timeout)


async def test_it_agrees_with_onnxruntime() -> None:
    clips = [golden_clip(), *noise(0, 320, 16_000, 48_000, 200_000), np.zeros(16_000, np.float32)]
    ours, onnxruntime = engine_of(), OnnxEngine(REPOSITORY, built_in("phonemes", ""), 60, 1)
    try:
        assert await ours.start() == await onnxruntime.start()
        one, other = await asyncio.gather(ours.infer(clips), onnxruntime.infer(clips))
    finally:
        await ours.close()
        await onnxruntime.close()
    for found, beside in zip(one.logits, other.logits, strict=True):
        assert found.shape == beside.shape
        assert not len(found) or np.abs(found - beside).max() < AGREE


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
async def test_in_less_precision_it_hears_the_same_phonemes(precision: Precision) -> None:
    exact, reduced = engine_of(), engine_of(precision=precision)
    try:
        await exact.start()
        await reduced.start()
        (one,), (other,) = [(await engine.infer([golden_clip()])).logits for engine in (exact, reduced)]
    finally:
        await exact.close()
        await reduced.close()
    assert one.dtype == other.dtype == np.float32
    assert (one.argmax(1) == other.argmax(1)).mean() > 0.99
    assert np.abs(one - other).max() > AGREE


@pytest.mark.timeout(600)
async def test_compiled_it_agrees() -> None:
    clips = [golden_clip(), *noise(16_000, 0, 1, 500, 48_000, 100_001)]
    plain, compiled = engine_of(), engine_of(compile=True)
    try:
        await plain.start()
        await compiled.start()
        torch._dynamo.utils.counters.clear()
        one, other = await plain.infer(clips), await compiled.infer(clips)
        # What comes after the start waits for no compiler.
        assert not torch._dynamo.utils.counters["stats"].get("unique_graphs")
    finally:
        await plain.close()
        await compiled.close()
    for found, beside in zip(one.logits, other.logits, strict=True):
        assert found.shape == beside.shape
        assert np.abs(found - beside).max(initial=0.0) < AGREE


async def refusal_of(engine: TorchEngine) -> StreamprocError:
    try:
        with pytest.raises(StreamprocError) as caught:
            await engine.start()
    finally:
        await engine.close()
    assert caught.value.code.error_class is ErrorClass.FATAL
    return caught.value


@pytest.mark.parametrize("device", ["cuda:99", "tpu", "mps:7", "xpu", ""])
async def test_a_device_that_is_not_here_is_named(device: str) -> None:
    error = await refusal_of(engine_of(device=device))
    assert error.code is ErrorCode.SETTINGS_INVALID
    assert "STREAMPROC_TORCH__DEVICE" in error.message
    assert "cpu" in error.message


@pytest.mark.parametrize("content", [None, b"", b"not a model"])
async def test_a_model_that_cannot_be_loaded_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "phonemes/1/model.onnx"
    if content is not None:
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
    error = await refusal_of(engine_of(tmp_path))
    assert error.code is ErrorCode.MODEL_UNSUITABLE
    assert str(file) in error.message


async def test_an_operator_that_it_does_not_know_is_named(tmp_path: Path) -> None:
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Det", ["audio"], ["logits"], name="odd")],
        "odd",
        [info("audio", onnx.TensorProto.FLOAT, ["n", "n"])],
        [info("logits", onnx.TensorProto.FLOAT, [])],
    )
    (tmp_path / "phonemes/1").mkdir(parents=True)
    onnx.save(onnx.helper.make_model(graph), tmp_path / "phonemes/1/model.onnx")
    error = await refusal_of(engine_of(tmp_path))
    assert error.code is ErrorCode.MODEL_UNSUITABLE
    assert "Det" in error.message


async def test_memory_that_the_accelerator_lacks_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(*_: object) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")

    engine = engine_of()
    try:
        await engine.start()
        monkeypatch.setattr("streamproc.inference.torch._outputs", run_out)
        with pytest.raises(StreamprocError) as caught:
            await engine.infer(noise(16_000))
    finally:
        await engine.close()
    assert caught.value.code is ErrorCode.INFERENCE_UNAVAILABLE
    assert caught.value.code.error_class is ErrorClass.TRANSIENT


async def test_on_a_cpu_a_run_has_one_core() -> None:
    engine = engine_of(device="cpu")
    try:
        await engine.start()
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(engine._threads, torch.get_num_threads) == 1
    finally:
        await engine.close()


def test_the_network_that_hears_live_runs_too(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = LiveNetwork().eval()
    audio, lengths = 0.1 * torch.randn(3, 20_000), torch.tensor([20_000, 9_000, 0])
    torch.onnx.export(
        network, (audio[:2], lengths[:2]), str(tmp_path / "model.onnx"), dynamo=False, opset_version=17,
        input_names=["audio", "lengths"], output_names=["logits", "frames"],
        dynamic_axes={"audio": {0: "b", 1: "n"}, "lengths": {0: "b"}, "logits": {0: "b", 1: "f"}, "frames": {0: "b"}},
    )  # fmt: skip
    graph = TorchGraph((tmp_path / "model.onnx").read_bytes(), torch.float32).eval()
    with torch.inference_mode():
        expected, frames = network(audio, lengths)
        found = graph({"audio": audio, "lengths": lengths})
    assert found["frames"].tolist() == frames.tolist()
    assert (found["logits"] - expected).abs().max() < AGREE


def test_a_worker_with_another_engine_loads_no_torch() -> None:
    script = "import sys, streamproc.app; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert {"torch", "onnx"}.isdisjoint(done.stdout.split())
