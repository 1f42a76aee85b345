"""A models.toml that cannot be used stops the worker's start, before anything is asked of anybody: one message that
names the setting, the line and the key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from support.tiny_wav2vec2 import models_toml

from streamproc.app import check_dependencies
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.configured import catalogue_of, create_engine
from streamproc.settings import Settings


def settings_of(file: Path, **triton: Any) -> Settings:
    inference = {"models_file": file, "fallback": "pause"}
    return Settings.model_validate({"inference": inference, "triton": {"model": "tiny", **triton}})


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("padding =", "paddings = 1\npadding =", r"line \d+, tiny\.paddings: unknown key: did you mean padding\?"),
        ('"æ" = "AE"\n', "", r"line \d+, tiny\.mapping: symbol 'æ' is missing"),
        ("blank = 0", "blank = [0, 3]", r"line 12, tiny\.blank: a CTC model has one blank"),
        ('sha256 = "', 'sha256 = "x', r"line 4, tiny\.sha256: no SHA-256"),
    ],
)
async def test_what_is_wrong_in_it_stops_the_start(tmp_path: Path, old: str, new: str, told: str) -> None:
    file = models_toml(tmp_path)
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(StreamprocError) as raised:
        await check_dependencies(settings_of(file))
    assert raised.value.code is ErrorCode.SETTINGS_INVALID
    assert re.fullmatch(rf"STREAMPROC_INFERENCE__MODELS_FILE: {re.escape(str(file))}: {told}.*", raised.value.message)


async def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StreamprocError, match=r"STREAMPROC_INFERENCE__MODELS_FILE: .*none.toml: .*cannot be read"):
        await check_dependencies(settings_of(tmp_path / "none.toml"))


async def test_a_model_that_it_does_not_have_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StreamprocError, match=r"STREAMPROC_TRITON__MODEL: .* has no model 'phonemes'; it has tiny"):
        await check_dependencies(settings_of(models_toml(tmp_path), model="phonemes"))


async def test_the_fallback_serves_by_it_too(tmp_path: Path) -> None:
    file = models_toml(tmp_path)
    tree = Settings.model_validate({
        "inference": {"models_file": file, "fallback": "onnx"},
        "triton": {"model": "tiny"},
        "onnx": {"model": "phonemes"},
    })  # fmt: skip
    with pytest.raises(StreamprocError, match=r"STREAMPROC_ONNX__MODEL: .* has no model 'phonemes'"):
        create_engine(tree)


def test_a_file_that_an_image_names_is_unset_by_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROC_INFERENCE__MODELS_FILE", "")
    assert list(catalogue_of(Settings())) == []
