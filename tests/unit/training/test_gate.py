"""Whether a model may take another's place, by what was written of both."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from streamproc.training.gate import LEAST_WORDS, WORSE_BY, gate, gate_of

CHAMPION: dict[str, Any] = {
    "model_sha256": "c" * 64, "recordings_sha256": "d" * 64, "clips": 100, "unscorable": 2, "words": 500,
    "false_alarms": 0.05, "detection": 0.60, "detection_of_misread": 0.50, "auc": 0.85, "word_pcc": 0.55,
    "phone_error_rate": 0.12, "calibration_error": 0.03, "accuracy_error": 0.04,
}  # fmt: skip


def candidate(**changed: Any) -> dict[str, Any]:
    return {**CHAMPION, "model_sha256": "a" * 64, **changed}


def test_a_model_that_is_as_good_may() -> None:
    verdict = gate(CHAMPION, candidate())
    assert verdict.ok
    assert verdict.figures.keys() == WORSE_BY.keys()
    assert (verdict.candidate_sha256, verdict.champion_sha256) == ("a" * 64, "c" * 64)


@pytest.mark.parametrize(
    ("name", "within", "beyond"),
    [
        ("false_alarms", 0.0599, 0.0601),
        ("detection", 0.571, 0.569),
        ("auc", 0.841, 0.839),
        ("phone_error_rate", 0.1299, 0.1301),
        ("unscorable", 2, 4),
    ],
)
def test_a_figure_may_be_worse_by_its_bound_and_no_more(name: str, within: float, beyond: float) -> None:
    assert gate(CHAMPION, candidate(**{name: within})).ok
    (refusal,) = gate(CHAMPION, candidate(**{name: beyond})).refusals
    assert refusal.startswith(name)


def test_better_figures_are_never_refused() -> None:
    assert gate(CHAMPION, candidate(false_alarms=0.0, detection=1.0, auc=1.0, phone_error_rate=0.0)).ok


def test_a_figure_that_the_candidate_has_not_is_refused_and_one_that_the_champion_has_not_is_passed_over() -> None:
    assert gate(CHAMPION, candidate(auc=None)).refusals == (
        "auc is missing, the champion's 0.8500; it may be 0.01 worse",
    )
    assert gate({**CHAMPION, "auc": None}, candidate(auc=0.1)).ok


def test_reports_of_different_recordings_say_nothing() -> None:
    (refusal,) = gate(CHAMPION, candidate(recordings_sha256="e" * 64)).refusals
    assert "different recordings" in refusal


def test_a_report_of_a_few_words_says_nothing() -> None:
    (refusal,) = gate(CHAMPION, candidate(words=LEAST_WORDS - 1)).refusals
    assert f"is of {LEAST_WORDS - 1} words" in refusal


def test_what_is_no_report_is_refused() -> None:
    assert gate(CHAMPION, {}).refusals[0] == "the candidate's report has no model_sha256"


def test_the_first_model_only_needs_a_report() -> None:
    assert gate(None, candidate(false_alarms=0.9)).ok
    assert not gate(None, {}).ok


def test_bounds_may_be_others_but_of_figures_alone() -> None:
    assert gate(CHAMPION, candidate(false_alarms=0.2), {"false_alarms": 0.2}).ok
    with pytest.raises(ValueError, match="falsehoods: no figure"):
        gate(CHAMPION, candidate(), {"falsehoods": 0.1})


def test_reports_are_found_by_the_models_digest_the_newest_first(tmp_path: Path) -> None:
    for number, alarms in enumerate((0.5, 0.05)):
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(candidate(false_alarms=alarms)))
        os.utime(file, (number, number))
    (tmp_path / "champion.json").write_text(json.dumps(CHAMPION))
    (tmp_path / "notes.json").write_text("no JSON")
    verdict = gate_of(tmp_path, "c" * 64, "a" * 64)
    assert verdict.figures["false_alarms"].candidate == 0.05
    assert verdict.ok


@pytest.mark.parametrize(("champion", "other", "whose"), [("c", "b", "candidate"), ("b", "a", "champion")])
def test_a_model_without_a_report_is_refused(tmp_path: Path, champion: str, other: str, whose: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps(candidate()))
    (tmp_path / "c.json").write_text(json.dumps(CHAMPION))
    verdict = gate_of(tmp_path, champion * 64, other * 64)
    assert not verdict.ok
    assert verdict.refusals[0].startswith(f"the {whose} {'b' * 64} has no report")


def test_a_report_that_is_broken_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(CHAMPION))
    (tmp_path / "a.json").write_text(json.dumps(candidate())[:-40])
    (refusal,) = gate_of(tmp_path, "c" * 64, "a" * 64).refusals
    assert "has no report" in refusal
    assert "a.json" in refusal


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("words", "many", "has no words"),
        ("clips", 0, "has no clips"),
        ("model_sha256", 7, "has no model_sha256"),
        ("auc", [0.9], "has no number as auc"),
        ("false_alarms", math.nan, "has no number as false_alarms"),
        ("unscorable", "few", "has no number as unscorable"),
    ],
)
def test_figures_that_are_none_are_refused(key: str, value: object, told: str) -> None:
    for refusals in (
        gate(CHAMPION, candidate(**{key: value})).refusals,
        gate({**CHAMPION, key: value}, candidate()).refusals,
    ):
        assert any(told in refusal for refusal in refusals)


def test_a_folder_that_is_not_there_is_no_gate(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        gate_of(tmp_path / "nowhere", "c" * 64, "a" * 64)
