"""The events, typed. Generated from schemas/ by ``python -m streamproc.contracts.upkeep.generate``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingFigures:
    """One reading's figures, corrections included."""

    activity_id: str
    """The activity."""
    result_id: str
    """The ce_id of the result that counts: its activity's topic/partition/offset."""
    read_at: datetime
    """When the learner began to read, UTC; not later than the result was made."""
    words_judged: int
    """Expected words with a verdict."""
    words_correct: int
    """Of these, words read correctly (CORRECT or ACCEPTED)."""
    audio_ms: int
    """Length of the scored phrases' audio in milliseconds."""
    accuracy: float | None = None
    """words_correct over words_judged, 0 to 1. Null where no word was judged."""
    words_correct_per_minute: float | None = None
    """WCPM: words_correct over the minutes of audio. Null where no audio was scored."""
    corrected_words: int = 0
    """Words whose verdict a teacher has overruled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PractiseWord:
    """A word, and how often it went wrong."""

    text: str = field(repr=False)
    """The word in lower case, without punctuation around it."""
    readings_missed: int
    """In how many of these readings it was misread or left out."""
    last_missed_at: datetime
    """When the last of them began, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How a learner gets on: the last readings, and what is made of them. One event for each result and
    for each correction that changes something; the newest revision counts. The Kafka key is learner_id.
    """

    learner_id: str = field(repr=False)
    """The learner."""
    tenant_id: str
    """The customer that the learner belongs to: an identifier is a learner's within its tenant alone."""
    revision: int
    """How often this learner's progress has been told, from 1. Of two events the one with the higher
    number is newer.
    """
    updated_at: datetime
    """When the result or the correction was made that led to this event, UTC."""
    readings: tuple[ReadingFigures, ...] = field(repr=False)
    """The last readings by the time at which they began, the oldest first; of one activity there is one."""
    accuracy: float | None = None
    """All correct words of these readings over all judged ones. Null where none was judged."""
    words_correct_per_minute: float | None = None
    """All correct words of these readings over all minutes of audio. Null where there is no audio."""
    accuracy_trend: float | None = None
    """By how much accuracy changes from one reading to the next: the slope of a line fitted by least
    squares. Null with fewer than three readings that have one.
    """
    words_correct_per_minute_trend: float | None = None
    """The same of WCPM."""
    words_to_practise: tuple[PractiseWord, ...] = field(repr=False)
    """Words that were misread or left out when they last came up, the most often missed first; at most 20."""
    streak_days: int
    """On how many days in a row, in UTC, the learner has read, up to streak_last_day; at most 366."""
    streak_last_day: str
    """The last day with a reading, ISO 8601. A streak that ended before yesterday is over."""
