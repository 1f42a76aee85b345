"""Figures of a whole reading, from the verdicts on its words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from streamproc.contracts.generated.events import Counts, Verdict, WordResult

FLAGGED = (Verdict.MISPRONOUNCED, Verdict.OMITTED)
"""Verdicts that call an expected word misread."""


def count_verdicts(words: Iterable[WordResult]) -> Counts:
    """Words by verdict; ``expected`` counts every word that should have been read, judged or not."""
    tally = Counter(word.verdict for word in words)
    return Counts(
        expected=sum(tally.values()) - tally[Verdict.INSERTED],
        correct=tally[Verdict.CORRECT],
        accepted=tally[Verdict.ACCEPTED],
        mispronounced=tally[Verdict.MISPRONOUNCED],
        omitted=tally[Verdict.OMITTED],
        inserted=tally[Verdict.INSERTED],
        unjudged=tally[Verdict.UNKNOWN],
    )


def accuracy(counts: Counts) -> float | None:
    """Words read correctly over words judged, 0 to 1; None where none was judged."""
    return share_read(counts.correct + counts.accepted, counts.expected - counts.unjudged)


def words_correct_per_minute(counts: Counts, audio_ms: int) -> float | None:
    """WCPM: words read correctly over the minutes of audio; None without audio.

    Source: Hasbrouck and Tindal, "Oral Reading Fluency Norms", The Reading Teacher 59(7), 2006.
    """
    return read_per_minute(counts.correct + counts.accepted, audio_ms)


def share_read(correct: int, judged: int) -> float | None:
    """Accuracy by the two numbers that it takes."""
    return correct / judged if judged else None


def read_per_minute(correct: int, audio_ms: int) -> float | None:
    """WCPM by the two numbers that it takes."""
    return correct * 60_000 / audio_ms if audio_ms else None
