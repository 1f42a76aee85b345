"""Which words of a text were not read at all: lines skipped, the end after a child left off.

An alignment of all that was to be read with what was heard scatters sounds over words that nobody said, and takes them
from those that were. So where a run of words has hardly any of its sounds, the rest is aligned without it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aligner_mypyc import ACCEPTED, DELETE, MATCH
from streamproc.scoring.ctc import Floats, Token, log_likelihoods
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.variants import PhonemeAligner
from streamproc.scoring.words import HeardWord, hear_words

BY_CHANCE = 0.35
"""Share of a word's sounds that an alignment finds in it though something else was read, with room; of a word that was
read it finds more."""

LEAST_SKIPPED = 2.0
"""Sounds that a run of words must lack beyond `BY_CHANCE` to be skipped: six of which none was said."""

MOST_RESTORED = 12
"""Words at each end of such a run that may turn out to have been read."""

MOST_CELLS = 20_000_000
"""Frames times phonemes that are gone through to find that out: a tenth of a second of work."""

LEAST_EXTRA = 6
"""Sounds of extra speech, all in all more than a wrong ending, whose frames are no evidence on the text."""


def skipped_words(words: Sequence[HeardWord]) -> frozenset[int]:
    """Places, among the expected words, of those that were not read: all runs that lack `LEAST_SKIPPED`, largest first
    (the maximal scoring subsequences of Ruzzo and Tompa, ISMB 1999, here by repeated search)."""
    lacking = [
        BY_CHANCE * len(word.reference) - sum(op in (MATCH, ACCEPTED) for op in word.ops)
        for word in words
        if word.expected
    ]
    skipped: set[int] = set()
    spans = [(0, len(lacking))]
    while spans:
        first, last = spans.pop()
        begin, end, most = _largest(lacking, first, last)
        if most >= LEAST_SKIPPED and end - begin > 1:
            skipped.update(range(begin, end))
            spans += [(first, begin), (end, last)]
    return frozenset(skipped)


def likeliest_skipped(words: Sequence[ExpectedWord], skipped: frozenset[int], log_probs: Floats) -> frozenset[int]:
    """``skipped`` without those of its words, at either end of a run, with which the audio is likelier.

    A decode has too few sounds of a poor reader to tell. At each end `MOST_RESTORED` words are tried at most, and as
    many as `MOST_CELLS` frames times phonemes allow in all.
    """
    left = set(skipped)
    runs = _runs(skipped)
    cells = max(1, len(log_probs) * len(_codes(words, frozenset())))
    tries = min(MOST_RESTORED, MOST_CELLS // (4 * cells * max(1, len(runs))))
    if tries < 1:
        return skipped
    for run in runs:
        for _ in range(2):  # the end of which more was said goes first
            here = [place for place in run if place in left]
            tried = [here[:count] for count in range(tries + 1)] + [here[-count:] for count in range(1, tries + 1)]
            parts = [frozenset(left.difference(given)) for given in tried]
            fits = log_likelihoods(log_probs, [_codes(words, part) for part in parts])
            left = set(parts[int(np.argmax(fits))])
    return frozenset(left)


def _codes(words: Sequence[ExpectedWord], skipped: frozenset[int]) -> bytes:
    return b"".join(
        word.pronunciations[0] for place, word in enumerate(words) if place not in skipped and word.pronunciations
    )


def _runs(places: frozenset[int]) -> list[list[int]]:
    """Places that follow each other, together."""
    runs: list[list[int]] = []
    for place in sorted(places):
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def without_extra(words: Sequence[HeardWord], tokens: Sequence[Token], log_probs: Floats, begin: int = 0) -> Floats:
    """The frames but those of extra speech of `LEAST_EXTRA` sounds or more: what was said besides the text says nothing
    about its words. ``begin``: the frame of the phrase with which ``log_probs`` begins."""
    kept = np.ones(len(log_probs), dtype=bool)
    for word in words:
        if word.expected is None and word.end - word.start >= LEAST_EXTRA:
            kept[tokens[word.start].start - begin : tokens[word.end - 1].end - begin] = False
    return log_probs if kept.all() else log_probs[kept]


def hear_without(
    words: Sequence[ExpectedWord], skipped: frozenset[int], heard: bytes, aligner: PhonemeAligner
) -> list[HeardWord]:
    """`hear_words` of those that were read, with the skipped ones, of which nothing was heard, in their places."""
    found = hear_words([word for place, word in enumerate(words) if place not in skipped], heard, aligner)
    result: list[HeardWord] = []
    at, place = 0, 0
    for word in found:
        if word.expected:
            place = _put_skipped(result, words, skipped, place, at) + 1
        result.append(word)
        at = word.end
    _put_skipped(result, words, skipped, place, at)
    return result


def _put_skipped(
    result: list[HeardWord], words: Sequence[ExpectedWord], skipped: frozenset[int], place: int, at: int
) -> int:
    while place in skipped:
        reference = words[place].pronunciations[0] if words[place].pronunciations else b""
        result.append(HeardWord(words[place], reference, bytes([DELETE]) * len(reference), at, at))
        place += 1
    return place


def _largest(values: Sequence[float], first: int, last: int) -> tuple[int, int, float]:
    """The run of the largest sum (Kadane's algorithm, Bentley 1984): where it begins and ends, and the sum."""
    best, total, begin = (first, first, 0.0), 0.0, first
    for place in range(first, last):
        if total <= 0:
            total, begin = 0.0, place
        total += values[place]
        if total > best[2]:
            best = (begin, place + 1, total)
    return best
