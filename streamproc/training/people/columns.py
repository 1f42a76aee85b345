"""Judged words as arrays, one entry a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamproc.training.people.clips import PersonClip
from streamproc.training.people.verdicts import JudgedWord


@dataclass(frozen=True, slots=True)
class Columns:
    """``median`` and ``mean`` of the experts' marks are NaN where nobody marked the word."""

    clip: NDArray[np.int64]
    speaker: NDArray[np.int64]
    flagged: NDArray[np.bool_]
    wrongness: NDArray[np.float64]
    phonemes: NDArray[np.int64]
    errors: NDArray[np.int64]
    full: NDArray[np.bool_]
    median: NDArray[np.float64]
    mean: NDArray[np.float64]

    def take(self, chosen: NDArray[np.int64]) -> Columns:
        """Only the ``chosen`` words, in that order."""
        return Columns(*(getattr(self, name)[chosen] for name in self.__slots__))


def columns(words: Sequence[JudgedWord], clips: Sequence[PersonClip]) -> Columns:
    """The words as arrays."""
    names = {name: number for number, name in enumerate(dict.fromkeys(clip.speaker for clip in clips))}
    return Columns(
        np.array([word.clip for word in words], dtype=np.int64),
        np.array([names[clips[word.clip].speaker] for word in words], dtype=np.int64),
        np.array([word.flagged for word in words], dtype=bool),
        np.array([word.wrongness for word in words], dtype=np.float64),
        np.array([word.phonemes for word in words], dtype=np.int64),
        np.array([word.errors for word in words], dtype=np.int64),
        np.array([word.full for word in words], dtype=bool),
        np.array([word.mark for word in words], dtype=np.float64),
        np.array([np.mean(word.marks) if word.marks else np.nan for word in words], dtype=np.float64),
    )


def odds_to_probability(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probability of log-odds."""
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -50, 50))))
