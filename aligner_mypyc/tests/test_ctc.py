"""The CTC forward pass against the sum over all paths, the textbook's logarithms, and its sources interpreted."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aligner_mypyc import AlignerError, log_likelihoods

from . import ctc_oracle as oracle


def found(rows: oracle.Rows, blank: int, hypotheses: list[bytes]) -> list[float]:
    return log_likelihoods(oracle.packed(rows), len(rows[0]), blank, hypotheses)


@given(
    seed=st.integers(0, 10_000),
    frames=st.integers(1, 5),
    symbols=st.integers(1, 4),
    blank=st.integers(0, 3),
    sharpness=st.sampled_from([0.1, 2.0, 30.0]),
    unwanted=st.lists(st.binary(max_size=6), max_size=3),
)
@settings(deadline=None)
def test_likelihoods_are_the_sum_over_all_paths(
    seed: int, frames: int, symbols: int, blank: int, sharpness: float, unwanted: list[bytes]
) -> None:
    blank %= symbols
    rows = oracle.made(seed, frames, symbols, sharpness)
    expected = oracle.likelihoods(rows, symbols, blank)
    others = [bytes(code % symbols for code in said if code % symbols != blank) for said in unwanted]
    hypotheses = [*expected, *others]
    random.Random(seed).shuffle(hypotheses)
    results = found(rows, blank, hypotheses)
    assert results == pytest.approx([expected.get(said, -math.inf) for said in hypotheses], abs=1e-9)
    assert math.fsum(math.exp(results[hypotheses.index(said)]) for said in expected) == pytest.approx(1, abs=1e-5)


@given(
    seed=st.integers(0, 10_000),
    frames=st.integers(1, 120),
    sharpness=st.sampled_from([0.5, 5.0, 60.0, 400.0]),
    hypotheses=st.lists(st.lists(st.integers(0, 4), max_size=70).map(bytes), max_size=4),
)
@settings(deadline=None, max_examples=60)
def test_likelihoods_are_the_textbooks_however_unlikely(
    seed: int, frames: int, sharpness: float, hypotheses: list[bytes]
) -> None:
    # At 400 most probabilities are too small for a 64-bit float.
    rows = oracle.made(seed, frames, 6, sharpness)
    cut = [said[: len(said) // 2] for said in hypotheses] + hypotheses
    expected = [oracle.log_likelihood(rows, 5, said) for said in cut]
    assert found(rows, 5, cut) == pytest.approx(expected, rel=1e-12, abs=1e-9)


def test_what_was_certainly_not_said_is_weighed_too() -> None:
    """Forty symbols in frames that are all blank: e to the -800, beside one that is likely."""
    rows = [[-20.0] * 4 + [math.log1p(-4 * math.exp(-20.0))] for _ in range(90)]
    rows = oracle.rounded(rows)
    hopeless = bytes(place % 4 for place in range(40))
    likely, least = found(rows, 4, [b"", hopeless])
    assert likely == pytest.approx(0, abs=1e-4)
    assert least == pytest.approx(oracle.log_likelihood(rows, 4, hopeless), abs=1e-9)
    assert least < -700


def test_a_beginning_that_is_shared_changes_nothing() -> None:
    rows = oracle.made(5, 60, 9)
    hypotheses = [b"\1\2\3", b"\1\2\3\4", b"\1\2", b"", b"\1\1", b"\1", b"\1\2\3", b"\5\2\3"]
    alone = [found(rows, 8, [said])[0] for said in hypotheses]
    assert found(rows, 8, hypotheses) == pytest.approx(alone, rel=1e-13)


def test_long_recordings_neither_underflow_nor_drift() -> None:
    rows = oracle.made(6, 1000, 5, 4.0)
    best = bytes(
        code
        for code, last in zip(
            (row.index(max(row)) for row in rows), [-1, *(row.index(max(row)) for row in rows)], strict=False
        )
        if code not in (4, last)
    )
    (likelihood,) = found(rows, 4, [best])
    assert likelihood == pytest.approx(oracle.log_likelihood(rows, 4, best), rel=1e-12)
    assert likelihood < -100


def test_without_frames_only_silence_is_possible() -> None:
    assert log_likelihoods(b"", 3, 2, [b"", b"\1", b""]) == [0.0, -math.inf, 0.0]
    assert log_likelihoods(b"", 3, 2, []) == []


def test_an_impossible_blank_or_symbol_is_impossible() -> None:
    never = -math.inf
    rows = [[0.0, never, never], [never, 0.0, never]]
    assert found(rows, 2, [b"\0\1", b"\1\0", b"\0", b"", b"\0\0"]) == [0.0, never, never, never, never]


@pytest.mark.parametrize(
    ("symbols", "blank", "size", "message"),
    [
        (0, 0, 0, "symbols must be 1 to 256, not 0"),
        (257, 0, 0, "symbols must be 1 to 256, not 257"),
        (3, 3, 0, "blank must be one of the 3 symbols, 0 to 2, not 3"),
        (3, -1, 0, "blank must be one of the 3 symbols, 0 to 2, not -1"),
        (3, 2, 13, "log_probs has 13 bytes, which is no whole number of frames of 3 32-bit floats"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(symbols: int, blank: int, size: int, message: str) -> None:
    with pytest.raises(AlignerError, match=message):
        log_likelihoods(bytes(size), symbols, blank, [b""])


def test_codes_that_are_no_symbols_are_refused_by_hypothesis_and_position() -> None:
    rows = oracle.made(1, 4, 5)
    with pytest.raises(AlignerError, match=r"hypothesis 1: code 5 at position 2 is none of the 5 symbols"):
        found(rows, 4, [b"\1", b"\1\2\5"])
    with pytest.raises(AlignerError, match=r"hypothesis 0: code 4 at position 0 is the blank"):
        found(rows, 4, [b"\4"])


@pytest.mark.parametrize(("value", "what"), [(math.nan, "NaN"), (math.inf, "inf, above 0"), (3.5, "3.5, above 0")])
@pytest.mark.parametrize("symbol", [1, 4])
def test_no_probabilities_are_refused_by_frame_and_symbol(value: float, what: str, symbol: int) -> None:
    rows = oracle.made(1, 4, 5)
    rows[2][symbol] = value
    with pytest.raises(AlignerError, match=f"log_probs: frame 2, symbol {symbol}: {what}: no logarithm"):
        found(rows, 4, [b"\1"])
    rows[2][symbol] = -1.0
    rows[2][3] = value  # a column that no hypothesis asks for is not read
    assert math.isfinite(found(rows, 4, [b"\1"])[0])
