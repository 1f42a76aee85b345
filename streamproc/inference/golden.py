"""A recording that every model of English must hear: what it gets wrong, and by what it is known again."""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import aligner_mypyc
from aligner_mypyc import MATCH, Aligner, CostModel, Inventory
from streamproc.audio.decode import Samples, decode_clip
from streamproc.contracts.phonemes import PHONEMES
from streamproc.inference.engine import Logits
from streamproc.inference.form import ModelForm

SPOKEN = "M AY L OW DH AX M OW L HH AE D AX L AE N T ER N"
"""What is said: "Milo the mole had a lantern", made speech, 2.2 s."""

PARTS = 32
"""Numbers in a fingerprint: of so many stretches of the clip, one each."""

APART = 5
"""Hundredths by which a fingerprint's numbers may differ. Other arithmetic makes less of the same weights (float16: 0;
noise of 0.3 on each logit: 2), other weights more (other trainings of the shipped network: 25 and more)."""

_TURN = 0.6180339887498949
"""The golden ratio: its multiples modulo 1 spread evenly, so no two symbols of an alphabet weigh alike."""


@functools.cache
def golden_clip() -> Samples:
    """16 kHz."""
    file = importlib.resources.files("streamproc.inference").joinpath("data", "golden.flac")
    return decode_clip(file.read_bytes(), 60.0)


def phoneme_errors(form: ModelForm, logits: Logits) -> float:
    """Wrong, missing and added phonemes of the golden clip over those that are said; 1 at the most.

    Args:
        logits: over our 41 symbols, the blank last.
    """
    spelling = form.spelling()
    codes = (PHONEMES.index(phoneme) for phoneme in SPOKEN.split())
    said = b"".join(spelling.get(code, bytes([code])) for code in codes)
    top = logits.max(axis=1, keepdims=True)
    log_probs = np.minimum(logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True)), 0.0)
    tokens = aligner_mypyc.greedy_decode(log_probs.astype("<f4").tobytes(), logits.shape[1], logits.shape[1] - 1)
    steps = Aligner(CostModel(Inventory(PHONEMES))).align(said, bytes(token.code for token in tokens))
    return min(1.0, sum(step != MATCH for step in steps) / len(said))


def fingerprint(log_probs: NDArray[np.float64]) -> tuple[int, ...]:
    """What is characteristic of a model's answer to the golden clip: the mean of its symbols' probabilities over each
    part of the clip, each symbol with a weight of its own between -1 and 1, in hundredths.

    Args:
        log_probs: over the model's own symbols, [frames, symbols].
    """
    weights = np.cos(2 * np.pi * _TURN * np.arange(1, log_probs.shape[1] + 1))
    each = np.exp(log_probs) @ weights
    return tuple(round(100 * float(part.mean())) if len(part) else 0 for part in np.array_split(each, PARTS))


def alike(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two fingerprints are of one model."""
    return len(one) == len(other) and all(abs(a - b) <= APART for a, b in zip(one, other, strict=True))
