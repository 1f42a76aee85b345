"""What two models made of the same reading, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from streamproc.contracts.generated.events import Verdict, WordResult
from streamproc.routing.comparing import ComparedReading

_READ_WELL = (Verdict.CORRECT, Verdict.ACCEPTED)

Words = Sequence[tuple[WordResult, ...]]
"""Of each phrase; none where it could not be judged."""


def compare(expected: Sequence[int], served: Words, other: Words) -> ComparedReading:
    """Compare the verdicts on the words that should have been read.

    A phrase that a model could not judge counts as read by nobody: a model that hears nothing must not look as good as
    one that is never asked.

    Args:
        expected: words of each phrase.
        served: what the result says.
        other: what the other model would have said.
    """
    words = sum(expected)
    if not words:
        return ComparedReading(None, None, 0, 0)
    pairs = [
        (one.verdict, another.verdict)
        for here, there in zip(served, other, strict=True)
        for one, another in zip(_printed(here), _printed(there), strict=False)
    ]
    silent = sum(count for count, here, there in zip(expected, served, other, strict=True) if not here and not there)
    same = silent + sum(one is another for one, another in pairs)
    return ComparedReading(_share(served, words), _share(other, words), same, words)


def _printed(phrase: tuple[WordResult, ...]) -> list[WordResult]:
    """Without extra speech."""
    return [word for word in phrase if word.verdict is not Verdict.INSERTED]


def _share(phrases: Words, words: int) -> float:
    read = sum(word.verdict in _READ_WELL for phrase in phrases for word in phrase)
    return min(1.0, read / words)
