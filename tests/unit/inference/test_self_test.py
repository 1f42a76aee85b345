"""A model's file and what is said of it, compared: onnxruntime runs a small model of a wav2vec2's form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_wav2vec2 import models_toml, onnx

from streamproc.inference.answers import PROBE
from streamproc.inference.form import Fault
from streamproc.inference.model_inputs import inputs_of, unit_variance
from streamproc.inference.models_file import read_models
from streamproc.inference.self_test import file_faults

ROOT = Path(__file__).parents[3]


def faults(folder: Path, content: bytes | None = None, **said: Any) -> list[Fault]:
    tiny = read_models(models_toml(folder, content))["tiny"]
    return file_faults(tiny.model_copy(update={"phoneme_errors": 1.0, **said}), folder / "tiny.onnx")


def test_a_wav2vec2_is_what_is_said_of_it(tmp_path: Path) -> None:
    assert faults(tmp_path) == []


def test_the_shipped_model_is_what_is_said_of_it() -> None:
    declared = read_models(ROOT / "models.toml")["phonemes"]
    assert declared.file is not None
    assert file_faults(declared, ROOT / declared.file) == []


def test_another_file_is_told_by_its_sha256(tmp_path: Path) -> None:
    ((key, told),) = faults(tmp_path, sha256="0" * 64)
    assert key == ("sha256",)
    assert told.startswith("the file's is ")


def test_a_model_that_hears_its_padding_must_hear_clips_alone(tmp_path: Path) -> None:
    ((key, told),) = faults(tmp_path, onnx(masked=False))
    assert key == ("padding",)
    assert 'must it be "alone"?' in told


def test_probabilities_are_not_taken_for_logits_nor_logits_for_probabilities(tmp_path: Path) -> None:
    ((key, told),) = faults(tmp_path, onnx(probabilities=True))
    assert (key, told[:28]) == (("output",), "the model gives probabilitie")
    assert faults(tmp_path, onnx(probabilities=True), output="probabilities") == []
    ((key, told),) = faults(tmp_path, output="probabilities")
    assert (key, told[:31]) == (("output",), "the model gives no probabilitie")


@pytest.mark.parametrize("said", [{"frame_step": 160}, {"frame_window": 0}])
def test_frames_that_are_not_as_said_are_told(tmp_path: Path, said: dict[str, Any]) -> None:
    ((key, told),) = faults(tmp_path, **said)
    assert key == ("frame_step",)
    assert "the model gives 49 frames for 16000 samples" in told


def test_an_alphabet_of_another_size_is_told(tmp_path: Path) -> None:
    tiny = read_models(models_toml(tmp_path))["tiny"]
    ((key, told),) = faults(tmp_path, symbols=(*tiny.symbols, "more"))
    assert (key, told) == (("symbols",), "48 are named, and the model gives 47")


def test_tensors_of_other_names_are_told_with_those_that_are_there(tmp_path: Path) -> None:
    tiny = read_models(models_toml(tmp_path))["tiny"]
    found = faults(tmp_path, tensors=tiny.tensors.model_copy(update={"audio": "audio", "mask": None}))
    assert [key for key, _ in found] == [("tensors", "audio"), ("tensors",)]
    assert "input_values tensor(float) of 2 dimensions" in found[0][1]
    assert found[1][1] == "the model takes input_values, attention_mask too"


def test_a_file_that_is_no_model_or_is_not_there_is_told(tmp_path: Path) -> None:
    ((key, told),) = faults(tmp_path, b"no model")
    assert (key, told[:29]) == (("file",), "the model cannot be loaded or")
    tiny = read_models(tmp_path / "models.toml")["tiny"]
    ((key, told),) = file_faults(tiny, tmp_path / "none.onnx")
    assert "cannot be read: No such file" in told


def test_a_clip_is_normalised_before_it_is_padded(tmp_path: Path) -> None:
    tiny = read_models(models_toml(tmp_path))["tiny"]
    short = PROBE[:5000]
    inputs = inputs_of(tiny, [PROBE, short]).named(tiny.tensors)
    np.testing.assert_array_equal(inputs["input_values"][1, :5000], unit_variance(short))
    assert not inputs["input_values"][1, 5000:].any()
    assert inputs["attention_mask"].sum(axis=1).tolist() == [len(PROBE), 5000]
    assert float(unit_variance(short).std()) == pytest.approx(1.0, abs=1e-2)
    assert np.isfinite(unit_variance(np.zeros(10, np.float32))).all()
