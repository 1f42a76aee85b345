"""The CTC forward pass written with numpy and logarithms throughout: what the compiled one is compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamproc.scoring.ctc import Floats
from streamproc.scoring.phonemes import BLANK


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
