"""The gauges of drift: of the champion, of today, and of no more than is sure."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from streamproc.contracts.generated.events import PhraseStatus, Result, Verdict
from streamproc.contracts.upkeep.examples import RESULT
from streamproc.routing.drift import Profile
from streamproc.routing.reference import ModelProfile
from streamproc.telemetry.drifting import DriftMetrics

SHA256 = RESULT.model.sha256


def reading(well: bool) -> Result:
    """Every word of it read well, or none."""
    (phrase, *_) = RESULT.phrases
    verdict = Verdict.CORRECT if well else Verdict.MISPRONOUNCED
    words = tuple(replace(word, verdict=verdict, confidence=0.9 if well else 0.3) for word in phrase.words)
    return replace(RESULT, phrases=(replace(phrase, status=PhraseStatus.SCORED, words=words),))


class Worker:
    """One with a reference of 1,000 readings, a tenth of them misread, on a day that is to be said."""

    def __init__(self) -> None:
        profile = Profile()
        for number in range(1000):
            profile.note(reading(number % 10 > 0))
        self.day, self.champion = date(2026, 3, 1), SHA256
        reference = {SHA256: ModelProfile("phonemes/2", profile)}
        self.metrics = DriftMetrics(reference, lambda: self.champion, lambda: self.day)

    def notes(self, readings: int, misread_each: int) -> None:
        for number in range(readings):
            self.metrics.note(reading(number % misread_each > 0))

    @property
    def drifted(self) -> set[str]:
        """The measures whose gauge is not 0."""
        return {measure for measure, found in self.metrics._found().items() if found.psi > 0}


def test_more_misread_words_are_seen_once_there_are_enough_readings() -> None:
    worker = Worker()
    worker.notes(20, misread_each=3)
    assert worker.drifted == set()
    worker.notes(400, misread_each=3)
    assert worker.drifted == {"confidence", "accuracy"}


def test_what_is_as_it_was_is_0() -> None:
    worker = Worker()
    worker.notes(333, misread_each=9)
    assert worker.drifted == set(), "a ninth of them is no more than chance makes of a tenth"


def test_a_new_day_and_another_champion_begin_with_nothing() -> None:
    worker = Worker()
    worker.notes(400, misread_each=2)
    assert worker.drifted
    worker.champion = "ab" * 32
    assert not worker.drifted
    worker.champion = SHA256
    worker.day += timedelta(1)
    assert not worker.drifted
