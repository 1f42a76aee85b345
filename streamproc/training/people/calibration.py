"""Whether a probability is one: of the words that are said to be misread in 30 of 100 cases, 30 of 100 must be."""

from __future__ import annotations

import numpy as np

from streamproc.training.people.columns import Columns, odds_to_probability
from streamproc.training.people.verdicts import MISREAD

_BINS = 10


def reliability(words: Columns) -> list[tuple[float, float, int]]:
    """For each tenth of the probabilities that is not empty: the mean said, the share misread, the number of words."""
    marked = ~np.isnan(words.median)
    said = odds_to_probability(words.wrongness[marked])
    was = words.median[marked] <= MISREAD
    place = np.minimum((said * _BINS).astype(int), _BINS - 1)
    return [
        (float(said[place == number].mean()), float(was[place == number].mean()), int((place == number).sum()))
        for number in range(_BINS)
        if (place == number).any()
    ]


def calibration_error(words: Columns) -> float | None:
    """Expected calibration error (Naeini, Cooper, Hauskrecht, AAAI 2015): the mean distance, weighed by words."""
    bins = reliability(words)
    total = sum(count for _, _, count in bins)
    return sum(count * abs(said - was) for said, was, count in bins) / total if total else None
