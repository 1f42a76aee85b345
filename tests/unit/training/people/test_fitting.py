"""Fitting the word classifier: it finds what decides, and its points flag as many good words as they say."""

from __future__ import annotations

import numpy as np
import pytest

from streamproc.scoring.evidence import EVIDENCE
from streamproc.scoring.usual import Usual
from streamproc.training.people import descent
from streamproc.training.people.fitting import POINTS, Examples, apart_odds, fit


def _words(rng: np.random.Generator, count: int) -> Examples:
    table = rng.standard_normal((count, len(EVIDENCE)))
    odds = 2 * table[:, 3] - table[:, 8] - 1
    labels = (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(float)
    speakers = rng.integers(10, size=count).astype(str)
    return Examples(
        table,
        labels,
        labels == 0,
        np.zeros(count, bool),
        speakers,
        rng.uniform(-2, -1, count // 5),
        np.linspace(0.1, 0.4, count // 5),
    )


def test_the_probability_is_one_and_the_points_are_shares_of_good_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descent, "STEPS", 60)  # enough for two columns
    rng = np.random.default_rng(1)
    found = fit("sha", _words(rng, 3000), _words(rng, 2000), _words(rng, 500), _words(rng, 200), Usual.unknown())
    fresh = _words(rng, 20_000)
    said = found.probabilities(fresh.table)
    assert abs(said.mean() - fresh.labels.mean()) < 0.02
    sure = said > 0.8
    assert abs(said[sure].mean() - fresh.labels[sure].mean()) < 0.03
    for name, share in POINTS.items():
        assert abs((said[fresh.full] > found.points[name]).mean() - share) < 0.03
    assert -2 < found.least_fit < -1.9
    assert found.most_blur == 0.4  # the most of a longer reading


def test_no_word_of_a_speaker_helps_to_judge_that_speaker_in_longer_readings_neither(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(descent, "STEPS", 60)
    rng = np.random.default_rng(2)
    unheard, few = _words(rng, 600), _words(rng, 50)
    # Labels without any reason: who can tell them has seen them.
    unheard.labels[:] = rng.random(600) < 0.5
    odds = apart_odds(few, unheard, unheard, few)
    assert abs(np.corrcoef(odds, unheard.labels)[0, 1]) < 0.15
