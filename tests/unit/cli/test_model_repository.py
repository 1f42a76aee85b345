"""``streamproc models repository``: what Triton loads, from what models.toml says."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from click.testing import CliRunner, Result
from support.tiny_wav2vec2 import SYMBOLS, models_toml, onnx

from streamproc.cli import cli


def written(file: Path, folder: Path, *more: str) -> Result:
    return CliRunner().invoke(cli, ["models", "repository", str(file), str(folder), *more])


def test_a_model_lies_where_triton_looks_for_it_with_its_tensors_and_its_digest(tmp_path: Path) -> None:
    ran = written(models_toml(tmp_path), tmp_path / "repository")
    assert ran.exit_code == 0, ran.output
    folder = tmp_path / "repository/tiny"
    assert (folder / "1/model.onnx").read_bytes() == onnx()
    config = (folder / "config.pbtxt").read_text()
    assert 'backend: "onnxruntime"' in config
    assert 'name: "input_values" data_type: TYPE_FP32 dims: [ -1 ]' in config
    assert 'name: "attention_mask" data_type: TYPE_INT64 dims: [ -1 ]' in config
    assert f'name: "logits" data_type: TYPE_FP32 dims: [ -1, {len(SYMBOLS)} ]' in config
    assert hashlib.sha256(onnx()).hexdigest() in config
    assert not (folder / "1/model.py").exists()


def test_a_model_that_hears_clips_alone_gets_no_batches(tmp_path: Path) -> None:
    written(models_toml(tmp_path, padding='"alone"'), tmp_path / "repository")
    config = (tmp_path / "repository/tiny/config.pbtxt").read_text()
    assert "max_batch_size: 1\n" in config
    assert "dynamic_batching" not in config
    assert "attention_mask" not in config


def test_for_a_triton_that_has_python_alone_the_model_brings_its_own_backend(tmp_path: Path) -> None:
    ran = written(models_toml(tmp_path), tmp_path / "repository", "--backend", "python", "--json")
    assert json.loads(ran.stdout) == {"written": {"tiny": str(tmp_path / "repository/tiny")}}
    assert "class TritonPythonModel" in (tmp_path / "repository/tiny/1/model.py").read_text()


def test_another_file_than_is_declared_is_refused(tmp_path: Path) -> None:
    file = models_toml(tmp_path)
    (tmp_path / "tiny.onnx").write_bytes(b"another")
    ran = written(file, tmp_path / "repository")
    assert ran.exit_code != 0
    assert re.search(r"has the SHA-256 [0-9a-f]{64}; pinned is", str(ran.exception) + ran.output)


def test_what_is_wrong_in_the_file_is_told(tmp_path: Path) -> None:
    file = models_toml(tmp_path)
    file.write_text(file.read_text("utf-8").replace("blank = 0", "blank = 99"), "utf-8")
    ran = written(file, tmp_path / "repository")
    assert ran.exit_code != 0
    assert "tiny.blank: 99 is no place" in str(ran.exception) + ran.output


def test_a_folder_that_cannot_be_written_and_a_file_that_is_not_there_are_told(tmp_path: Path) -> None:
    file = models_toml(tmp_path)
    (tmp_path / "taken").write_text("no folder")
    ran = written(file, tmp_path / "taken/repository", "--json")
    assert (ran.exit_code, "Not a directory" in json.loads(ran.stdout)["error"]["message"]) == (1, True), ran.output
    (tmp_path / "tiny.onnx").unlink()
    ran = written(file, tmp_path / "repository")
    assert (ran.exit_code, f"{tmp_path / 'tiny.onnx'}: No such file" in ran.stderr) == (1, True), ran.output
