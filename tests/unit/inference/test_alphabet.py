"""Many symbols as our 41, against the same written out symbol by symbol."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from streamproc.inference.alphabet import as_ours, log_probabilities

OURS = 41


@st.composite
def outputs(draw: st.DrawFn) -> tuple[NDArray[np.float32], list[int]]:
    """Logits of some frames, and the place among ours of each symbol."""
    more = draw(st.lists(st.integers(0, OURS - 1), max_size=20))
    groups = draw(st.permutations([*range(OURS), *more]))
    frames = draw(st.integers(0, 4))
    scale = draw(st.sampled_from([1.0, 30.0, 1e4]))
    noise = np.random.default_rng(draw(st.integers(0, 2**32))).standard_normal((frames, len(groups)))
    return (noise * scale).astype(np.float32), groups


def plain(row: list[float], groups: list[int]) -> list[float]:
    """The same by the definition, in Python's own numbers, scaled by the largest of each sum."""

    def logsumexp(values: list[float]) -> float:
        return max(values) + math.log(math.fsum(math.exp(one - max(values)) for one in values))

    whole = logsumexp(row)
    return [
        logsumexp([one - whole for one, group in zip(row, groups, strict=True) if group == place])
        for place in range(OURS)
    ]


@given(outputs())
def test_it_is_the_log_sum_exp_over_the_symbols_of_each(output: tuple[NDArray[np.float32], list[int]]) -> None:
    logits, groups = output
    found = as_ours(log_probabilities(logits, False), groups)
    assert found.shape == (len(logits), OURS)
    for row, ours in zip(logits.tolist(), found.tolist(), strict=True):
        assert ours == pytest.approx(plain(row, groups), rel=1e-5, abs=1e-5)
        assert math.fsum(map(math.exp, ours)) == pytest.approx(1.0, abs=1e-4)


@given(outputs())
def test_probabilities_are_the_same_as_their_logits(output: tuple[NDArray[np.float32], list[int]]) -> None:
    logits = np.clip(output[0], -30, 30)
    exact = np.exp(log_probabilities(logits, False)).astype(np.float32)
    found = log_probabilities(exact, True)
    np.testing.assert_allclose(found, log_probabilities(logits, False), atol=1e-4)


def test_a_probability_of_nothing_has_a_logarithm() -> None:
    frame = np.zeros((1, OURS), np.float32)
    frame[0, 3] = 1.0
    found = as_ours(log_probabilities(frame, True), range(OURS))
    assert np.isfinite(found).all()
    assert found[0, 3] == 0.0


def test_a_phoneme_without_a_symbol_is_refused() -> None:
    with pytest.raises(ValueError, match="only 40 of 41 have a symbol"):
        as_ours(np.zeros((1, 40)), range(40))
