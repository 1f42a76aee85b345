"""Two models' verdicts on the same reading, side by side."""

from __future__ import annotations

from streamproc.contracts.generated.events import Verdict, WordResult
from streamproc.routing.comparing import ComparedReading
from streamproc.scoring.compare import compare


def words(*verdicts: Verdict) -> tuple[WordResult, ...]:
    return tuple(
        WordResult(text="w", verdict=one, confidence=1.0, reference=(), heard=(), operations=()) for one in verdicts
    )


GOOD, BAD, EXTRA, LEFT = Verdict.CORRECT, Verdict.MISPRONOUNCED, Verdict.INSERTED, Verdict.OMITTED


def test_words_are_compared_one_by_one_and_extra_speech_is_none() -> None:
    found = compare([3], [words(GOOD, EXTRA, BAD, GOOD)], [words(GOOD, GOOD, LEFT)])
    assert found == ComparedReading(served=2 / 3, other=2 / 3, same=1, words=3)


def test_what_a_model_could_not_judge_counts_as_not_read() -> None:
    found = compare([2, 2], [words(GOOD, GOOD), words(GOOD, BAD)], [(), words(GOOD, BAD)])
    assert found == ComparedReading(served=3 / 4, other=1 / 4, same=2, words=4)


def test_what_neither_could_judge_they_agree_on() -> None:
    assert compare([2], [()], [()]) == ComparedReading(0.0, 0.0, 2, 2)


def test_a_reading_without_words_has_no_share() -> None:
    assert compare([0], [()], [()]) == ComparedReading(None, None, 0, 0)
