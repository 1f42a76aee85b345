"""CTC: the forward variable against the sum over all paths, and the greedy decode against its definition."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import numpy_ctc

from aligner_mypyc import AlignerError
from streamproc.scoring.ctc import (
    Decode,
    Floats,
    Token,
    beam_decode,
    decoder,
    greedy_decode,
    log_likelihoods,
    log_softmax,
)
from streamproc.scoring.phonemes import BLANK

SYMBOLS = BLANK + 1


def log_probs_of(seed: int, frames: int, sharpness: float = 2.0) -> Floats:
    logits = np.random.default_rng(seed).normal(0, sharpness, (frames, SYMBOLS))
    return log_softmax(logits.astype(np.float32))


def collapse(path: tuple[int, ...]) -> bytes:
    """What a path says: repeats merged, blanks dropped."""
    return bytes(symbol for symbol, _ in itertools.groupby(path) if symbol != BLANK)


def sum_over_all_paths(log_probs: Floats, hypothesis: bytes) -> float:
    symbols = sorted({*hypothesis, BLANK})
    total = 0.0
    for path in itertools.product(symbols, repeat=len(log_probs)):
        if collapse(path) == hypothesis:
            total += math.exp(sum(float(log_probs[frame, symbol]) for frame, symbol in enumerate(path)))
    return math.log(total) if total else -math.inf


few_symbols = st.lists(st.sampled_from([0, 1, 39]), max_size=4).map(bytes)


@given(seed=st.integers(0, 10_000), frames=st.integers(0, 6), hypotheses=st.lists(few_symbols, min_size=1, max_size=5))
def test_likelihoods_are_the_sum_over_all_paths(seed: int, frames: int, hypotheses: list[bytes]) -> None:
    log_probs = log_probs_of(seed, frames)
    expected = [sum_over_all_paths(log_probs, hypothesis) for hypothesis in hypotheses]
    assert log_likelihoods(log_probs, hypotheses) == pytest.approx(expected, abs=1e-5)


@given(
    seed=st.integers(0, 10_000),
    frames=st.integers(0, 80),
    sharpness=st.sampled_from([0.5, 4.0, 100.0]),
    hypotheses=st.lists(st.lists(st.integers(0, BLANK - 1), max_size=30).map(bytes), min_size=1, max_size=5),
)
def test_compiled_likelihoods_are_numpys(seed: int, frames: int, sharpness: float, hypotheses: list[bytes]) -> None:
    log_probs = log_probs_of(seed, frames, sharpness)
    greedy = bytes(token.code for token in greedy_decode(log_probs))
    every = [*hypotheses, greedy, greedy[:-1]]
    expected = numpy_ctc.log_likelihoods(log_probs, BLANK, every)
    assert log_likelihoods(log_probs, every) == pytest.approx(expected.tolist(), rel=1e-12, abs=1e-9)


@given(seed=st.integers(0, 10_000), frames=st.integers(1, 4))
def test_all_sequences_together_have_probability_one(seed: int, frames: int) -> None:
    log_probs = np.full((frames, SYMBOLS), -np.inf, np.float32)
    few = [0, 1, BLANK]
    log_probs[:, few] = log_softmax(np.random.default_rng(seed).normal(0, 2, (frames, 3)).astype(np.float32))
    every = [bytes(s) for length in range(frames + 1) for s in itertools.product([0, 1], repeat=length)]
    assert np.exp(log_likelihoods(log_probs, every)).sum() == pytest.approx(1, abs=1e-5)


def test_a_hypothesis_is_judged_the_same_in_any_company() -> None:
    log_probs = log_probs_of(7, 12)
    alone = [log_likelihoods(log_probs, [hypothesis])[0] for hypothesis in (b"", b"\x01\x01", b"\x02\x03\x04\x05")]
    together = log_likelihoods(log_probs, [b"", b"\x01\x01", b"\x02\x03\x04\x05"])
    assert together == pytest.approx(alone)


def test_what_does_not_fit_into_the_frames_is_impossible() -> None:
    log_probs = log_probs_of(1, 3)
    # A repeated phoneme takes a blank between: 2 + 1 frames just fit, 3 + 2 do not.
    fits, too_long, too_many_repeats = log_likelihoods(log_probs, [b"\x05\x05", b"\x01\x02\x03\x04", b"\x05\x05\x05"])
    assert np.isfinite(fits)
    assert too_long == too_many_repeats == -np.inf


def test_a_long_clip_neither_underflows_nor_drifts() -> None:
    log_probs = log_probs_of(3, 3000)
    greedy = bytes(token.code for token in greedy_decode(log_probs))
    (likelihood,) = log_likelihoods(log_probs, [greedy])
    best_path = float(log_probs.max(axis=1).sum(dtype=np.float64))
    assert best_path <= likelihood < 0


@given(seed=st.integers(0, 10_000), frames=st.integers(0, 30), sharpness=st.sampled_from([0.5, 2.0, 20.0]))
def test_greedy_decode_is_the_collapsed_best_path(seed: int, frames: int, sharpness: float) -> None:
    log_probs = log_probs_of(seed, frames, sharpness)
    tokens = greedy_decode(log_probs)
    path = tuple(int(code) for code in log_probs.argmax(axis=1))
    assert bytes(token.code for token in tokens) == collapse(path)
    for token in tokens:
        assert set(path[token.start : token.end]) == {token.code}
        assert token.probability == pytest.approx(float(np.exp(log_probs[token.start : token.end, token.code].max())))
    spans = [position for token in tokens for position in (token.start, token.end)]
    assert spans == sorted(spans)
    if frames:
        expected = numpy_ctc.greedy_decode(log_probs, BLANK)
        assert [token[:3] for token in tokens] == [token[:3] for token in expected]
        assert [token.probability for token in tokens] == pytest.approx([token[3] for token in expected])


def test_greedy_decode_of_a_path_by_hand() -> None:
    log_probs = np.log(np.full((6, SYMBOLS), 0.001, np.float32))
    for frame, (code, probability) in enumerate([(5, 0.9), (5, 0.5), (BLANK, 0.9), (5, 0.6), (7, 0.7), (BLANK, 0.9)]):
        log_probs[frame, code] = math.log(probability)
    found = [(t.code, t.start, t.end, round(t.probability, 3)) for t in greedy_decode(log_probs)]
    assert found == [(5, 0, 2, 0.9), (5, 3, 4, 0.6), (7, 4, 5, 0.7)]
    assert greedy_decode(log_probs[:0]) == []
    assert isinstance(greedy_decode(log_probs)[0], Token)


@given(seed=st.integers(0, 10_000), frames=st.integers(0, 30), width=st.integers(1, 16))
def test_a_beam_finds_nothing_much_less_likely_than_the_best_path(seed: int, frames: int, width: int) -> None:
    log_probs = log_probs_of(seed, frames, 4.0)
    tokens = beam_decode(log_probs, width)
    spans = [position for token in tokens for position in (token.start, token.end)]
    assert spans == sorted(spans)
    for token in tokens:
        assert token.probability == pytest.approx(float(np.exp(log_probs[token.start : token.end, token.code].max())))
    if width == 16:
        found, greedy = (bytes(token.code for token in some) for some in (tokens, greedy_decode(log_probs)))
        likelier, likely = log_likelihoods(log_probs, [found, greedy])
        assert likelier > likely - 0.5


def test_where_the_model_is_sure_all_decodes_agree() -> None:
    log_probs = log_probs_of(5, 200, 100.0)
    assert beam_decode(log_probs, 4) == greedy_decode(log_probs)
    assert decoder("greedy", 4)(log_probs) == decoder("beam", 4)(log_probs)


@pytest.mark.parametrize("decode", [greedy_decode, decoder("beam", 4)])
def test_the_decodes_of_silence_of_nothing_and_of_no_numbers(decode: Decode) -> None:
    silence = log_softmax(np.eye(SYMBOLS, dtype=np.float32)[[BLANK] * 50] * 20)
    assert decode(silence) == []
    assert decode(silence[:0]) == []
    silence[7, 3] = np.nan
    with pytest.raises(AlignerError, match="frame 7, symbol 3: NaN: no logarithm of a probability"):
        decode(silence)
    with pytest.raises(AlignerError, match="frame 7, symbol 3: NaN: no logarithm of a probability"):
        log_likelihoods(silence, [b"\x03"])


@given(st.integers(0, 1000), st.floats(-1e4, 1e4))
def test_log_softmax_gives_distributions_and_knows_no_offset(seed: int, offset: float) -> None:
    logits = np.random.default_rng(seed).normal(0, 50, (3, SYMBOLS)).astype(np.float32)
    log_probs = log_softmax(logits)
    assert np.exp(log_probs).sum(axis=-1) == pytest.approx([1, 1, 1], abs=1e-4)
    assert log_softmax(logits + np.float32(offset)) == pytest.approx(log_probs, abs=0.05)
