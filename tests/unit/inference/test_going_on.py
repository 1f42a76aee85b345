"""Who can go on with a recording: a model that says so in Triton, and one whose graph for it lies beside its file."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format
from support.engine_suite import MODEL, REPOSITORY, golden_clip
from tritonclient.grpc.model_config_pb2 import ModelConfig

from streamproc.inference.configuration import read_configuration
from streamproc.inference.engine import Piece
from streamproc.inference.live import LIVE_FILE, LiveModel
from streamproc.inference.onnx import OnnxEngine
from streamproc.inference.served import built_in

SHIPPED = (REPOSITORY / "phonemes/config.pbtxt").read_text()
NUMBERS = 8713


def remembers(configuration: str) -> int:
    config: Any = text_format.Parse(configuration, ModelConfig())
    return read_configuration(config, built_in("phonemes", "")).remembers


def test_the_shipped_model_goes_on() -> None:
    _, after = LiveModel(MODEL.parent / LIVE_FILE).go_on(golden_clip(), None)
    assert remembers(SHIPPED) == len(after) == NUMBERS


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ('"BEFORE"', '"EARLIER"'),
        ('"AFTER"', '"LATER"'),
        ('AFTER" data_type: TYPE_FP32 dims: [ 8713 ]', 'AFTER" data_type: TYPE_FP32 dims: [ 8712 ]'),
        ('AFTER" data_type: TYPE_FP32', 'AFTER" data_type: TYPE_FP64'),
        ("[ 8713 ]", "[ -1 ]"),
    ],
)
def test_one_that_does_not_say_what_it_remembers_is_used_and_never_asked(said: str, instead: str) -> None:
    assert said in SHIPPED
    assert remembers(SHIPPED.replace(said, instead)) == 0


async def after(repository: Path) -> Piece:
    engine = OnnxEngine(repository, built_in("phonemes", ""), 60, 1)
    piece = Piece.going_on(golden_clip(), None)
    try:
        await engine.start()
        await engine.infer([piece])
    finally:
        await engine.close()
    return piece


async def test_the_graph_beside_the_model_must_be_there_and_have_its_weights(tmp_path: Path) -> None:
    folder = tmp_path / "phonemes/2"
    folder.mkdir(parents=True)
    shutil.copy(MODEL, folder)
    assert (await after(tmp_path)).after is None, "there is none"
    shutil.copy(MODEL.parent / LIVE_FILE, folder)
    assert (await after(tmp_path)).after is None, "it has no weights"
    weights = bytearray((MODEL.parent / "model.safetensors").read_bytes())
    (folder / "model.safetensors").write_bytes(weights)
    assert (await after(tmp_path)).after is not None
    numbers = np.frombuffer(weights, np.float32, offset=len(weights) % 4 + 100_000)
    numbers.setflags(write=True)
    numbers *= np.float32(1.5)
    (folder / "model.safetensors").write_bytes(weights)
    assert (await after(tmp_path)).after is None, "they are others"
