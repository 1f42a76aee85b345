"""``streamproc models check``: what it says, and its exit codes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.tiny_wav2vec2 import models_toml

from streamproc.cli import cli


def check(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["models", "check", *arguments])


def test_a_model_that_is_as_said_is_good_and_the_engines_that_can_serve_it_are_told(tmp_path: Path) -> None:
    ran = check(str(models_toml(tmp_path)))
    assert ran.exit_code == 0, ran.output
    assert "tiny 1: agrees with its file" in ran.stdout
    assert "tiny 1: engines that can serve it: triton, onnx\n" in ran.stdout


def test_json_tells_each_model(tmp_path: Path) -> None:
    ran = check(str(models_toml(tmp_path)), "--json")
    found = json.loads(ran.stdout)
    assert found["problems"] == []
    assert found["models"]["tiny"]["ok"]
    assert found["models"]["tiny"]["engines"] == ["triton", "onnx"]


def test_a_wrong_sha256_is_told_with_its_line_and_key(tmp_path: Path) -> None:
    file = models_toml(tmp_path)
    (tmp_path / "tiny.onnx").write_bytes(b"another")
    ran = check(str(file))
    assert ran.exit_code == 1
    assert f"{file}: line 4, tiny.sha256: the file's is " in ran.stderr
    ran = check(str(file), "--json")
    assert ran.exit_code == 1
    (problem,) = json.loads(ran.stdout)["problems"]
    assert (problem["line"], problem["key"]) == (4, "tiny.sha256")


def test_a_file_that_is_no_models_toml_is_told(tmp_path: Path) -> None:
    ran = check(str(tmp_path / "none.toml"), "--json")
    assert ran.exit_code == 1
    assert "cannot be read" in json.loads(ran.stdout)["problems"][0]["message"]


def test_a_model_without_a_file_is_not_said_to_have_been_tried(tmp_path: Path) -> None:
    file = models_toml(tmp_path)
    file.write_text(file.read_text("utf-8").replace('file = "tiny.onnx"\n', ""), "utf-8")
    ran = check(str(file))
    assert ran.exit_code == 0
    assert "it names no file to try" in ran.stdout


def test_what_could_not_be_tried_is_not_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    ran = check(str(models_toml(tmp_path)))
    assert ran.exit_code == 1
    assert "pip install 'streamproc[onnx]'" in ran.stderr
