"""Greedy decoding and forced alignment against every path."""

from __future__ import annotations

import math
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aligner_mypyc import AlignerError, Token, force_align, greedy_decode

from . import ctc_oracle as oracle

NEVER = -math.inf


def greedy(rows: oracle.Rows, blank: int) -> list[Token]:
    return greedy_decode(oracle.packed(rows), len(rows[0]), blank)


def aligned(rows: oracle.Rows, blank: int, codes: bytes) -> list[Token]:
    return force_align(oracle.packed(rows), len(rows[0]), blank, codes)


def path_of(tokens: list[Token], frames: int, blank: int) -> tuple[int, ...]:
    """The path that the tokens' frames describe."""
    path = [blank] * frames
    for token in tokens:
        assert 0 <= token.start < token.end <= frames
        path[token.start : token.end] = [token.code] * (token.end - token.start)
    return tuple(path)


@given(seed=st.integers(0, 10_000), frames=st.integers(1, 40), blank=st.integers(0, 4))
@settings(deadline=None)
def test_greedy_decoding_is_the_collapsed_best_path(seed: int, frames: int, blank: int) -> None:
    rows = oracle.made(seed, frames, 5)
    best = tuple(row.index(max(row)) for row in rows)
    tokens = greedy(rows, blank)
    assert bytes(token.code for token in tokens) == oracle.collapse(best, blank)
    assert path_of(tokens, frames, blank) == best
    for token in tokens:
        highest = max(row[token.code] for row in rows[token.start : token.end])
        assert token.probability == pytest.approx(math.exp(highest), rel=1e-12)


@given(seed=st.integers(0, 10_000), frames=st.integers(1, 5), blank=st.integers(0, 3))
@settings(deadline=None)
def test_forced_alignment_is_the_best_of_all_paths_that_say_it(seed: int, frames: int, blank: int) -> None:
    rows = oracle.made(seed, frames, 4)
    best: dict[bytes, float] = {}
    for path, log_prob in oracle.paths(rows, 4):
        said = oracle.collapse(path, blank)
        best[said] = max(best.get(said, NEVER), log_prob)
    for codes, log_prob in best.items():
        tokens = aligned(rows, blank, codes)
        path = path_of(tokens, frames, blank)
        assert oracle.collapse(path, blank) == codes
        assert bytes(token.code for token in tokens) == codes
        assert sum(row[symbol] for row, symbol in zip(rows, path, strict=True)) == pytest.approx(log_prob, abs=1e-9)


@given(seed=st.integers(0, 10_000), frames=st.integers(1, 60), sharpness=st.sampled_from([0.5, 3.0, 50.0]))
@settings(deadline=None)
def test_what_was_decoded_is_aligned_where_it_was_decoded(seed: int, frames: int, sharpness: float) -> None:
    rows = oracle.made(seed, frames, 6, sharpness)
    tokens = greedy(rows, 5)
    assert aligned(rows, 5, bytes(token.code for token in tokens)) == tokens


def test_the_same_symbol_twice_needs_a_blank_between() -> None:
    half = math.log(0.5)
    rows = [[half, NEVER, half]] * 3
    assert [token[:3] for token in aligned(rows, 2, b"\0\0")] == [(0, 0, 1), (0, 2, 3)]
    with pytest.raises(AlignerError, match="2 symbols cannot be said in 2 frames"):
        aligned(rows[:2], 2, b"\0\0")


def test_of_equal_symbols_the_lowest_code_is_heard() -> None:
    third = math.log(1 / 3)
    assert [token.code for token in greedy([[third] * 3], 2)] == [0]
    assert greedy([[third] * 3], 0) == []


def test_silence_and_nothing() -> None:
    blank = [NEVER, NEVER, 0.0]
    assert greedy([blank] * 4, 2) == []
    assert greedy_decode(b"", 3, 2) == []
    assert aligned([blank] * 4, 2, b"") == []
    assert force_align(b"", 3, 2, b"") == []
    with pytest.raises(AlignerError, match="1 symbols cannot be said in 0 frames"):
        force_align(b"", 3, 2, b"\1")
    with pytest.raises(AlignerError, match="1 symbols cannot be said in 4 frames"):
        aligned([blank] * 4, 2, b"\1")


def test_runs_are_merged_and_blanks_part_them() -> None:
    path = [2, 0, 0, 2, 0, 1, 1]
    rows = [[0.0 if symbol == best else NEVER for symbol in range(3)] for best in path]
    assert greedy(rows, 2) == [(0, 1, 3, 1.0), (0, 4, 5, 1.0), (1, 5, 7, 1.0)]
    assert [code for code, _ in groupby(path) if code != 2] == [0, 0, 1]


@pytest.mark.parametrize(("value", "what"), [(math.nan, "NaN"), (math.inf, "inf, above 0"), (3.5, "3.5, above 0")])
@pytest.mark.parametrize("symbol", [0, 1, 4])
def test_no_probabilities_are_refused_by_frame_and_symbol(value: float, what: str, symbol: int) -> None:
    rows = oracle.made(1, 4, 5)
    rows[2][symbol] = value
    message = f"log_probs: frame 2, symbol {symbol}: {what}: no logarithm of a probability"
    with pytest.raises(AlignerError, match=message):
        greedy(rows, 4)
    with pytest.raises(AlignerError, match=message):
        aligned(rows, 4, b"\0\1")


def test_what_cannot_be_is_refused() -> None:
    rows = [[NEVER] * 3, [0.0] * 3]
    with pytest.raises(AlignerError, match="frame 0: no symbol is possible"):
        greedy(rows, 2)
    with pytest.raises(AlignerError, match="13 bytes, which is no whole number of frames"):
        greedy_decode(bytes(13), 3, 2)
    with pytest.raises(AlignerError, match="blank must be one of the 3 symbols"):
        force_align(bytes(12), 3, 3, b"")
    with pytest.raises(AlignerError, match="codes: code 2 at position 1 is the blank"):
        aligned(rows, 2, b"\1\2")
    with pytest.raises(AlignerError, match="codes: code 7 at position 0 is none of the 3 symbols"):
        aligned(rows, 2, b"\7")
    with pytest.raises(AlignerError, match=r"20000 frames x 20000 symbols is beyond 400000000 cells"):
        force_align(bytes(20_000 * 8), 2, 1, bytes(20_000))
