"""``streamproc models register`` where MLflow is not installed; with it: tests/model_registry."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.tiny_wav2vec2 import models_toml

from streamproc.cli import cli
from streamproc.cli.failing import Failed
from streamproc.cli.model_changes import ask_gate
from streamproc.contracts.generated.events_control import ControlledModel
from streamproc.inference.models_file import read_models


@pytest.fixture(autouse=True)
def _no_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)


def test_what_to_install_is_told(tmp_path: Path) -> None:
    models = models_toml(tmp_path)
    (tmp_path / "report.json").write_text(json.dumps({"model_sha256": read_models(models)["tiny"].sha256}))
    named = ["--models-file", str(models), "--name", "tiny", "--store", "sqlite:///mlflow.db"]
    ran = CliRunner().invoke(cli, ["models", "register", str(tmp_path / "report.json"), *named])
    assert ran.exit_code == 1
    assert "pip install 'streamproc[mlflow]'" in ran.stderr


def test_promote_says_so_too() -> None:
    model = ControlledModel(name="m", version="1", sha256="a" * 64)
    with pytest.raises(Failed, match=r"pip install 'streamproc\[mlflow\]'.*--force promotes it all the same"):
        ask_gate("sqlite:///mlflow.db", model, model)
