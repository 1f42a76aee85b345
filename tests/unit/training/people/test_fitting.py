"""Fitting the word classifier: it finds what decides, and its points flag as many good words as they say."""

from __future__ import annotations

import numpy as np
import pytest

from streamproc.scoring.evidence import EVIDENCE
from streamproc.scoring.usual import Usual
from streamproc.training.people import descent
from streamproc.training.people.fitting import POINTS, Examples, fit


def _words(rng: np.random.Generator, count: int) -> Examples:
    table = rng.standard_normal((count, len(EVIDENCE)))
    odds = 2 * table[:, 3] - table[:, 8] - 1
    labels = (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(float)
    speakers = rng.integers(10, size=count).astype(str)
    return Examples(table, labels, labels == 0, np.zeros(count, bool), speakers, rng.uniform(-2, -1, count // 5))


def test_the_probability_is_one_and_the_points_are_shares_of_good_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descent, "STEPS", 60)  # enough for two columns
    rng = np.random.default_rng(1)
    found = fit("sha", _words(rng, 3000), _words(rng, 2000), _words(rng, 200), Usual.unknown())
    fresh = _words(rng, 20_000)
    said = found.probabilities(fresh.table)
    assert abs(said.mean() - fresh.labels.mean()) < 0.02
    sure = said > 0.8
    assert abs(said[sure].mean() - fresh.labels[sure].mean()) < 0.03
    for name, share in POINTS.items():
        assert abs((said[fresh.full] > found.points[name]).mean() - share) < 0.03
    assert -2 < found.least_fit < -1.9
