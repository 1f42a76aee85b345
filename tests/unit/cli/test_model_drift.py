"""``streamproc models drift`` at what it cannot read or write: no broker is asked."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.cli import cli, model_drift
from streamproc.routing.drift import Profile


def drift(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["models", "drift", *arguments, "--json"])


def message(ran: Result) -> str:
    told: str = json.loads(ran.stdout)["error"]["message"]
    return told


def test_a_reference_that_is_none_is_told_before_days_of_results_are_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("the results were read first")

    monkeypatch.setattr(model_drift, "with_registry", read)
    (tmp_path / "reference.json").write_text("{}")
    ran = drift("--reference", str(tmp_path / "reference.json"))
    assert ran.exit_code == 2, ran.exception
    assert "is no reference of drift" in message(ran)


@pytest.mark.parametrize("option", ["--save-reference", "--html"])
def test_a_file_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    found = {(date(2026, 1, 5), "phonemes/2", "a" * 64): Profile()}
    monkeypatch.setattr(model_drift, "with_registry", lambda *_: (found, 0))
    ran = drift(option, "/proc/drift")
    assert ran.exit_code == 1, ran.exception
    assert "/proc/drift: " in message(ran)


def test_days_without_results_do_not_replace_a_reference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(model_drift, "with_registry", lambda *_: ({}, 0))
    good = tmp_path / "reference.json"
    good.write_text("of a good week")
    ran = drift("--save-reference", str(good))
    assert ran.exit_code == 1, ran.exception
    assert f"no results in these days: {good} is not written" in message(ran)
    assert good.read_text() == "of a good week"
