"""One example of every event: in the reference, in exports, and what golden files are made of."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from streamproc.contracts import files, majors
from streamproc.contracts.generated import (
    conversions,
    conversions_control,
    conversions_correction,
    conversions_progress,
)
from streamproc.contracts.generated.events import (
    Activity,
    Audio,
    Codec,
    Counts,
    JudgedBy,
    Model,
    Operation,
    Phrase,
    PhraseResult,
    PhraseStatus,
    ReferenceWord,
    Result,
    ResultStatus,
    SourcePosition,
    StageTimings,
    Verdict,
    WordResult,
)
from streamproc.contracts.generated.events_control import ControlEvent, ControlKind, ControlledModel
from streamproc.contracts.generated.events_correction import Correction, WordVerdict
from streamproc.contracts.generated.events_progress import PractiseWord, Progress, ReadingFigures

ACTIVITY = Activity(
    activity_id="0192f1c6-6f5e-7c1a-9d53-2f5c1f0e7a11",
    learner_id="learner-4711",
    tenant_id="district-12",
    started_at=datetime(2025, 3, 14, 9, 26, 53, 589793, tzinfo=UTC),
    submitted_at=datetime(2025, 3, 14, 9, 27, 4, 125000, tzinfo=UTC),
    locale="en-US",
    story_id="the-red-hen",
    passage_id="page-2",
    assignment_id="homework-8",
    attempt=2,
    phrases=(
        Phrase(
            index=0,
            expected_text="The cat ran home.",
            audio=Audio(data=b"RIFF$\x00\x00\x00WAVEfmt ", codec=Codec.WAV, sample_rate=16_000),
        ),
        Phrase(
            index=1,
            expected_text="Zog sat.",
            reference=(
                ReferenceWord(text="Zog", phonemes=("Z", "AA", "G")),
                ReferenceWord(text="sat", phonemes=()),
            ),
            audio=Audio(uri="s3://readings/0192f1c6/1.flac", codec=Codec.FLAC, sample_rate=48_000),
        ),
    ),
)


def _word(text: str, verdict: Verdict, place: tuple[int, int], steps: str) -> WordResult:
    """``steps``: "reference/heard" for each step of the alignment; "-" where a side has nothing."""
    pairs = [step.split("/") for step in steps.split()]
    operations = {(True, False): Operation.DELETE, (False, True): Operation.INSERT}
    return WordResult(
        text=text,
        verdict=verdict,
        confidence=0.97,
        start_ms=place[0],
        end_ms=place[1],
        reference=tuple(expected for expected, _ in pairs if expected != "-"),
        heard=tuple(heard for _, heard in pairs if heard != "-"),
        operations=tuple(
            operations.get(
                (expected != "-", heard != "-"), Operation.MATCH if expected == heard else Operation.SUBSTITUTE
            )
            for expected, heard in pairs
        ),
    )


RESULT = Result(
    activity_id=ACTIVITY.activity_id,
    learner_id=ACTIVITY.learner_id,
    tenant=ACTIVITY.tenant_id,
    started_at=ACTIVITY.started_at,
    submitted_at=ACTIVITY.submitted_at,
    scored_at=datetime(2025, 3, 14, 9, 27, 4, 480250, tzinfo=UTC),
    locale=ACTIVITY.locale,
    story_id=ACTIVITY.story_id,
    passage_id=ACTIVITY.passage_id,
    assignment_id=ACTIVITY.assignment_id,
    attempt=ACTIVITY.attempt,
    source=SourcePosition(topic="reading.activity.v1", partition=3, offset=1042),
    status=ResultStatus.PARTIAL,
    accuracy=0.5,
    words_correct_per_minute=60.0,
    audio_ms=2000,
    counts=Counts(expected=4, correct=2, accepted=0, mispronounced=1, omitted=1, inserted=1, unjudged=0),
    phrases=(
        PhraseResult(
            index=0,
            status=PhraseStatus.SCORED,
            expected_text="The cat ran home.",
            audio_ms=2000,
            words=(
                _word("The", Verdict.CORRECT, (120, 260), "DH/DH AX/AX"),
                _word("cat", Verdict.MISPRONOUNCED, (300, 720), "K/K AE/AH T/T"),
                WordResult(
                    verdict=Verdict.INSERTED,
                    confidence=0.8,
                    start_ms=740,
                    end_ms=900,
                    reference=(),
                    heard=("AH", "M"),
                    operations=(Operation.INSERT, Operation.INSERT),
                ),
                WordResult(
                    text="ran",
                    verdict=Verdict.OMITTED,
                    confidence=0.91,
                    reference=("R", "AE", "N"),
                    heard=(),
                    operations=(Operation.DELETE, Operation.DELETE, Operation.DELETE),
                ),
                _word("home", Verdict.CORRECT, (1000, 1640), "HH/HH OW/OW M/M"),
            ),
        ),
        PhraseResult(
            index=1,
            status=PhraseStatus.FAILED,
            error_code="AUDIO_NOT_FOUND",
            error_message="the URI names nothing",
            expected_text="Zog sat.",
            audio_ms=0,
            words=(),
        ),
    ),
    model=Model(
        name="phonemes", version="1", sha256="5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
    ),
    judged_by=JudgedBy.CLASSIFIER,
    engine="triton",
    aligner_version="0.1.0",
    timings=StageTimings(decode_ms=0.1, audio_ms=3.2, wait_ms=0.4, inference_ms=14.8, score_ms=1.9, total_ms=20.9),
)


PROGRESS = Progress(
    learner_id="learner-4711",
    tenant_id="district-12",
    revision=12,
    updated_at=datetime(2025, 3, 14, 9, 27, 5, 250000, tzinfo=UTC),
    readings=(
        ReadingFigures(
            activity_id="0192f1c6-6f5e-7c1a-9d53-2f5c1f0e7a11",
            result_id="reading.activity.v1/3/1812",
            read_at=datetime(2025, 3, 14, 9, 26, 53, 589793, tzinfo=UTC),
            words_judged=40,
            words_correct=36,
            audio_ms=30_000,
            accuracy=0.9,
            words_correct_per_minute=72.0,
            corrected_words=1,
        ),
    ),
    accuracy=0.9,
    words_correct_per_minute=72.0,
    words_to_practise=(
        PractiseWord(
            text="home", readings_missed=1, last_missed_at=datetime(2025, 3, 14, 9, 26, 53, 589793, tzinfo=UTC)
        ),
    ),
    streak_days=4,
    streak_last_day="2025-03-14",
)

CORRECTION = Correction(
    correction_id="0192f1d0-0a3c-7b44-8a11-6c0d2f9e5b90",
    learner_id="learner-4711",
    tenant_id="district-12",
    activity_id="0192f1c6-6f5e-7c1a-9d53-2f5c1f0e7a11",
    result_id="reading.activity.v1/3/1812",
    phrase_index=0,
    word_index=2,
    word="ran",
    overruled="MISPRONOUNCED",
    verdict=WordVerdict.CORRECT,
    corrected_by="teacher-17",
    corrected_at=datetime(2025, 3, 14, 11, 2, 0, tzinfo=UTC),
)

CONTROL = ControlEvent(
    change_id="0192f1c8-11aa-7b0e-8d0c-6b8f2f0f3c52",
    expected_revision=41,
    at=datetime(2025, 3, 14, 8, 0, 0, tzinfo=UTC),
    by="ada@operations",
    reason="first look at the model of March",
    kind=ControlKind.CANARY,
    model=ControlledModel(
        name="phonemes", version="2", sha256="9c0f4a1f27d0e1bbd1c0f7ba1f6f0b8c1c1b52b0f9a9b0f1b4cbb1f6a2f4c7d3"
    ),
    share=0.05,
)


def example(contract: str) -> dict[str, Any]:
    """The example of a contract, as fastavro writes it."""
    if contract == files.ACTIVITY:
        return conversions.activity_to_avro(ACTIVITY)
    if contract == files.PROGRESS:
        return conversions_progress.progress_to_avro(PROGRESS)
    if contract == files.CORRECTION:
        return conversions_correction.correction_to_avro(CORRECTION)
    if contract == files.CONTROL:
        return conversions_control.control_event_to_avro(CONTROL)
    major = majors.of_contract(contract)
    return major.to_avro(major.upcast(RESULT))


def as_json(datum: dict[str, Any]) -> str:
    """An event, as fastavro writes it, for people: times in ISO 8601, bytes as text with escapes."""
    return json.dumps(datum, indent=2, default=_plain)


def _plain(value: object) -> str:
    match value:
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case bytes():
            return value.decode("latin-1")
    raise TypeError(f"no JSON for {type(value).__name__}")
