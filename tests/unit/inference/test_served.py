"""Which model the settings mean, and which one an answer is from."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.tiny_wav2vec2 import models_toml

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.engine import ModelIdentity
from streamproc.inference.form import BUILT_IN
from streamproc.inference.models_file import read_models
from streamproc.inference.served import Catalogue

SETTING = "STREAMPROC_TRITON__MODEL"


def catalogue(folder: Path) -> Catalogue:
    """Two versions of one model, and another model."""
    file = models_toml(folder)
    tiny = read_models(file)["tiny"]
    newer = tiny.model_copy(update={"model": "tiny", "version": "2", "sha256": "2" * 64})
    return Catalogue({"tiny": tiny, "newer": newer, "other": newer.model_copy(update={"model": None})}, file)


def test_a_model_is_named_by_its_table_or_by_name_and_version(tmp_path: Path) -> None:
    models = catalogue(tmp_path)
    assert models.pick("newer", "", SETTING).identity == ModelIdentity("tiny", "2", "2" * 64)
    assert models.pick("tiny", "", SETTING).version == "1"
    assert models.pick("other", "2", SETTING).name == "other"


@pytest.mark.parametrize(("name", "version", "what"), [("none", "", "'none'"), ("tiny", "3", "'tiny' of version 3")])
def test_one_that_is_not_there_is_told_with_those_that_are(tmp_path: Path, name: str, version: str, what: str) -> None:
    with pytest.raises(StreamprocError) as raised:
        catalogue(tmp_path).pick(name, version, SETTING)
    assert raised.value.code is ErrorCode.SETTINGS_INVALID
    assert raised.value.message.startswith(f"{SETTING}: {tmp_path / 'models.toml'} has no model {what}; it has tiny")


def test_an_answer_is_of_the_model_with_its_sha256(tmp_path: Path) -> None:
    models = catalogue(tmp_path)
    assert models.of(ModelIdentity("renamed", "9", "2" * 64)).key == "newer"
    unknown = models.of(ModelIdentity("tiny", "1", "3" * 64))
    assert (unknown.key, unknown.form) == ("", BUILT_IN)


def test_without_a_file_a_model_is_of_the_shipped_form() -> None:
    picked = Catalogue.read(None).pick("anything", "7", SETTING)
    assert (picked.name, picked.version, picked.form, picked.declared) == ("anything", "7", BUILT_IN, None)
