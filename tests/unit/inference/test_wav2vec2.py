"""A wav2vec2 in this process: its own tensors, alphabet, frames and normalised input, by onnxruntime."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.hearing_wav2vec2 import onnx
from support.tiny_wav2vec2 import models_toml

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.golden import golden_clip, phoneme_errors
from streamproc.inference.model_inputs import inputs_of
from streamproc.inference.onnx import OnnxEngine
from streamproc.inference.self_test import file_faults
from streamproc.inference.served import Catalogue, ServedModel


def declared(folder: Path, content: bytes, **said: Any) -> ServedModel:
    """The model, in a repository and in a models.toml."""
    (folder / "repository/ipa/1").mkdir(parents=True)
    (folder / "repository/ipa/1/model.onnx").write_bytes(content)
    model = Catalogue.read(models_toml(folder, content, "ipa", **said)).get("ipa")
    assert model is not None
    return model


@asynccontextmanager
async def started(folder: Path, model: ServedModel) -> AsyncIterator[OnnxEngine]:
    engine = OnnxEngine(folder / "repository", model, 60, 1)
    try:
        await engine.start()
        yield engine
    finally:
        await engine.close()


async def test_it_hears_what_is_said(tmp_path: Path) -> None:
    model = declared(tmp_path, onnx())
    assert model.declared is not None
    assert file_faults(model.declared, tmp_path / "ipa.onnx") == []
    async with started(tmp_path, model) as engine:
        inference = await engine.infer([golden_clip()])
    (logits,) = inference.logits
    assert inference.model == model.identity
    assert logits.shape == ((len(golden_clip()) - 400) // 320 + 1, 41)
    assert np.exp(logits).sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert phoneme_errors(model.form, logits) <= 1 / 19


async def test_a_clip_shorter_than_its_window_has_no_frame(tmp_path: Path) -> None:
    model = declared(tmp_path, onnx())
    async with started(tmp_path, model) as engine:
        clips = [golden_clip()[:length] for length in (0, 399, 400, 719, 720)]
        assert [len(logits) for logits in (await engine.infer(clips)).logits] == [0, 0, 1, 1, 2]


async def test_one_without_a_mask_hears_clips_alone(tmp_path: Path) -> None:
    model = declared(tmp_path, onnx(masked=False), padding='"alone"')
    async with started(tmp_path, model) as engine:
        short, whole = (await engine.infer([golden_clip()[:16_000], golden_clip()])).logits
        (alone,) = (await engine.infer([golden_clip()[:16_000]])).logits
    np.testing.assert_allclose(short, alone, atol=1e-4)
    assert phoneme_errors(model.form, whole) <= 1 / 19


def test_another_rate_is_made_of_ours(tmp_path: Path) -> None:
    said = {"sample_rate": 8000, "frame_step": 160, "frame_window": 200, "first_centre": 100}
    model = declared(tmp_path, onnx(), **said)
    ready = inputs_of(model.form, [np.sin(np.arange(16_000) / 10).astype(np.float32)])
    assert ready.lengths.tolist() == [8000]
    assert ready.frames == [(8000 - 200) // 160 + 1]
    # A sine of 255 Hz, of variance 1, at half as many samples.
    np.testing.assert_allclose(ready.audio[0, 500:7500], np.sqrt(2) * np.sin(np.arange(500, 7500) / 5), atol=0.02)


async def test_symbols_in_another_order_stop_the_start(tmp_path: Path) -> None:
    model = declared(tmp_path, onnx(turn=1))
    with pytest.raises(StreamprocError, match="do its symbols stand in the order") as raised:
        async with started(tmp_path, model):
            pass
    assert raised.value.code is ErrorCode.MODEL_UNSUITABLE


async def test_other_weights_stop_the_start_with_both_values(tmp_path: Path) -> None:
    model = declared(tmp_path, onnx())
    (tmp_path / "repository/ipa/1/model.onnx").write_bytes(onnx(seed=2))
    with pytest.raises(StreamprocError, match=r"has the SHA-256 [0-9a-f]{64}; pinned is ") as raised:
        async with started(tmp_path, model):
            pass
    assert raised.value.code is ErrorCode.MODEL_UNSUITABLE
    assert raised.value.message.endswith(model.identity.sha256)


async def test_tensors_of_other_names_stop_the_start(tmp_path: Path) -> None:
    model = declared(tmp_path, onnx(masked=False))
    with pytest.raises(StreamprocError, match=r"needed are .*attention_mask") as raised:
        async with started(tmp_path, model):
            pass
    assert raised.value.code is ErrorCode.MODEL_UNSUITABLE
