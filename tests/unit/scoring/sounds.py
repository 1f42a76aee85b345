"""What a model hears, written by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streamproc.scoring.ctc import Floats
from streamproc.scoring.phonemes import BLANK, PHONEME_CODES


@dataclass(frozen=True)
class Sound:
    """A phoneme of two frames and a blank one, with what the model else thinks that it may be."""

    phoneme: str
    doubt: str = ""
    doubts: float = 0.0
    """Probability of the doubt."""


def audio(*sounds: Sound | str) -> Floats:
    """Log-probabilities of a model that is nearly sure of these sounds."""
    rows = []
    for sound in sounds:
        heard = Sound(sound) if isinstance(sound, str) else sound
        spoken = np.full(BLANK + 1, 1e-6)
        spoken[PHONEME_CODES[heard.phoneme]] = 1 - heard.doubts
        if heard.doubt:
            spoken[BLANK if heard.doubt == "-" else PHONEME_CODES[heard.doubt]] = heard.doubts
        blank = np.full(BLANK + 1, 1e-6)
        blank[BLANK] = 1
        rows += [spoken, spoken, blank]
    frames = np.array(rows).reshape(-1, BLANK + 1)
    probabilities = frames / frames.sum(axis=1, keepdims=True)
    log_probs: Floats = np.log(probabilities).astype(np.float32)
    return log_probs
