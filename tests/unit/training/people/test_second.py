"""Two models as one, and where they disagree, against counts by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from streamproc.scoring.ctc import log_softmax
from streamproc.training.people.clips import Floats
from streamproc.training.people.second import Fused, disputes, pooled
from streamproc.training.people.verdicts import JudgedWord

_WORD = JudgedWord(0, 0, "cat", (10.0,) * 3, False, -5.0, 3, 0, ("K",), 0, 100)


class _Says:
    """Stands in for a model that gives every clip the same logits."""

    def __init__(self, logits: Floats) -> None:
        self._logits = logits

    def logits(self, clips: Sequence[Floats]) -> list[Floats]:
        return [self._logits for _ in clips]


def _sure(symbol: int, frames: int, probability: float = 0.99) -> Floats:
    rest = np.full((frames, 41), (1 - probability) / 40, dtype=np.float32)
    rest[:, symbol] = probability
    return np.log(rest)


def test_both_as_one_is_a_distribution_and_symmetric() -> None:
    one, other = _sure(3, 5), _sure(7, 5, 0.6)
    found = pooled(one, other)
    assert np.exp(found).sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert found == pytest.approx(pooled(other, one), abs=1e-5)
    assert found[0].argmax() == 3


def test_a_symbol_ruled_out_by_one_needs_more_than_the_others_word() -> None:
    one, other = _sure(3, 1, 0.5), _sure(3, 1, 0.5)
    one[0, 7], other[0, 7] = -1000.0, np.log(0.4)
    found = np.exp(pooled(log_softmax(one), log_softmax(other)))[0]
    assert 0 < found[7] < 1e-3


def test_frames_that_only_one_has_are_left_out_and_logits_need_not_be_normal() -> None:
    fused = Fused(_Says(_sure(3, 9) + 4), _Says(_sure(3, 8)))
    found = fused.logits([np.zeros(2900, np.float32), np.zeros(2900, np.float32)])
    assert [clip.shape for clip in found] == [(8, 41)] * 2
    assert np.exp(found[0]).sum(axis=1) == pytest.approx(np.ones(8), abs=1e-5)


def test_a_dispute_is_a_word_that_one_flags_and_the_other_does_not() -> None:
    bad = replace(_WORD, place=1, marks=(3.0, 4.0, 9.0))
    unmarked = replace(_WORD, place=2, marks=())
    first = [_WORD, replace(bad, flagged=True), unmarked, replace(_WORD, clip=1)]
    second = [replace(_WORD, flagged=True), bad, replace(unmarked, flagged=True)]
    assert disputes(first, second) == {
        "words": 3, "disputed": 3, "marked": 2, "first_right": 2, "second_right": 0,
    }  # fmt: skip
    assert disputes(second, first)["second_right"] == 2
    assert disputes(first, first)["disputed"] == 0
