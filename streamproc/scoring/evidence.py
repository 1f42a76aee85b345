"""What speaks for and against each word of a phrase, as numbers that a classifier weighs.

The goodness of pronunciation of a phoneme is how likely it was where it must have been said (Witt and Young,
"Phone-level pronunciation scoring and assessment for interactive language learning", Speech Communication 30, 2000):
the whole reference is laid over the audio (forced alignment), and each phoneme is compared with its rivals in its own
frames. A poor phoneme weighs less in a clip in which all are poor, as in a bad room or of a strong accent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

import aligner_mypyc
from aligner_mypyc import DELETE, INSERT, MATCH, SUBSTITUTE, AlignerError
from streamproc.scoring.ctc import Floats, Token, packed
from streamproc.scoring.phonemes import BLANK
from streamproc.scoring.usual import COMPARED, Usual, compare
from streamproc.scoring.words import HeardWord

_WEIGHED = (
    "margin", "log_margin", "margin_a_phoneme", "substituted", "left_out", "added", "accepted", "matched",
    "goodness", "worst_goodness", "rivalry", "worst_rivalry", "certainty", "unheard", "length", "single",
    "phrase_goodness", "neighbours_goodness", "neighbours_margin", "phrase_heard", "slowness", "pause", "heard",
    "phrase_length", "probability", "two_worst", "contrast", "rivals_contrast", "neighbours_contrast",
    "log_margin_heard", "margin_heard", "substituted_heard",
)  # fmt: skip
EVIDENCE = (*_WEIGHED, *COMPARED)
"""The columns, in order. Goodness and rivalry are natural logarithms, margins too. A contrast counts as much as the
phrase is clear, and what ends in "heard" as much of the phrase was heard: the same flaw says more among good words."""

MOST_CELLS = 20_000_000
"""Frames times phonemes of the largest phrase that is laid over its audio: a tenth of a second of work."""

_POOREST = -12.0
_LARGEST_MARGIN = 40.0

Row = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LaidOut:
    """The phonemes of a reference where they must have been said: their codes, ``places``, and of each its
    log-probability at its best (``goodness``) and how far that is above its best rival in its frames (``rivalry``)."""

    codes: bytes
    places: Sequence[Token]
    goodness: Sequence[float]
    rivalry: Sequence[float]


def lay_out(words: Sequence[HeardWord], log_probs: Floats) -> LaidOut | None:
    """The reference of ``words`` laid over the audio; None where that cannot be, or takes too long."""
    codes = b"".join(word.reference for word in words)
    if not codes or len(codes) * len(log_probs) > MOST_CELLS:
        return None
    frames = packed(log_probs)
    try:
        places = aligner_mypyc.force_align(frames, BLANK + 1, BLANK, codes)
    except AlignerError:  # more phonemes than frames
        return None
    told = aligner_mypyc.goodness(frames, BLANK + 1, BLANK, places)
    rivalry = [min(max(above, _POOREST), -_POOREST) for _, above in told]
    return LaidOut(codes, places, [best for best, _ in told], rivalry)


def weigh_evidence(
    words: Sequence[HeardWord], margins: Sequence[float], tokens: Sequence[Token], laid: LaidOut, usual: Usual
) -> NDArray[np.float64]:
    """The evidence on each word, [words, len(EVIDENCE)].

    Args:
        words: the expected words that have a reference, in order.
        margins: their CTC margins; 0 of those heard exactly.
        tokens: the greedy decode of the audio that they are laid over.
        laid: these words, laid out.
        usual: how phonemes sound in words that are read well.
    """
    matched = sum(word.matched for word in words)
    rows, spans, at = [], [], 0
    sizes = [len(word.reference) for word in words]
    for word, margin in zip(words, margins, strict=True):
        own = slice(at, at := at + len(word.reference))
        rows.append(_row(word, min(margin, _LARGEST_MARGIN), laid.goodness[own], laid.rivalry[own], tokens))
        spans.append((laid.places[own.start].start, laid.places[own.stop - 1].end))
    table = np.array(rows)
    _add_context(table, spans, sizes, matched / len(laid.codes))
    frames = np.array([place.end - place.start for place in laid.places], dtype=np.float64)
    return np.hstack(
        [table, compare(laid.codes, sizes, np.array(laid.goodness), np.array(laid.rivalry), frames, usual)]
    )


def _row(
    word: HeardWord, margin: float, goodness: Sequence[float], rivalry: Sequence[float], tokens: Sequence[Token]
) -> list[float]:
    # Plain numbers: a word has a handful of phonemes, and numpy takes longer to be called than they to be added up.
    size, ops = len(word.reference), word.ops
    poorest = sorted(goodness)[:2]
    heard = [math.log(max(token.probability, 1e-4)) for token in tokens[word.start : word.end]]
    return [
        min(margin, 30.0), math.log1p(max(margin, 0.0)), margin / size, ops.count(SUBSTITUTE) / size,
        ops.count(DELETE) / size, ops.count(INSERT) / size, word.accepted / size, ops.count(MATCH) / size,
        sum(goodness) / size, min(goodness), sum(rivalry) / size, min(rivalry),
        sum(heard) / len(heard) if heard else -9.2, float(word.start == word.end), math.log(size), float(size == 1),
        0.0, 0.0, 0.0, 0.0, 0.0, 0.0, len(heard) / size, 0.0, sum(map(math.exp, goodness)) / size,
        sum(poorest) / len(poorest), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ]  # fmt: skip


def _add_context(
    table: NDArray[np.float64], spans: Sequence[tuple[int, int]], sizes: Sequence[int], matched: float
) -> None:
    """Fill in what a word's neighbours and its phrase say."""
    column = {name: place for place, name in enumerate(_WEIGHED)}
    count = len(table)
    goodness, margins = table[:, column["goodness"]].copy(), table[:, column["margin"]].copy()
    lengths = np.array([(end - start) / size for (start, end), size in zip(spans, sizes, strict=True)])
    pauses = [0.0, *(min(now[0] - last[1], 50) / 50 for last, now in pairwise(spans))]
    table[:, column["phrase_goodness"]] = goodness.mean()
    table[:, column["phrase_heard"]] = matched
    table[:, column["slowness"]] = np.log((lengths + 1) / (np.median(lengths) + 1))
    table[:, column["pause"]] = pauses
    table[:, column["phrase_length"]] = np.log1p(count)
    if count > 1:
        table[:, column["neighbours_goodness"]] = _beside(goodness)
        table[:, column["neighbours_margin"]] = _beside(margins)
    else:
        table[:, column["neighbours_goodness"]] = goodness
    clear = float(np.exp(goodness.mean()))
    table[:, column["contrast"]] = (goodness.mean() - table[:, column["worst_goodness"]]) * clear
    table[:, column["rivals_contrast"]] = np.maximum(0, -table[:, column["worst_rivalry"]]) * clear
    table[:, column["neighbours_contrast"]] = table[:, column["neighbours_goodness"]] * clear
    for name, of in (
        ("log_margin_heard", "log_margin"), ("margin_heard", "margin_a_phoneme"), ("substituted_heard", "substituted"),
    ):  # fmt: skip
        table[:, column[name]] = table[:, column[of]] * matched


def _beside(values: Row) -> Row:
    """The mean of each value's neighbours, of two or more."""
    beside = np.zeros_like(values)
    beside[1:] += values[:-1]
    beside[:-1] += values[1:]
    beside[1:-1] /= 2
    return beside
