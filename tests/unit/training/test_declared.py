"""models.toml of a model that was made anew."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from streamproc.inference.models_file import read_models
from streamproc.inference.self_test import fingerprint_of
from streamproc.training.declared import declared_anew, fingerprinted_anew

DECLARED = Path(__file__).parents[3] / "models.toml"
DIGEST = "ab" * 32


def test_version_file_and_digest_of_that_model_change_and_nothing_else(tmp_path: Path) -> None:
    text = DECLARED.read_text("utf-8")
    other = text.replace("[phonemes", "[other")
    (tmp_path / "models.toml").write_text(
        declared_anew(other + text, "phonemes", version="3", file="models/phonemes/3/model.onnx", sha256=DIGEST)
    )
    models = read_models(tmp_path / "models.toml")
    assert (models["phonemes"].version, models["phonemes"].sha256) == ("3", DIGEST)
    assert models["phonemes"].file == "models/phonemes/3/model.onnx"
    assert models["other"].sha256 == read_models(DECLARED)["phonemes"].sha256
    before, after = (other + text).splitlines(), (tmp_path / "models.toml").read_text("utf-8").splitlines()
    changed = [line for line in difflib.unified_diff(before, after, n=0) if line.startswith(("+", "-"))]
    assert len(changed) == 2 + 2 * 3


@pytest.mark.parametrize(
    ("name", "without", "message"),
    [("phoneme", "", r"no table \[phoneme\]"), ("phonemes", "sha256", "no line sha256")],
)
def test_a_model_that_is_not_declared_is_no_guess(name: str, without: str, message: str) -> None:
    lines = DECLARED.read_text("utf-8").splitlines(keepends=True)
    text = "".join(line for line in lines if not without or not line.startswith(without))
    with pytest.raises(ValueError, match=message):
        declared_anew(text, name, version="3", file="models/phonemes/3/model.onnx", sha256=DIGEST)


def test_the_fingerprint_of_that_model_is_written_anew(tmp_path: Path) -> None:
    text = DECLARED.read_text("utf-8")
    other = text.replace("[phonemes", "[other")
    (tmp_path / "models.toml").write_text(fingerprinted_anew(other + text, "phonemes", range(32)))
    models = read_models(tmp_path / "models.toml")
    assert models["phonemes"].fingerprint == tuple(range(32))
    assert models["other"] == read_models(DECLARED)["phonemes"]


def test_a_fingerprint_that_was_not_there_is_added(tmp_path: Path) -> None:
    text = DECLARED.read_text("utf-8")
    before, _, after = text.partition("fingerprint = [")
    (tmp_path / "models.toml").write_text(fingerprinted_anew(before + after.partition("]\n")[2], "phonemes", range(32)))
    assert read_models(tmp_path / "models.toml")["phonemes"].fingerprint == tuple(range(32))


def test_the_shipped_fingerprint_is_the_shipped_file_s_and_is_written_as_it_stands() -> None:
    text = DECLARED.read_text("utf-8")
    shipped = read_models(DECLARED)["phonemes"]
    assert shipped.file is not None
    assert fingerprinted_anew(text, "phonemes", fingerprint_of(shipped, DECLARED.parent / shipped.file)) == text
