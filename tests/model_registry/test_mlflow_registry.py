"""MLflow itself, with a sqlite store: models are known by their SHA-256, and the gate goes by what is registered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from mlflow import MlflowClient
from support.tiny_wav2vec2 import models_toml

from streamproc.cli import cli
from streamproc.cli.failing import Failed
from streamproc.cli.model_changes import ask_gate
from streamproc.contracts.generated.events_control import ControlledModel
from streamproc.inference.models_file import read_models
from streamproc.training.mlflow_registry import MlflowError, MlflowRegistry

CHAMPION = "c" * 64
FIGURES = {
    "recordings_sha256": "d" * 64, "clips": 100, "unscorable": 0, "words": 500, "false_alarms": 0.05, "detection": 0.6,
    "auc": None,
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)  # nothing is left where the tests run
    return f"sqlite:///{tmp_path}/mlflow.db"


def report(sha256: str, **figures: Any) -> dict[str, Any]:
    return {**FIGURES, "model_sha256": sha256, **figures}


def registered(folder: Path, store: str, *more: str, **figures: Any) -> tuple[Result, str]:
    """What the command says of a small model, and the model's SHA-256."""
    models = models_toml(folder)
    sha256 = read_models(models)["tiny"].sha256
    (folder / "report.json").write_text(json.dumps(report(sha256, **figures)))
    named = ["--models-file", str(models), "--name", "tiny", "--store", store]
    return CliRunner().invoke(cli, ["models", "register", str(folder / "report.json"), *named, *more]), sha256


def model(sha256: str) -> ControlledModel:
    return ControlledModel(name="m", version="1", sha256=sha256)


def test_a_model_is_there_with_its_card_its_sha256_and_its_figures(tmp_path: Path, store: str) -> None:
    (tmp_path / "card.md").write_text("# Tiny\n")
    ran, sha256 = registered(tmp_path, store, "--card", str(tmp_path / "card.md"), "--json")
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["registered"] == "1"
    (found,) = MlflowClient(store, store).search_model_versions("name = 'tiny'")
    assert (found.tags["sha256"], found.tags["version"], found.description) == (sha256, "1", "# Tiny\n")
    metrics = MlflowClient(store, store).get_run(found.run_id).data.metrics
    assert (metrics["false_alarms"], metrics["words"]) == (0.05, 500)
    assert "auc" not in metrics


def test_the_same_file_is_one_version_however_often_it_is_judged(tmp_path: Path, store: str) -> None:
    registered(tmp_path, store)
    ran, sha256 = registered(tmp_path, store, false_alarms=0.04)
    assert "version 1 in sqlite" in ran.stdout
    assert len(MlflowClient(store, store).search_model_versions("name = 'tiny'")) == 1
    found = MlflowRegistry(store).find_report(sha256)
    assert found is not None
    assert found["false_alarms"] == 0.04, "the newest report counts"


def test_promote_s_gate_goes_by_what_is_registered(tmp_path: Path, store: str) -> None:
    _, sha256 = registered(tmp_path, store)
    registry = MlflowRegistry(store)
    with pytest.raises(Failed, match=f"the champion {CHAMPION} has no report in sqlite.*streamproc models register"):
        ask_gate(store, model(CHAMPION), model(sha256))
    registry.register("m", CHAMPION, "1", "sha256:c", "", report(CHAMPION))
    ask_gate(store, model(CHAMPION), model(sha256))
    registered(tmp_path, store, false_alarms=0.2)
    with pytest.raises(Failed, match=r"false_alarms is 0\.2000, the champion's 0\.0500"):
        ask_gate(store, model(CHAMPION), model(sha256))


def test_a_report_on_another_model_is_refused(tmp_path: Path, store: str) -> None:
    ran, _ = registered(tmp_path, store, model_sha256=CHAMPION)
    assert ran.exit_code == 1
    assert "evaluate the one that you register" in ran.stderr


def test_a_store_that_cannot_be_used_is_one_message() -> None:
    with pytest.raises(MlflowError, match=r"nowhere://x: MLflow's registry cannot be used: .*nowhere") as raised:
        MlflowRegistry("nowhere://x").find_report(CHAMPION)
    assert "\n" not in str(raised.value)
