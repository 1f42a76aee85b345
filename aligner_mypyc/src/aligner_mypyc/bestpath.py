"""Single CTC paths: the best of all (greedy decoding), and the best that says a given sequence (forced alignment).

Sources: Graves et al. 2006 (see ``ctc``), section 3.2, best path decoding; forced alignment is Viterbi's algorithm
(1967) over the states of the forward pass.
"""

from __future__ import annotations

import math
from typing import Final

from librt.strings import read_f32_le
from librt.vecs import vec
from mypy_extensions import i64, u8

from .errors import AlignerError
from .frames import Token, check_codes, frame_count, no_probability

NOTHING: Final = -1e999
MOST_CELLS: Final = 400_000_000
"""Frames times symbols of the largest forced alignment: it keeps a byte for each."""

STAY: Final = 0
STEP: Final = 1
SKIP: Final = 2


def greedy_decode(log_probs: bytes, symbols: int, blank: int) -> list[Token]:
    """What the likeliest symbols of the frames say: repeats merged, blanks dropped.

    Of symbols that are equally likely in a frame the one of the lowest code is taken.

    Args:
        log_probs, symbols, blank: as for ``log_likelihoods``; all columns are read.

    Raises:
        AlignerError: sizes that do not fit; NaN, or a logarithm above 0; a frame in which nothing is possible.
    """
    frames: i64 = frame_count(log_probs, symbols, blank)
    width: i64 = symbols
    silence: i64 = blank
    tokens: list[Token] = []
    code: i64 = silence
    start: i64 = 0
    highest = NOTHING
    frame: i64 = 0
    at: i64 = 0
    while frame < frames:
        best = read_f32_le(log_probs, at)
        if not best <= 0.001:
            raise no_probability(best, frame, 0)
        winner: i64 = 0
        symbol: i64 = 1
        at += 4
        while symbol < width:
            log_prob = read_f32_le(log_probs, at)
            if not log_prob <= best:
                if not log_prob <= 0.001:
                    raise no_probability(log_prob, frame, symbol)
                best = log_prob
                winner = symbol
            symbol += 1
            at += 4
        if best == NOTHING:
            raise AlignerError(f"log_probs: frame {frame}: no symbol is possible")
        if winner == code:
            if best > highest:
                highest = best
        else:
            if code != silence:
                tokens.append(Token(code, start, frame, math.exp(highest)))
            code = winner
            start = frame
            highest = best
        frame += 1
    if code != silence:
        tokens.append(Token(code, start, frames, math.exp(highest)))
    return tokens


def force_align(log_probs: bytes, symbols: int, blank: int, codes: bytes) -> list[Token]:
    """When each symbol of a sequence was said: its frames on the likeliest path that says the sequence.

    Of equally likely paths the one is taken that stays longest where it is.

    Args:
        log_probs, symbols, blank: as for ``log_likelihoods``.
        codes: what was said.

    Raises:
        AlignerError: as ``log_likelihoods``; a sequence that cannot be said in these frames, or is too long for them
            (400 million frames times symbols).
    """
    frames: i64 = frame_count(log_probs, symbols, blank)
    check_codes(codes, symbols, blank, "codes")
    length: i64 = len(codes)
    if frames * (length + 1) > MOST_CELLS:
        raise AlignerError(f"{frames} frames x {length} symbols is beyond {MOST_CELLS} cells")
    steps = _steps(log_probs, frames, symbols, blank, codes)
    starts = vec[i64]([0] * (length + 1))
    ends = vec[i64]([0] * (length + 1))
    # Backwards: in_label says whether the path is in symbol ``at`` (counted from 1) or in the blank after it.
    at = length
    in_label = steps[len(steps) - 1] == 1
    frame = frames
    while frame > 0:
        step = i64(steps[(frame - 1) * (length + 1) + at])
        if in_label:
            starts[at] = frame - 1
            if ends[at] == 0:
                ends[at] = frame
            came = step & 3
            if came == STEP:
                in_label = False
                at -= 1
            elif came == SKIP:
                at -= 1
        elif step & 4:
            in_label = True
        frame -= 1
    tokens: list[Token] = []
    at = 1
    while at <= length:
        code = i64(codes[at - 1])
        highest = NOTHING
        frame = starts[at]
        while frame < ends[at]:
            log_prob = read_f32_le(log_probs, 4 * (frame * i64(symbols) + code))
            if log_prob > highest:
                highest = log_prob
            frame += 1
        tokens.append(Token(code, starts[at], ends[at], math.exp(highest)))
        at += 1
    return tokens


def _steps(log_probs: bytes, frames: i64, symbols: i64, blank: i64, codes: bytes) -> vec[u8]:
    """One byte a frame and symbol, the empty beginning included: how the best path came to the symbol (bits 0 and 1: it
    stayed, stepped from the blank before, skipped that blank) and to the blank after it (bit 2: from the symbol). One
    more byte at the end: whether it ends in the last symbol.
    """
    length: i64 = len(codes)
    out = vec[u8]([0] * (frames * (length + 1) + 1))
    to: i64 = 0
    label = vec[float]([NOTHING] * (length + 1))
    rest = vec[float]([NOTHING] * (length + 1))
    rest[0] = 0.0
    frame: i64 = 0
    while frame < frames:
        place = frame * symbols
        silent = _checked(log_probs, place, frame, blank)
        # Each symbol needs the values of the one before from the frame before: kept while they are overwritten.
        label_before = NOTHING
        rest_before = rest[0]
        rest[0] += silent
        to += 1
        at: i64 = 1
        while at <= length:
            code = i64(codes[at - 1])
            best = label[at]
            step: i64 = STAY
            if rest_before > best:
                best = rest_before
                step = STEP
            if label_before > best and codes[at - 2] != codes[at - 1]:
                best = label_before
                step = SKIP
            label_before = label[at]
            rest_before = rest[at]
            stayed = rest_before
            if label_before > stayed:
                stayed = label_before
                step |= 4
            label[at] = best + _checked(log_probs, place, frame, code)
            rest[at] = stayed + silent
            out[to] = u8(step)
            to += 1
            at += 1
        frame += 1
    if rest[length] == NOTHING and label[length] == NOTHING:
        raise AlignerError(f"{length} symbols cannot be said in {frames} frames of these probabilities")
    if label[length] > rest[length]:
        out[to] = 1
    return out


def _checked(log_probs: bytes, place: i64, frame: i64, symbol: i64) -> float:
    log_prob = read_f32_le(log_probs, 4 * (place + symbol))
    if not log_prob <= 0.001:
        raise no_probability(log_prob, frame, symbol)
    return log_prob
