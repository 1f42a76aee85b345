"""Figures over words and speakers, against counts by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from streamproc.training.people.calibration import calibration_error
from streamproc.training.people.clips import PersonClip
from streamproc.training.people.columns import Columns, columns
from streamproc.training.people.figures import auc, by_age, by_condition, figures, human, report
from streamproc.training.people.verdicts import JudgedWord

_WORD = JudgedWord(0, 0, "cat", (10.0,) * 3, False, -5.0, 3, 0, ("K",), 0, 100)


def _clip(speaker: str, age: int | None, condition: str = "as recorded") -> PersonClip:
    return PersonClip("c", speaker, age, condition, "cat", (), lambda: np.zeros(1, np.float32))


CLIPS = [_clip("a", 7), _clip("b", 30), _clip("b", 30, "noisy")]
WORDS = [
    _WORD,
    replace(_WORD, flagged=True, wrongness=2.0, errors=2),
    replace(_WORD, clip=1, marks=(3.0, 3.0, 10.0), flagged=True, wrongness=4.0),
    replace(_WORD, clip=1, marks=(6.0, 5.0, 10.0), wrongness=-1.0),
    replace(_WORD, clip=2, marks=(8.0, 9.0, 8.0), wrongness=-3.0),
]


def _columns() -> Columns:
    return columns(WORDS, CLIPS)


def test_shares_are_of_the_words_they_speak_of() -> None:
    found = figures(_columns())
    assert found["false_alarms"] == 0.5  # one of two with full marks
    assert found["detection"] == 1.0
    assert found["detection_of_misread"] == 0.5
    assert found["phone_error_rate"] == pytest.approx(2 / 6)
    assert found["accuracy_error"] == pytest.approx((0.5 + 1 / 3) / 2)


def test_without_marks_every_word_counts_as_read_well() -> None:
    found = figures(columns([replace(word, marks=()) for word in WORDS], CLIPS))
    assert found["false_alarms"] == 0.4
    assert found["detection"] is None
    assert found["auc"] is None


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    rng = np.random.default_rng(1)
    wrongness = rng.integers(0, 5, 40).astype(float)
    misread = rng.random(40) < 0.4
    pairs = list(itertools.product(wrongness[misread], wrongness[~misread]))
    assert auc(wrongness, misread) == pytest.approx(sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs))


def test_a_report_has_intervals_over_speakers() -> None:
    whole = report(_columns(), 3)
    assert (whole["clips"], whole["words"]) == (3, 5)
    interval = whole["false_alarms_interval"]
    assert isinstance(interval, list)
    assert interval[0] <= 0.5 <= interval[1]


def test_groups_hold_their_own_words() -> None:
    assert {name: group["words"] for name, group in by_age(_columns(), WORDS, CLIPS).items()} == {
        "6-11": 2,
        "adults": 3,
    }
    conditions = by_condition(_columns(), WORDS, CLIPS)
    assert {name: group["words"] for name, group in conditions.items()} == {"as recorded": 4, "noisy": 1}


def test_the_human_row_is_each_expert_against_the_others() -> None:
    marks = [(3.0, 10.0, 10.0, 10.0, 10.0), (10.0, 3.0, 3.0, 2.0, 3.0)]
    rows = human([replace(_WORD, marks=given) for given in marks])
    assert rows["false_alarms"] == [1.0, 0, 0, 0, 0]
    assert rows["detection"] == [0.0, 1, 1, 1, 1]
    assert human([replace(_WORD, marks=())]) == {}


def test_a_probability_that_is_one_has_no_calibration_error() -> None:
    sure = replace(_WORD, wrongness=0.0)
    words = [sure, replace(sure, marks=(3.0, 3.0, 3.0))]
    assert calibration_error(columns(words, CLIPS)) == pytest.approx(0)
    assert calibration_error(columns(words[:1], CLIPS)) == pytest.approx(0.5)
