"""A long reading is laid over its audio part by part, so that the work grows with its length and not with its square.

It is cut between two words that were both heard exactly, where the pause between them is longest: no path through the
audio that is worth anything goes elsewhere.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from streamproc.scoring.ctc import FRAME_MS, Floats, Token, log_likelihoods
from streamproc.scoring.evidence import LaidOut, lay_out
from streamproc.scoring.skipped import without_extra
from streamproc.scoring.words import HeardWord

MOST_TOGETHER = 120 * 1000 // FRAME_MS
"""Frames of a reading that is not cut: two minutes."""

_LEAST, _MOST = MOST_TOGETHER // 2, MOST_TOGETHER * 11 // 12
"""A part of a longer one ends between these, if two words in a row were heard exactly there, or where they next are."""


@dataclass(frozen=True, slots=True)
class ReadingPart:
    """Of a reading: heard words ``first`` to ``last``, and frames ``begin`` to ``end``."""

    first: int
    last: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class LaidReading:
    """``laid``: words over the frames that are not extra speech. ``fit``: log P(audio | the words) less that of the
    likeliest path, a phoneme."""

    laid: LaidOut
    fit: float


def lay_out_reading(
    heard: Sequence[HeardWord], places: Sequence[int], tokens: Sequence[Token], log_probs: Floats
) -> LaidReading | None:
    """The words at ``places``, in order, laid over the audio; None where that cannot be, or takes too long."""
    parts: list[LaidOut] = []
    frames_before = 0
    excess = 0.0
    for part in cut_reading(heard, tokens, len(log_probs)):
        frames = without_extra(heard[part.first : part.last], tokens, log_probs[part.begin : part.end], part.begin)
        own = places[bisect_left(places, part.first) : bisect_left(places, part.last)]
        laid = lay_out([heard[place] for place in own], frames)
        if laid is None:
            return None
        (likelihood,) = log_likelihoods(frames, [laid.codes])
        excess += likelihood - float(frames.max(axis=1).sum())
        parts.append(_later(laid, frames_before))
        frames_before += len(frames)
    whole = parts[0] if len(parts) == 1 else _joined(parts)
    return LaidReading(whole, excess / len(whole.codes))


def cut_reading(heard: Sequence[HeardWord], tokens: Sequence[Token], frames: int) -> list[ReadingPart]:
    """The parts of a reading, which follow each other without a gap.

    Args:
        heard: its words as they were heard, extra speech among them.
        tokens: the phonemes that were heard.
        frames: of its audio.
    """
    cuts = [(0, 0)]  # (heard words before it, frame)
    places: list[tuple[int, int, int]] = []  # (pause, heard words before, frame), since the last cut
    for index, (word, after) in enumerate(pairwise(heard), 1):
        if frames - cuts[-1][1] <= MOST_TOGETHER:
            break
        if not (_is_sure(word) and _is_sure(after)):
            continue
        end, start = tokens[word.end - 1].end, tokens[after.start].start
        if end - cuts[-1][1] > _MOST and places:
            cuts.append(max(places)[1:])
            places = [place for place in places if place[2] - cuts[-1][1] >= _LEAST]
        if (end + start) // 2 - cuts[-1][1] >= _LEAST:
            places.append((start - end, index, (end + start) // 2))
    if places and frames - cuts[-1][1] > MOST_TOGETHER:
        cuts.append(max(places)[1:])
    cuts.append((len(heard), frames))
    return [ReadingPart(first, last, begin, end) for (first, begin), (last, end) in pairwise(cuts)]


def _is_sure(word: HeardWord) -> bool:
    return word.expected is not None and word.exact and word.start < word.end


def _later(laid: LaidOut, frames: int) -> LaidOut:
    if not frames:
        return laid
    places = [place._replace(start=place.start + frames, end=place.end + frames) for place in laid.places]
    return replace(laid, places=places)


def _joined(parts: Sequence[LaidOut]) -> LaidOut:
    return LaidOut(
        b"".join(part.codes for part in parts),
        [place for part in parts for place in part.places],
        [value for part in parts for value in part.goodness],
        [value for part in parts for value in part.rivalry],
    )
