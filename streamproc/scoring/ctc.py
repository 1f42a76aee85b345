"""Connectionist temporal classification: what the model's logits say was spoken, and how well they fit a hypothesis.

The work is done by ``aligner_mypyc``'s compiled kernels; this is their form for the model's 41 symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

import aligner_mypyc
from aligner_mypyc import Token as Token
from streamproc.scoring.phonemes import BLANK

Floats = NDArray[np.float32]

Decode = Callable[[Floats], list[Token]]
"""Log-probabilities, frames × symbols, to the phonemes that were heard, with their frames and highest probabilities."""

FRAME_MS = 20
"""Milliseconds between two frames of the shipped model's output."""


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """When the frames of a model's output are: milliseconds in the clip."""

    first: float = 0.0
    """The middle of the first frame."""
    step: float = FRAME_MS

    def ms(self, frame: int) -> int:
        """The middle of a frame, counted from 0."""
        return round(self.first + frame * self.step)


OF_BUILT_IN = FrameTimes()


def log_softmax(logits: Floats) -> Floats:
    """Log-probabilities of logits, over the last axis; any shape."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    scaled: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return scaled


def decoder(how: Literal["greedy", "beam"], beam_width: int) -> Decode:
    """The decode that the settings name."""
    return greedy_decode if how == "greedy" else partial(beam_decode, width=beam_width)


def greedy_decode(log_probs: Floats) -> list[Token]:
    """The phonemes of the best path: repeats merged, blanks dropped.

    Args:
        log_probs: frames × symbols, the blank last.

    Raises:
        AlignerError: NaN, or a logarithm above 0.
    """
    return aligner_mypyc.greedy_decode(packed(log_probs), log_probs.shape[1], BLANK)


def beam_decode(log_probs: Floats, width: int) -> list[Token]:
    """The likeliest phonemes of a prefix beam search, where the best of their paths has them.

    Args:
        log_probs: frames × symbols, the blank last.
        width: prefixes that are kept after each frame.

    Raises:
        AlignerError: NaN, or a logarithm above 0.
    """
    frames, symbols = packed(log_probs), log_probs.shape[1]
    codes, _ = aligner_mypyc.beam_search(frames, symbols, BLANK, width)[0]
    return aligner_mypyc.force_align(frames, symbols, BLANK, codes)


def log_likelihoods(log_probs: Floats, hypotheses: Sequence[bytes]) -> list[float]:
    """log P(hypothesis | frames) of each phoneme sequence, summed over all its CTC paths.

    O(frames × phonemes), of hypotheses side by side with a common beginning only once.

    Args:
        log_probs: frames × symbols, the blank last.
        hypotheses: phoneme codes, one sequence each; a sequence longer than the frames has -inf.

    Raises:
        AlignerError: a code that is no phoneme; NaN, or a logarithm above 0.
    """
    return aligner_mypyc.log_likelihoods(packed(log_probs), log_probs.shape[1], BLANK, list(hypotheses))


def packed(log_probs: Floats) -> bytes:
    """Log-probabilities as the kernels read them."""
    return log_probs.astype("<f4", copy=False).tobytes()
