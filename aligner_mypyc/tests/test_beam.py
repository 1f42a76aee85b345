"""Prefix beam search against the sum over all paths of every sequence."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aligner_mypyc import AlignerError, beam_search, greedy_decode, log_likelihoods

from . import ctc_oracle as oracle

NEVER = -math.inf


def searched(rows: oracle.Rows, blank: int, width: int, least: float = NEVER) -> list[tuple[bytes, float]]:
    return beam_search(oracle.packed(rows), len(rows[0]), blank, width, least)


@given(
    seed=st.integers(0, 10_000),
    frames=st.integers(1, 5),
    symbols=st.integers(1, 4),
    blank=st.integers(0, 3),
    sharpness=st.sampled_from([0.1, 2.0, 30.0]),
)
@settings(deadline=None)
def test_a_beam_that_keeps_all_finds_all(seed: int, frames: int, symbols: int, blank: int, sharpness: float) -> None:
    blank %= symbols
    rows = oracle.made(seed, frames, symbols, sharpness)
    expected = oracle.likelihoods(rows, symbols, blank)
    results = searched(rows, blank, 1024)
    assert dict(results) == pytest.approx(expected, abs=1e-9)
    assert [log_prob for _, log_prob in results] == sorted((log_prob for _, log_prob in results), reverse=True)


@given(
    seed=st.integers(0, 10_000),
    frames=st.integers(1, 60),
    width=st.integers(1, 12),
    sharpness=st.sampled_from([0.3, 2.0, 30.0]),
    least=st.sampled_from([NEVER, -12.0, -3.0]),
)
@settings(deadline=None)
def test_a_narrow_beam_knows_no_sequence_twice_and_promises_too_little_at_most(
    seed: int, frames: int, width: int, sharpness: float, least: float
) -> None:
    rows = oracle.made(seed, frames, 6, sharpness)
    results = searched(rows, 5, width, least)
    assert 1 <= len(results) <= width
    codes = [said for said, _ in results]
    assert len(set(codes)) == len(codes)
    most = log_likelihoods(oracle.packed(rows), 6, 5, codes)
    assert all(log_prob <= exact + 1e-9 for (_, log_prob), exact in zip(results, most, strict=True))
    log_probs = [log_prob for _, log_prob in results]
    assert log_probs == sorted(log_probs, reverse=True)


def test_many_unlikely_paths_outweigh_the_likeliest_one() -> None:
    """Graves's example: the blank is likelier than the symbol in both frames, and yet the symbol was likelier said."""
    rows = oracle.rounded([[math.log(0.4), math.log(0.6)]] * 2)
    assert greedy_decode(oracle.packed(rows), 2, 1) == []
    (first, log_prob), (second, other) = searched(rows, 1, 2)
    assert (first, second) == (b"\0", b"")
    assert (math.exp(log_prob), math.exp(other)) == pytest.approx((0.64, 0.36))


@pytest.mark.parametrize(
    ("seed", "frames", "symbols", "width"), [(710, 9, 4, 5), (1212, 10, 3, 4), (1222, 12, 3, 5), (1965, 12, 3, 4)]
)
def test_a_prefix_that_comes_back_is_the_same_prefix(seed: int, frames: int, symbols: int, width: int) -> None:
    """It left the beam and its child stayed; both are made once more, by the prefix before it."""
    rows = oracle.made(seed, 12, symbols, 2.0)[:frames]
    codes = [said for said, _ in searched(rows, symbols - 1, width)]
    assert len(set(codes)) == len(codes)


def test_long_recordings_neither_underflow_nor_drift() -> None:
    rows = oracle.made(6, 1000, 5, 4.0)
    (said, log_prob) = searched(rows, 4, 8)[0]
    (exact,) = log_likelihoods(oracle.packed(rows), 5, 4, [said])
    assert -2000 < exact - 60 < log_prob <= exact + 1e-9


def test_silence_and_nothing() -> None:
    assert beam_search(b"", 3, 2, 4) == [(b"", 0.0)]
    assert searched([[NEVER, NEVER, 0.0]] * 5, 2, 4) == [(b"", 0.0)]
    assert searched([[NEVER, 0.0, NEVER]] * 5, 2, 4) == [(b"\1", 0.0)]


@pytest.mark.parametrize(("value", "what"), [(math.nan, "NaN"), (math.inf, "inf, above 0"), (3.5, "3.5, above 0")])
def test_no_probabilities_are_refused_by_frame_and_symbol(value: float, what: str) -> None:
    rows = oracle.made(1, 4, 5)
    rows[3][2] = value
    with pytest.raises(AlignerError, match=f"log_probs: frame 3, symbol 2: {what}: no logarithm of a probability"):
        searched(rows, 4, 4)


def test_what_cannot_be_is_refused() -> None:
    rows = oracle.made(1, 4, 5)
    for width in (0, -1, 1025):
        with pytest.raises(AlignerError, match=f"width must be 1 to 1024, not {width}"):
            searched(rows, 4, width)
    for least in (0.5, math.nan):
        with pytest.raises(AlignerError, match=f"least must be a log-probability, at most 0, not {least}"):
            searched(rows, 4, 4, least)
    with pytest.raises(AlignerError, match="frame 0: no prefix can go on by symbols above least, -1e-06"):
        searched(rows, 4, 4, -1e-6)
    with pytest.raises(AlignerError, match="frame 0: no prefix can go on"):
        searched([[NEVER] * 3], 2, 4)
    with pytest.raises(AlignerError, match="13 bytes, which is no whole number of frames"):
        beam_search(bytes(13), 3, 2, 4)
