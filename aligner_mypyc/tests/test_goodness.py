"""The goodness of symbols against its definition."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aligner_mypyc import AlignerError, Token, force_align, goodness, greedy_decode

from . import ctc_oracle as oracle


@given(seed=st.integers(0, 10_000), frames=st.integers(1, 30), blank=st.integers(0, 5))
@settings(deadline=None)
def test_a_symbol_is_compared_with_its_rivals_in_its_frames_and_beside_them(seed: int, frames: int, blank: int) -> None:
    rows = oracle.made(seed, frames, 6)
    packed = oracle.packed(rows)
    said = bytes(token.code for token in greedy_decode(packed, 6, blank))
    # Another sequence than was heard: symbols that sound poor.
    codes = bytes((code + 1) % 6 if (code + 1) % 6 != blank else code for code in said[::2])
    tokens = force_align(packed, 6, blank, codes)
    found = goodness(packed, 6, blank, tokens)
    for token, (best, above) in zip(tokens, found, strict=True):
        own = rows[token.start : token.end]
        near = rows[max(0, token.start - 1) : token.end + 1]
        rivals = [row[code] for row in near for code in range(6) if code not in (token.code, blank)]
        assert best == max(row[token.code] for row in own)
        assert above == pytest.approx(best - max(rivals), abs=1e-12)
        assert math.exp(best) == pytest.approx(token.probability)


def test_without_rivals_nothing_is_nearer() -> None:
    assert goodness(oracle.packed([[-1.0, -0.5]]), 2, 1, [Token(0, 0, 1, 0.4)]) == [(-1.0, math.inf)]
    assert goodness(b"", 2, 1, []) == []


@pytest.mark.parametrize("token", [(0, 0, 0), (0, 1, 1), (0, -1, 1), (0, 0, 3), (2, 0, 1), (-1, 0, 1)])
def test_tokens_from_elsewhere_are_refused(token: tuple[int, int, int]) -> None:
    code, start, end = token
    rows = [[-1.0, -0.5]] * 2
    with pytest.raises(AlignerError, match=f"token 1: code {code} in frames {start} to {end} is outside"):
        goodness(oracle.packed(rows), 2, 1, [Token(0, 0, 1, 0.4), Token(code, start, end, 0.4)])
