"""What a learner's state comes to: the event that is published. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import linear_regression

from streamproc.agents.progress.readings import MISSED, KeptReading
from streamproc.agents.progress.state import LearnerState
from streamproc.contracts.generated.events_progress import PractiseWord, Progress, ReadingFigures
from streamproc.scoring.fluency import read_per_minute, share_read

MOST_PRACTISED = 20
FEWEST_FOR_TREND = 3


def summary(tenant_id: str, learner_id: str, state: LearnerState) -> Progress:
    """The event of a learner who has read."""
    readings = state.readings
    judged = sum(reading.judged for reading in readings)
    correct = sum(reading.correct for reading in readings)
    audio_ms = sum(reading.audio_ms for reading in readings)
    return Progress(
        learner_id=learner_id,
        tenant_id=tenant_id,
        revision=state.revision,
        updated_at=_time(state.updated_at),
        readings=tuple(map(_figures, readings)),
        accuracy=share_read(correct, judged),
        words_correct_per_minute=read_per_minute(correct, audio_ms),
        accuracy_trend=_slope([reading.accuracy for reading in readings]),
        words_correct_per_minute_trend=_slope([reading.words_correct_per_minute for reading in readings]),
        words_to_practise=_practise(readings),
        streak_days=state.days.streak,
        streak_last_day=state.days.last_day,
    )


def _figures(reading: KeptReading) -> ReadingFigures:
    return ReadingFigures(
        activity_id=reading.activity_id,
        result_id=reading.result_id,
        read_at=_time(reading.read_at),
        words_judged=reading.judged,
        words_correct=reading.correct,
        audio_ms=reading.audio_ms,
        accuracy=reading.accuracy,
        words_correct_per_minute=reading.words_correct_per_minute,
        corrected_words=len(reading.corrected),
    )


def _slope(values: Sequence[float | None]) -> float | None:
    """Of a line through the values there are, by the readings' numbers."""
    points = [(float(number), value) for number, value in enumerate(values) if value is not None]
    if len(points) < FEWEST_FOR_TREND:
        return None
    return linear_regression([x for x, _ in points], [y for _, y in points]).slope


@dataclass(slots=True)
class _Word:
    missed: int = 0
    last_missed_at: int = 0
    due: bool = False
    """Whether it went wrong in the last reading that has it."""


def _practise(readings: Sequence[KeptReading]) -> tuple[PractiseWord, ...]:
    """Words that went wrong, even once, in the last reading that has them."""
    words: dict[str, _Word] = {}
    for reading in readings:
        here: dict[str, bool] = {}
        for text, letter in reading.words():
            here[text] = here.get(text, False) or letter in MISSED
        for text, missed in here.items():
            word = words.setdefault(text, _Word())
            word.due = missed
            if missed:
                word.missed += 1
                word.last_missed_at = reading.read_at
    due = [(text, word) for text, word in words.items() if word.due and text]
    due.sort(key=lambda one: (-one[1].missed, -one[1].last_missed_at, one[0]))
    return tuple(
        PractiseWord(text=text, readings_missed=word.missed, last_missed_at=_time(word.last_missed_at))
        for text, word in due[:MOST_PRACTISED]
    )


def _time(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
