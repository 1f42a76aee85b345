"""Outcomes as a flawless worker would make them, to be spoilt by the tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from streamproc.contracts.generated.events import (
    Counts,
    Model,
    PhraseResult,
    PhraseStatus,
    Result,
    ResultStatus,
    SourcePosition,
    StageTimings,
    Verdict,
    WordResult,
)
from streamproc.demo.exchange import ActivityOutcome
from streamproc.demo.readings import DemoPhrase, DemoReading

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
LATENCY_MS = 100

Words = tuple[WordResult, ...]


def position(number: int) -> SourcePosition:
    return SourcePosition(topic="activities", partition=number % 4, offset=number)


def published(readings: Sequence[DemoReading]) -> dict[SourcePosition, int]:
    return {position(reading.number): 1_000_000 + reading.number for reading in readings}


def word(text: str | None, verdict: Verdict) -> WordResult:
    heard = ("K", "AE", "T") if verdict is Verdict.INSERTED else ()
    return WordResult(text=text, verdict=verdict, confidence=0.9, reference=(), heard=heard, operations=())


def flawless_words(phrase: DemoPhrase) -> Words:
    words: list[WordResult] = []
    changes = {change.index: change.kind for change in phrase.changes}
    for index, text in enumerate(phrase.reading.expected):
        kind = changes.get(index)
        if kind == "inserted":
            words.append(word(None, Verdict.INSERTED))
        verdict = {"mispronounced": Verdict.MISPRONOUNCED, "omitted": Verdict.OMITTED}.get(kind or "", Verdict.CORRECT)
        words.append(word(text, verdict))
    return tuple(words)


def flawless(reading: DemoReading, spoil: Callable[[Words], Words] = lambda words: words) -> ActivityOutcome:
    """The right outcome of a reading; ``spoil`` changes the words of its first phrase."""
    timestamp = 1_000_000 + reading.number + LATENCY_MS
    if not reading.scorable:
        return ActivityOutcome(position(reading.number), timestamp, None, "AUDIO_UNREADABLE")
    phrases = []
    for index, phrase in enumerate(reading.phrases):
        words = () if phrase.damaged else flawless_words(phrase)
        phrases.append(
            PhraseResult(
                index=index,
                status=PhraseStatus.FAILED if phrase.damaged else PhraseStatus.SCORED,
                error_code="AUDIO_UNREADABLE" if phrase.damaged else None,
                expected_text=phrase.text,
                audio_ms=2000,
                words=spoil(words) if index == 0 else words,
            )
        )
    result = Result(
        activity_id=f"activity-{reading.number}",
        learner_id=reading.learner_id,
        tenant="demo",
        started_at=NOON,
        submitted_at=NOON,
        scored_at=NOON,
        locale="en-US",
        story_id="story",
        source=position(reading.number),
        status=ResultStatus.COMPLETE,
        accuracy=0.5,
        words_correct_per_minute=120.0,
        audio_ms=4000,
        counts=Counts(expected=0, correct=0, accepted=0, mispronounced=0, omitted=0, inserted=0, unjudged=0),
        phrases=tuple(phrases),
        model=Model(name="phonemes", version="1", sha256="0" * 64),
        engine="triton",
        aligner_version="1",
        timings=StageTimings(decode_ms=0, audio_ms=0, wait_ms=0, inference_ms=0, score_ms=0, total_ms=0),
    )
    return ActivityOutcome(position(reading.number), timestamp, result)
