"""Results as the page shows them: a row of the list, and every word with its phonemes in two aligned rows. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from streamproc.contracts.generated.events import Operation, PhraseResult, Result, WordResult
from streamproc.deadletter.times import iso
from streamproc.web.console.shown import shown

_LONGEST_TEXT = 200
"""Characters of a text in the list."""


def summary_of(result: Result) -> dict[str, Any]:
    """A result's row in the list."""
    text = " ".join(phrase.expected_text for phrase in result.phrases)
    counts = result.counts
    return {
        "activity_id": shown(result.activity_id),
        "tenant": shown(result.tenant),
        "status": result.status.value,
        "text": shown(text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"),
        "accuracy": result.accuracy,
        "wcpm": result.words_correct_per_minute,
        "total_ms": round(result.timings.total_ms, 1),
        "words": counts.expected,
        "wrong": counts.mispronounced + counts.omitted + counts.inserted,
    }


def detail_of(result: Result) -> dict[str, Any]:
    """A result with every word; ``learner_id`` is left out: the page is about readings, not about who reads."""
    timings = result.timings
    return {
        **summary_of(result),
        "locale": shown(result.locale),
        "story": shown(result.story_id),
        "started_at": iso(result.started_at),
        "submitted_at": iso(result.submitted_at),
        "scored_at": iso(result.scored_at),
        "audio_ms": result.audio_ms,
        "source": {
            "topic": result.source.topic,
            "partition": result.source.partition,
            "offset": result.source.offset,
        },
        "model": {"name": result.model.name, "version": result.model.version, "sha256": result.model.sha256},
        "judged_by": result.judged_by.value,
        "engine": shown(result.engine),
        "aligner": result.aligner_version,
        "timings": {
            stage: round(getattr(timings, f"{stage}_ms"), 1)
            for stage in ("decode", "audio", "wait", "inference", "score", "total")
        },
        "phrases": [_phrase(phrase) for phrase in result.phrases],
    }


def _phrase(phrase: PhraseResult) -> dict[str, Any]:
    return {
        "index": phrase.index,
        "status": phrase.status.value,
        "error": None if phrase.error_code is None else f"{phrase.error_code}: {shown(phrase.error_message or '')}",
        "text": shown(phrase.expected_text),
        "audio_ms": phrase.audio_ms,
        "words": [_word(word) for word in phrase.words],
    }


def _word(word: WordResult) -> dict[str, Any]:
    return {
        "text": None if word.text is None else shown(word.text),
        "verdict": word.verdict.value,
        "error": word.error_code,
        "confidence": round(word.confidence, 3),
        "start_ms": word.start_ms,
        "end_ms": word.end_ms,
        "columns": list(aligned(word.reference, word.heard, word.operations)),
    }


def aligned(
    reference: Sequence[str], heard: Sequence[str], operations: Sequence[Operation]
) -> Iterator[tuple[str, str, str]]:
    """Columns of expected phoneme, heard phoneme and operation, left to right; an empty text where there is none.

    What the operations do not account for, as a newer writer's may, comes last: nothing is left out.
    """
    expected, spoken = iter(reference), iter(heard)
    for operation in operations:
        above = "" if operation is Operation.INSERT else next(expected, "")
        below = "" if operation is Operation.DELETE else next(spoken, "")
        yield shown(above), shown(below), operation.value
    for above in expected:
        yield shown(above), next(spoken, ""), Operation.UNKNOWN.value
    for below in spoken:
        yield "", shown(below), Operation.UNKNOWN.value
