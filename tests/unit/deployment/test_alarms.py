"""Alarms name metrics that there are, and ask of them what they can say."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamproc.deployment import alarms as module
from streamproc.deployment.alarms import alarms
from streamproc.telemetry.objectives import objectives

ROW = 'meaning = "m"\nstatistic = "{}"\nabove = 1\nperiod = 60\nperiods = 1\nsilence = "breaching"\nurgency = "page"\n'


def test_the_backlog_may_be_as_old_as_its_objective_says() -> None:
    (within,) = [one.within for one in objectives() if one.name == "outcome"]
    (alarm,) = [one for one in alarms() if one.name == "backlog_age"]
    assert alarm.threshold == within


def test_workers_that_are_gone_raise_an_alarm() -> None:
    assert [one.name for one in alarms() if one.silence == "breaching"] == ["no_workers"]


@pytest.mark.parametrize(
    ("statistic", "rest", "reason"),
    [
        ("Sum", 'metric = "streamproc_lag"', r"\[one\]: streamproc_lag is no metric"),
        ("Maximum", 'metric = "streamproc_results"', "Maximum says nothing about a counter"),
        ("Sum", 'metric = "streamproc_outcome_age"', "Sum says nothing about a histogram"),
        ("Sum", 'metric = "streamproc_results"\nwhere = { code = "X" }', "streamproc_results has no label code"),
    ],
)
def test_a_wrong_alarm_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statistic: str, rest: str, reason: str
) -> None:
    file = tmp_path / "alarms.toml"
    file.write_text(f"[one]\n{ROW.format(statistic)}{rest}\n")
    monkeypatch.setattr(module, "_FILE", file)
    with pytest.raises(ValueError, match=reason):
        alarms.__wrapped__()
