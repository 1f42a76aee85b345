"""CTC with numpy: what the compiled kernels of ``aligner_mypyc`` are compared with, in results and in time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def greedy_decode(log_probs: Floats, blank: int) -> list[tuple[int, int, int, float]]:
    """The symbols of the best path, as code, first frame, end, highest probability."""
    best = log_probs.argmax(axis=1)
    edges = np.flatnonzero(np.diff(best)) + 1
    starts = np.concatenate(([0], edges))
    ends = np.concatenate((edges, [len(best)]))
    return [
        (code, start, end, float(np.exp(log_probs[start:end, code].max())))
        for code, start, end in zip(best[starts].tolist(), starts.tolist(), ends.tolist(), strict=True)
        if code != blank
    ]


def log_likelihoods(log_probs: Floats, blank: int, hypotheses: Sequence[bytes]) -> NDArray[np.float64]:
    """The CTC forward pass, logarithms throughout; all hypotheses advance together, one numpy step a frame."""
    longest = max(map(len, hypotheses))
    states = 2 * longest + 1
    count = len(hypotheses)
    labels = np.full((count, states), blank, dtype=np.intp)
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
    forward[:, 2] = frames[0, blank]
    if longest:
        forward[:, 3] = np.where(ends > 0, frames[0, labels[:, 1]], -np.inf)
    for frame in frames[1:]:
        stay_or_step = np.logaddexp(forward[:, 2:], forward[:, 1:-1])
        forward[:, 2:] = np.logaddexp(stay_or_step, forward[:, :-2] + skip) + frame[labels]
    final: NDArray[np.float64] = np.logaddexp(
        forward[rows, ends + 2], np.where(ends > 0, forward[rows, ends + 1], -np.inf)
    )
    return final
