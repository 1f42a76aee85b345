"""models.toml of a model that was made anew."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from streamproc.inference.models_file import read_models
from streamproc.training.declared import declared_anew

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
