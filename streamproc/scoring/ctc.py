"""Connectionist temporal classification: what the model's logits say was spoken, and how well they fit a hypothesis.

Source: Graves, Fernández, Gomez, Schmidhuber, "Connectionist Temporal Classification: Labelling Unsegmented Sequence
Data with Recurrent Neural Networks", ICML 2006; the forward variable is equation 6 ff.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamproc.scoring.phonemes import BLANK

Floats = NDArray[np.float32]

FRAME_MS = 20
"""Milliseconds between two frames of the model's output."""


@dataclass(frozen=True, slots=True)
class Token:
    """One phoneme that the greedy decode heard: its code, its frames [start, end) and its highest probability."""

    code: int
    start: int
    end: int
    probability: float


def log_softmax(logits: Floats) -> Floats:
    """Log-probabilities of logits, over the last axis; any shape."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    scaled: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return scaled


def greedy_decode(log_probs: Floats) -> list[Token]:
    """The phonemes of the best path: repeats merged, blanks dropped.

    Args:
        log_probs: frames × symbols, the blank last.
    """
    if not len(log_probs):
        return []
    best = log_probs.argmax(axis=1)
    edges = np.flatnonzero(np.diff(best)) + 1
    starts = np.concatenate(([0], edges))
    ends = np.concatenate((edges, [len(best)]))
    tokens = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        code = int(best[start])
        if code != BLANK:
            tokens.append(Token(code, start, end, float(np.exp(log_probs[start:end, code].max()))))
    return tokens


def log_likelihoods(log_probs: Floats, hypotheses: Sequence[bytes]) -> NDArray[np.float64]:
    """log P(hypothesis | frames) of each phoneme sequence, summed over all its CTC paths.

    All hypotheses advance together, one numpy step a frame: O(frames) steps over hypotheses × (2 × longest + 1).

    Args:
        log_probs: frames × symbols, the blank last.
        hypotheses: phoneme codes, one sequence each; a sequence longer than the frames has -inf.
    """
    longest = max(map(len, hypotheses))
    states = 2 * longest + 1
    count = len(hypotheses)
    labels = np.full((count, states), BLANK, dtype=np.intp)
    for row, hypothesis in enumerate(hypotheses):
        labels[row, 1 : 2 * len(hypothesis) : 2] = np.frombuffer(hypothesis, dtype=np.uint8)
    # A label may be entered from two states back, over the blank, unless it repeats the label there.
    skip = np.full((count, states), -np.inf)
    skip[:, 3::2] = np.where(labels[:, 3::2] != labels[:, 1:-2:2], 0.0, -np.inf)

    rows = np.arange(count)
    ends = np.array([2 * len(hypothesis) for hypothesis in hypotheses])
    frames = log_probs.astype(np.float64)
    forward = np.full((count, states + 2), -np.inf)  # two columns of padding stand for the states before the first
    if not len(frames):
        return np.where(ends == 0, 0.0, -np.inf)
    forward[:, 2] = frames[0, BLANK]
    if longest:
        forward[:, 3] = np.where(ends > 0, frames[0, labels[:, 1]], -np.inf)
    for frame in frames[1:]:
        stay_or_step = np.logaddexp(forward[:, 2:], forward[:, 1:-1])
        forward[:, 2:] = np.logaddexp(stay_or_step, forward[:, :-2] + skip) + frame[labels]
    final: NDArray[np.float64] = np.logaddexp(
        forward[rows, ends + 2], np.where(ends > 0, forward[rows, ends + 1], -np.inf)
    )
    return final
