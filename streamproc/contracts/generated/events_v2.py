"""The events, typed. Generated from schemas/ by ``python -m streamproc.contracts.upkeep.generate``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ResultStatus(StrEnum):
    """COMPLETE: every phrase was scored. PARTIAL: at least one failed. UNKNOWN: a status newer than this
    reader.
    """

    UNKNOWN = "UNKNOWN"
    COMPLETE = "COMPLETE"
    PARTIAL = "PARTIAL"


class PhraseStatus(StrEnum):
    """SCORED, or FAILED with an error. UNKNOWN: a status newer than this reader."""

    UNKNOWN = "UNKNOWN"
    SCORED = "SCORED"
    FAILED = "FAILED"


class Verdict(StrEnum):
    """CORRECT, ACCEPTED (a known variant), MISPRONOUNCED, OMITTED. UNKNOWN: not judged, see error_code, or
    a verdict newer than this reader.
    """

    UNKNOWN = "UNKNOWN"
    CORRECT = "CORRECT"
    ACCEPTED = "ACCEPTED"
    MISPRONOUNCED = "MISPRONOUNCED"
    OMITTED = "OMITTED"


class Operation(StrEnum):
    """One step from the reference to what was heard. MATCH, ACCEPT (an accepted variant) and SUBSTITUTE
    take one phoneme of each; DELETE one of the reference; INSERT one of the heard.
    """

    UNKNOWN = "UNKNOWN"
    MATCH = "MATCH"
    ACCEPT = "ACCEPT"
    SUBSTITUTE = "SUBSTITUTE"
    DELETE = "DELETE"
    INSERT = "INSERT"


class JudgedBy(StrEnum):
    """CLASSIFIER: a word classifier that was fitted for this very model. MARGIN: the margin of the model
    alone, as no classifier goes with it: fewer misread words are found and more others flagged, and a
    silent clip has OMITTED words. UNKNOWN: written before it was told, or newer than this reader.
    """

    UNKNOWN = "UNKNOWN"
    CLASSIFIER = "CLASSIFIER"
    MARGIN = "MARGIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the activity said about itself."""

    activity_id: str
    """The activity's identifier."""
    learner_id: str = field(repr=False)
    """The activity's learner."""
    tenant_id: str
    """The activity's tenant_id."""
    started_at: datetime
    """The activity's started_at, UTC."""
    submitted_at: datetime
    """The activity's submitted_at, UTC."""
    locale: str
    """The activity's locale."""
    story_id: str
    """The activity's story."""
    passage_id: str | None = None
    """The activity's passage."""
    assignment_id: str | None = None
    """The activity's assignment."""
    attempt: int = 1
    """The activity's attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePosition:
    """A record's place in Kafka."""

    topic: str
    """Topic."""
    partition: int
    """Partition."""
    offset: int
    """Offset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Figures over the scored phrases."""

    accuracy: float | None = None
    """Words read correctly (CORRECT or ACCEPTED) over words judged, 0 to 1. Null where no word was judged."""
    words_correct_per_minute: float | None = None
    """WCPM: words read correctly, over the minutes of audio of the scored phrases. Null where no audio was
    scored.
    """
    audio_ms: int
    """Length of the scored phrases' audio in milliseconds."""
    expected: int
    """Words that should have been read."""
    correct: int
    """Words read as the reference says."""
    accepted: int
    """Words read in a way that an accepted variant or dialect allows."""
    mispronounced: int
    """Words read differently."""
    omitted: int
    """Words not read."""
    inserted: int
    """Extra words that were spoken."""
    unjudged: int
    """Expected words without a verdict; their error_code says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseError:
    """A failure."""

    code: str
    """One of the documented error codes."""
    message: str | None = None
    """The error in words; never holds the learner's text or audio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordResult:
    """The verdict on one expected word."""

    text: str = field(repr=False)
    """The word as printed."""
    verdict: Verdict
    """The verdict."""
    error_code: str | None = None
    """Why there is no verdict, for example REFERENCE_MISSING; null otherwise."""
    confidence: float
    """Confidence in the verdict, 0 to 1."""
    start_ms: int | None = None
    """Where the word begins in its clip; null when it was not heard."""
    end_ms: int | None = None
    """Where the word ends in its clip; null when it was not heard."""
    reference: tuple[str, ...]
    """Expected phonemes, ARPAbet without stress."""
    heard: tuple[str, ...] = field(repr=False)
    """Heard phonemes, ARPAbet without stress."""
    operations: tuple[Operation, ...]
    """How the heard phonemes align with the reference, left to right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Insertion:
    """Speech that no expected word accounts for."""

    before_word: int
    """Index in words of the word that follows it; the number of words when it comes last."""
    confidence: float
    """Confidence that there was extra speech, 0 to 1."""
    start_ms: int | None = None
    """Where it begins in its clip."""
    end_ms: int | None = None
    """Where it ends in its clip."""
    heard: tuple[str, ...] = field(repr=False)
    """Heard phonemes, ARPAbet without stress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseResult:
    """One phrase, scored or failed."""

    index: int
    """The phrase's index in the activity."""
    status: PhraseStatus
    """Whether the phrase was scored."""
    error: PhraseError | None = None
    """Why the phrase failed; null when it was scored."""
    expected_text: str = field(repr=False)
    """The activity's text for this phrase."""
    audio_ms: int
    """Length of the clip in milliseconds; 0 when it could not be read."""
    words: tuple[WordResult, ...] = field(repr=False)
    """One for each expected word, in order. Empty when the phrase failed."""
    insertions: tuple[Insertion, ...] = field(repr=False)
    """Extra speech, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The parts that made a result, exactly."""

    model_name: str
    """The model's name in the model repository."""
    model_version: str
    """Its version in the model repository."""
    model_sha256: str
    """SHA-256 of the served weights, in hexadecimal."""
    judged_by: JudgedBy = JudgedBy.UNKNOWN
    """What decided whether words were read well; results of one kind are not to be compared with those of
    the other. Since version 2.
    """
    engine: str
    """The inference engine that ran, for example triton."""
    aligner_version: str
    """Version of aligner_mypyc."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTimings:
    """Wall-clock milliseconds by stage."""

    decode_ms: float
    """Reading the Avro event."""
    audio_ms: float
    """Fetching, decoding and resampling the clips."""
    wait_ms: float
    """Waiting for a free place at the inference server."""
    inference_ms: float
    """The inference call."""
    score_ms: float
    """CTC decoding, alignment and verdicts."""
    total_ms: float
    """From receiving the event to having the result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a reading went: the verdict on every word, and the figures made from them. Major version 2 of
    reading.result: what came from the activity, the figures and the provenance are records of their
    own, extra speech is no longer a word, and an error is one thing. Exactly one for each activity
    record that could be scored, at least in part; the Kafka key is the learner_id.
    """

    activity: Reading = field(repr=False)
    """The reading that was scored."""
    source: SourcePosition
    """The activity record that this result answers. Unique: the same activity published twice gives two
    positions.
    """
    scored_at: datetime
    """When the worker finished scoring, UTC."""
    status: ResultStatus
    """Whether the whole activity was scored."""
    scores: Scores
    """The figures of the whole activity."""
    phrases: tuple[PhraseResult, ...] = field(repr=False)
    """The activity's phrases in their order."""
    provenance: Provenance
    """What made the result."""
    timings: StageTimings
    """What the activity cost, stage by stage."""
