"""How a word's phonemes sound beside how they usually do in words that are read well.

A model hears some phonemes better than others: of a fricative at the end of a word it is never as sure as of an open
vowel. So each phoneme's goodness and rivalry (`streamproc.scoring.evidence`) are also told in standard deviations from
their mean in words that experts found perfect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamproc.scoring.phonemes import PHONEMES

COMPARED = (
    "usual", "worst_usual", "two_worst_usual", "usual_rivalry", "worst_usual_rivalry", "longest", "shortest",
    "share_poor", "share_outdone", "before_usual", "before_worst_usual", "after_usual", "after_worst_usual",
    "phrase_worst_usual", "usual_contrast",
)  # fmt: skip
"""The columns, in order: of the word itself, of the word before it and after it, of the phrase."""

POOR = -2.0
"""Standard deviations below the mean from which a phoneme counts as poor."""

Row = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Usual:
    """``table`` [phonemes, 4]: of each phoneme's goodness mean and spread, of its rivalry mean and spread."""

    table: NDArray[np.float64]

    @classmethod
    def unknown(cls) -> Usual:
        """Where nothing is known: mean 0 and spread 1 of all."""
        return cls(np.tile([0.0, 1.0], (len(PHONEMES), 2)))

    @classmethod
    def of(cls, codes: NDArray[np.int64], goodness: Row, rivalry: Row) -> Usual:
        """From what was heard of phonemes in words that were read well; those heard never are unknown."""
        table = cls.unknown().table
        for code in np.unique(codes):
            those = codes == code
            for place, values in ((0, goodness[those]), (2, rivalry[those])):
                table[code, place : place + 2] = values.mean(), max(float(values.std()), 1e-3)
        return cls(table)

    def to_json(self) -> dict[str, list[float]]:
        """As `from_json` reads it."""
        return {PHONEMES[code]: [round(float(x), 5) for x in row] for code, row in enumerate(self.table)}

    @classmethod
    def from_json(cls, read: Mapping[str, Sequence[float]]) -> Usual:
        """Raises KeyError or ValueError where a phoneme is missing or has not four numbers."""
        table = np.array([read[phoneme] for phoneme in PHONEMES], dtype=np.float64)
        if table.shape != (len(PHONEMES), 4):
            raise ValueError("four numbers for each phoneme")
        return cls(table)


def compare(
    codes: bytes, sizes: Sequence[int], goodness: Row, rivalry: Row, frames: Row, usual: Usual
) -> NDArray[np.float64]:
    """[words, len(COMPARED)].

    Args:
        codes: phonemes of the words, one word after the other; ``sizes``: how many of each word.
        goodness, rivalry, frames: of each phoneme; ``frames``: how many it was laid over.
    """
    means, spreads, rival_means, rival_spreads = usual.table[np.frombuffer(codes, np.uint8)].T
    clear, ahead = (goodness - means) / spreads, (rivalry - rival_means) / rival_spreads
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    counts = np.asarray(sizes, dtype=np.float64)

    def mean(values: Row) -> Row:
        return np.asarray(np.add.reduceat(values, starts) / counts)

    usually, worst = mean(clear), np.minimum.reduceat(clear, starts)
    # Plain numbers: a word has a handful of phonemes.
    plain = clear.tolist()
    poorest = [sorted(plain[start : start + size])[:2] for start, size in zip(starts.tolist(), sizes, strict=True)]
    second = [sum(two) / len(two) for two in poorest]
    longest, shortest = np.maximum.reduceat(frames, starts), np.minimum.reduceat(frames, starts)
    return np.column_stack(
        [
            usually, worst, second, mean(ahead), np.minimum.reduceat(ahead, starts), np.log1p(longest),
            np.log1p(shortest), mean((clear < POOR).astype(float)), mean((rivalry < 0).astype(float)),
            _shifted(usually, 1), _shifted(worst, 1), _shifted(usually, -1), _shifted(worst, -1),
            np.full(len(worst), worst.mean()), worst - worst.mean(),
        ]
    )  # fmt: skip


def _shifted(values: Row, by: int) -> Row:
    """The values of the words before (1) or after (-1); 0, as usual, where there is none."""
    moved = np.zeros_like(values)
    if by > 0:
        moved[by:] = values[:-by]
    else:
        moved[:by] = values[-by:]
    return moved
