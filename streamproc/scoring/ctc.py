"""Connectionist temporal classification: what the model's logits say was spoken, and how well they fit a hypothesis.

Source: Graves, Fernández, Gomez, Schmidhuber, "Connectionist Temporal Classification: Labelling Unsegmented Sequence
Data with Recurrent Neural Networks", ICML 2006; the forward variable is equation 6 ff.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import aligner_mypyc
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


def log_likelihoods(log_probs: Floats, hypotheses: Sequence[bytes]) -> list[float]:
    """log P(hypothesis | frames) of each phoneme sequence, summed over all its CTC paths.

    O(frames × phonemes), of hypotheses side by side with a common beginning only once.

    Args:
        log_probs: frames × symbols, the blank last.
        hypotheses: phoneme codes, one sequence each; a sequence longer than the frames has -inf.

    Raises:
        AlignerError: a code that is no phoneme; NaN.
    """
    frames = log_probs.astype("<f4", copy=False).tobytes()
    return aligner_mypyc.log_likelihoods(frames, log_probs.shape[1], BLANK, list(hypotheses))
