"""Words that were taken for skipped, though they are the extra speech beside them.

Where much of a text was not read, an alignment finds the last sounds that were read scattered over all that was not:
each of them is there somewhere. The words that they are of seem to be skipped too, and their sounds to be extra speech.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.skipped import LEAST_EXTRA
from streamproc.scoring.variants import PhonemeAligner
from streamproc.scoring.words import HeardWord, hear_words

READ_SHARE = 0.6
"""Of its sounds, so many must be in the extra speech, that a word was read: no other text of that length has them."""

LEAST_GAIN = 2.0
"""Sounds that the words together must have beyond `READ_SHARE`: five, all of them heard."""

RESTORED_TIMES = 3
"""What is restored may leave less extra speech, beside which are more such words; all is aligned anew."""


def restored_words(
    words: Sequence[ExpectedWord],
    skipped: frozenset[int],
    found: Sequence[HeardWord],
    heard: bytes,
    aligner: PhonemeAligner,
) -> frozenset[int]:
    """Those of ``skipped`` that were read after all.

    Args:
        found: what `hear_without` makes of ``words``, ``skipped`` and ``heard``.
        heard: the phonemes that were heard.
    """
    restored: set[int] = set()
    place = 0  # of the next expected word
    for word in found:
        if word.expected is not None:
            place += 1
            continue
        if word.end - word.start < LEAST_EXTRA:
            continue
        speech = heard[word.start : word.end]
        first = last = place  # the run of skipped words that the speech is beside, on either side
        while first - 1 in skipped:
            first -= 1
        while last in skipped:
            last += 1
        begun = _read(words, _some(words, range(first, last), len(speech)), speech, aligner)
        ended = _read(words, _some(words, range(last - 1, first - 1, -1), len(speech)), speech, aligner)
        restored.update(max(begun, ended)[1])
    return frozenset(restored)


def _some(words: Sequence[ExpectedWord], run: Iterable[int], sounds: int) -> list[int]:
    """The first of a run, as many as may be said in so many sounds and a quarter more."""
    places: list[int] = []
    left = 1.25 * sounds
    for place in run:
        if left <= 0:
            break
        places.append(place)
        left -= _sounds(words[place])
    return places


def _read(
    words: Sequence[ExpectedWord], places: Sequence[int], speech: bytes, aligner: PhonemeAligner
) -> tuple[float, list[int]]:
    """Of places, in the order in which they are taken up, those that were read; before them the sounds gained."""
    if not places:
        return 0.0, []
    order = sorted(places)
    local = [word for word in hear_words([words[at] for at in order], speech, aligner) if word.expected is not None]
    matched = {at: word.matched for at, word in zip(order, local, strict=True)}
    best, gain = (0.0, 0), 0.0
    for count, at in enumerate(places, 1):
        gain += matched[at] - READ_SHARE * _sounds(words[at])
        best = max(best, (gain, count))
    return (best[0], list(places[: best[1]])) if best[0] >= LEAST_GAIN else (0.0, [])


def _sounds(word: ExpectedWord) -> int:
    return len(word.pronunciations[0]) if word.pronunciations else 0
