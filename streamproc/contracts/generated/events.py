"""The events, typed. Generated from schemas/ by ``python -m streamproc.contracts.upkeep.generate``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Codec(StrEnum):
    """Container and encoding of the clip."""

    UNKNOWN = "UNKNOWN"
    WAV = "WAV"
    FLAC = "FLAC"
    OGG = "OGG"


class ResultStatus(StrEnum):
    """COMPLETE: every phrase was scored. PARTIAL: at least one failed. UNKNOWN: a status newer than this
    reader.
    """

    UNKNOWN = "UNKNOWN"
    COMPLETE = "COMPLETE"
    PARTIAL = "PARTIAL"


class PhraseStatus(StrEnum):
    """SCORED, or FAILED with an error_code. UNKNOWN: a status newer than this reader."""

    UNKNOWN = "UNKNOWN"
    SCORED = "SCORED"
    FAILED = "FAILED"


class Verdict(StrEnum):
    """CORRECT, ACCEPTED (a known variant), MISPRONOUNCED, OMITTED, INSERTED (extra speech). UNKNOWN: not
    judged, see error_code, or a verdict newer than this reader.
    """

    UNKNOWN = "UNKNOWN"
    CORRECT = "CORRECT"
    ACCEPTED = "ACCEPTED"
    MISPRONOUNCED = "MISPRONOUNCED"
    OMITTED = "OMITTED"
    INSERTED = "INSERTED"


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
class ReferenceWord:
    """One expected word and its pronunciation."""

    text: str = field(repr=False)
    """The word as printed."""
    phonemes: tuple[str, ...]
    """ARPAbet symbols without stress (AX for the unstressed vowel of 'about'). Empty: look the word up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """A recording: inline, or a claim check."""

    data: bytes | None = field(default=None, repr=False)
    """The encoded clip itself; at most 512 KiB for all phrases of one activity together."""
    uri: str | None = field(default=None, repr=False)
    """Where the encoded clip is (file://, s3://, gs://); it must lie under a prefix that the worker
    allows.
    """
    codec: Codec = Codec.UNKNOWN
    """Container of the clip; UNKNOWN lets the worker find out from the bytes."""
    sample_rate: int
    """Samples a second, 8000 to 96000. The clip's own header wins where they differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """A sentence or part of one, recorded as one clip."""

    index: int
    """Position in the passage, from 0. Unique within the activity; results name phrases by it."""
    expected_text: str = field(repr=False)
    """The text that the learner should have read."""
    reference: tuple[ReferenceWord, ...] | None = None
    """How each word of the expected text is pronounced, in order, for texts with names or invented words.
    Null: the words are taken from expected_text and looked up in the dictionary.
    """
    audio: Audio = field(repr=False)
    """The recording. Exactly one of data and uri is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """A learner has read aloud: what was to be read, and where the audio is. One event for each reading;
    the Kafka key is learner_id, so that one learner's readings stay in order.
    """

    activity_id: str
    """Identifier of this reading, chosen by the publisher; a UUID is recommended. Publishing the same id
    twice gives two results.
    """
    learner_id: str = field(repr=False)
    """Opaque identifier of the learner. Never a name or an address."""
    tenant_id: str
    """The customer (school, district, product) that the reading belongs to. Called tenant in version 1."""
    started_at: datetime
    """When the learner began to read, UTC."""
    submitted_at: datetime
    """When the reading was handed in, UTC."""
    locale: str
    """BCP 47 language tag of the text, for example en-US."""
    story_id: str
    """The story that was read from."""
    passage_id: str | None = None
    """The passage within the story, where the story has passages."""
    assignment_id: str | None = None
    """The teacher's assignment that the reading answers; null for free reading. Since version 2."""
    attempt: int = 1
    """Which attempt at this passage it is, from 1. Since version 2."""
    phrases: tuple[Phrase, ...] = field(repr=False)
    """What was to be read, in order, each phrase with its own audio clip. At least one."""


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
class Counts:
    """Words by verdict, over the scored phrases."""

    expected: int
    """Words that should have been read."""
    correct: int
    """Read as the reference says."""
    accepted: int
    """Read in a way that an accepted variant or dialect allows."""
    mispronounced: int
    """Read differently."""
    omitted: int
    """Not read."""
    inserted: int
    """Extra words that were spoken."""
    unjudged: int
    """Expected words without a verdict; their error_code says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordResult:
    """The verdict on one word."""

    text: str | None = field(default=None, repr=False)
    """The expected word as printed; null for INSERTED."""
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
class PhraseResult:
    """One phrase, scored or failed."""

    index: int
    """The phrase's index in the activity."""
    status: PhraseStatus
    """Whether the phrase was scored."""
    error_code: str | None = None
    """Why the phrase failed, one of the documented error codes; null when it was scored."""
    error_message: str | None = None
    """The error in words; never holds the learner's text or audio."""
    expected_text: str = field(repr=False)
    """The activity's text for this phrase."""
    audio_ms: int
    """Length of the clip in milliseconds; 0 when it could not be read."""
    words: tuple[WordResult, ...] = field(repr=False)
    """Expected words in order, with extra speech (INSERTED) where it was heard. Empty when the phrase
    failed.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model, exactly."""

    name: str
    """Name in the model repository."""
    version: str
    """Version in the model repository."""
    sha256: str
    """SHA-256 of the served weights, in hexadecimal."""


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
    """How a reading went: the verdict on every word, and the figures made from them. Exactly one for each
    activity record that could be scored, at least in part; the Kafka key is learner_id.
    """

    activity_id: str
    """The activity's identifier."""
    learner_id: str = field(repr=False)
    """The activity's learner."""
    tenant: str
    """The activity's tenant_id."""
    started_at: datetime
    """The activity's started_at, UTC."""
    submitted_at: datetime
    """The activity's submitted_at, UTC."""
    scored_at: datetime
    """When the worker finished scoring, UTC."""
    locale: str
    """The activity's locale."""
    story_id: str
    """The activity's story."""
    passage_id: str | None = None
    """The activity's passage."""
    assignment_id: str | None = None
    """The activity's assignment. Since version 2."""
    attempt: int = 1
    """The activity's attempt. Since version 2."""
    source: SourcePosition
    """The activity record that this result answers. Unique: the same activity published twice gives two
    positions.
    """
    status: ResultStatus
    """Whether the whole activity was scored."""
    accuracy: float | None = None
    """Words read correctly (CORRECT or ACCEPTED) over words judged, 0 to 1. Null where no word was judged."""
    words_correct_per_minute: float | None = None
    """WCPM: words read correctly, over the minutes of audio of the scored phrases. Null where no audio was
    scored.
    """
    audio_ms: int
    """Length of the scored phrases' audio in milliseconds."""
    counts: Counts
    """Words by verdict."""
    phrases: tuple[PhraseResult, ...] = field(repr=False)
    """The activity's phrases in their order."""
    model: Model
    """The model that recognised the phonemes."""
    judged_by: JudgedBy = JudgedBy.UNKNOWN
    """What decided whether words were read well; results of one kind are not to be compared with those of
    the other. Since version 3.
    """
    engine: str
    """The inference engine that ran, for example triton."""
    aligner_version: str
    """Version of aligner_mypyc."""
    timings: StageTimings
    """What the activity cost, stage by stage."""
