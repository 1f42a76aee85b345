"""The commands that change models, at what they refuse: no broker is asked, the state is a given one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result
from support.control_events import model
from support.tiny_wav2vec2 import models_toml

from streamproc.cli import model_changes, model_routing
from streamproc.cli.failing import Failed
from streamproc.contracts.generated.events_control import ControlEvent
from streamproc.errors import StreamprocError
from streamproc.inference.engine import ModelIdentity
from streamproc.routing.control import Canary, ControlState
from streamproc.settings import InferenceSettings, Settings

CONFIGURED = model(1)
REPORT = {"recordings_sha256": "d" * 64, "clips": 100, "words": 500, "false_alarms": 0.05}
SHA = ("--sha256", model(2).sha256)


class Commands:
    """Runs them on a state; remembers the event that is written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, reports: Path) -> None:
        self.state = ControlState()
        self.written: list[ControlEvent] = []
        self._reports = reports
        monkeypatch.setattr(model_routing, "load", Settings)
        monkeypatch.setattr(model_routing, "with_registry", lambda *_: SimpleNamespace(state=self.state))
        monkeypatch.setattr(model_routing, "configured_model", lambda _: CONFIGURED)
        monkeypatch.setattr(model_routing, "tell_workers", self._tell)

    def report(self, version: int, **figures: Any) -> None:
        """Of a model by its version."""
        written = {**REPORT, "model_sha256": model(version).sha256, **figures}
        (self._reports / f"{version}.json").write_text(json.dumps(written))

    def promote(self, *more: str) -> Result:
        """Promote the model of version 2."""
        arguments = ["phonemes/2", *SHA, "--reports", str(self._reports), "--reason", "a test", *more]
        return CliRunner().invoke(model_routing.promote, arguments, standalone_mode=False)

    def run(self, command: Any, *arguments: str) -> Result:
        """Another command."""
        return CliRunner().invoke(command, [*arguments, "--reason", "a test"], standalone_mode=False)

    def _tell(self, _: Settings, __: str, make: Callable[[ControlState], ControlEvent], ___: bool) -> None:
        self.written.append(make(self.state))


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Commands:
    return Commands(monkeypatch, tmp_path)


def refused(result: Result, told: str) -> None:
    assert isinstance(result.exception, Failed), result.output
    assert told in str(result.exception)


def test_a_model_without_a_report_is_not_promoted(commands: Commands) -> None:
    refused(commands.promote(), f"the candidate {model(2).sha256} has no report")
    assert not commands.written


def test_the_report_of_the_champion_that_the_configuration_names_is_asked_for(commands: Commands) -> None:
    commands.report(2)
    refused(commands.promote(), f"the champion {CONFIGURED.sha256} has no report")
    commands.report(1)
    assert commands.promote().exit_code == 0
    assert commands.written[-1].model == model(2)
    assert not commands.written[-1].forced


def test_the_champion_of_the_control_topic_is_the_one_that_counts(commands: Commands) -> None:
    commands.state = ControlState(champion=model(3))
    commands.report(2)
    commands.report(1)
    refused(commands.promote(), f"the champion {model(3).sha256} has no report")


def test_a_worse_model_is_promoted_by_force_alone_and_the_event_says_so(commands: Commands) -> None:
    commands.report(1)
    commands.report(2, false_alarms=0.2)
    refused(commands.promote(), "false_alarms is 0.2000, the champion's 0.0500")
    assert commands.promote("--force").exit_code == 0
    assert commands.written[-1].forced


def test_a_report_of_other_weights_and_a_folder_that_is_not_there_are_refused(
    commands: Commands, tmp_path: Path
) -> None:
    commands.report(1)
    commands.report(2, model_sha256="f" * 64)
    refused(commands.promote(), "has no report")
    refused(commands.promote("--reports", str(tmp_path / "nowhere")), "(--reports), cannot be read")


@pytest.mark.parametrize("state", [ControlState(), ControlState(champion=model(2))])
def test_the_champion_is_not_promoted_again(
    state: ControlState, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_routing, "configured_model", lambda _: model(2))
    commands.state = state
    refused(commands.promote(), "is champion already")


def test_a_champion_that_was_put_back_already_does_not_go_forward_by_a_second_rollback(commands: Commands) -> None:
    commands.state = ControlState(champion=model(3), previous=model(2))
    assert commands.run(model_routing.rollback, "--champion").exception is None
    assert [one.model for one in commands.written] == [model(2)]
    commands.state = ControlState(champion=model(2), previous=model(3), put_back=True)
    again = commands.run(model_routing.rollback, "--champion")
    refused(again, "phonemes/2 has been put back already, in place of phonemes/3: for another, name it to 'streamproc")
    assert len(commands.written) == 1


def test_a_canary_or_shadow_that_is_there_already_does_not_begin_anew(commands: Commands) -> None:
    commands.state = ControlState(canary=Canary("c1", model(2), 0.05), shadow=model(2))
    refused(commands.run(model_routing.canary, "phonemes/2", *SHA, "--share", "5%"), "has this share")
    refused(commands.run(model_routing.shadow, "phonemes/2", *SHA), "is compared already")
    assert commands.run(model_routing.canary, "phonemes/2", *SHA, "--share", "10%").exit_code == 0
    commands.state = ControlState()
    refused(commands.run(model_routing.shadow, "--off"), "no model is compared")


def test_what_an_engine_logs_is_no_part_of_the_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Telling:
        """Stands in for an engine: it answers, and logs that it does."""

        async def start(self) -> ModelIdentity:
            """See Engine."""
            structlog.get_logger("engine").warning("an endpoint is in use")
            return ModelIdentity("phonemes", "2", model(2).sha256)

        async def close(self) -> None:
            """See Engine."""

    monkeypatch.setattr(model_changes, "engine_of", lambda *_: Telling())
    assert model_changes.identify(Settings(), ("phonemes", "2"), None) == model(2)
    assert "".join(capsys.readouterr()) == ""


def test_a_model_that_models_toml_has_not_is_told_by_the_setting_that_names_the_file(tmp_path: Path) -> None:
    settings = Settings(inference=InferenceSettings(models_file=models_toml(tmp_path)))
    with pytest.raises(
        StreamprocError, match=r" STREAMPROC_INFERENCE__MODELS_FILE: .* has no model 'march' of version 1"
    ):
        model_changes.identify(settings, ("march", "1"), None)


def test_a_reason_is_needed(commands: Commands) -> None:
    result = CliRunner().invoke(model_routing.promote, ["phonemes/2", *SHA, "--force"])
    assert result.exit_code == 2
    assert "--reason" in result.output


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0.05", 0.05), ("100%", 1.0)])
def test_a_share_is_a_part_or_a_percentage(text: str, share: float) -> None:
    assert model_changes.share_of(text) == pytest.approx(share)
