"""The error taxonomy: every failure has a stable code, a class and a stage.

The class decides what happens (the promise P6 of the design):

* *poison*: the event's own fault. It becomes a dead letter at once; trying again would fail again.
* *transient*: the world's fault. It is retried; it never becomes a dead letter.
* *fatal*: the worker's configuration. The worker stops and says why.

Codes are part of the contract with operators and upstream teams: they may be added, never renamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum


class ErrorClass(StrEnum):
    """What a failure means for the event and the worker."""

    POISON = "poison"
    TRANSIENT = "transient"
    FATAL = "fatal"


class Stage(StrEnum):
    """Where in the work on an event a failure happened."""

    START = "start"
    DECODE = "decode"
    AUDIO = "audio"
    REFERENCE = "reference"
    INFERENCE = "inference"
    SCORE = "score"
    EMIT = "emit"


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One row of the taxonomy."""

    error_class: ErrorClass
    stage: Stage
    meaning: str


def _poison(stage: Stage, meaning: str) -> ErrorKind:
    return ErrorKind(ErrorClass.POISON, stage, meaning)


def _transient(stage: Stage, meaning: str) -> ErrorKind:
    return ErrorKind(ErrorClass.TRANSIENT, stage, meaning)


def _fatal(stage: Stage, meaning: str) -> ErrorKind:
    return ErrorKind(ErrorClass.FATAL, stage, meaning)


class ErrorCode(Enum):
    """Every code; its value is the row of the taxonomy."""

    # An Enum makes equal values one member; the meaning keeps the rows apart.
    VALUE_MISSING = _poison(Stage.DECODE, "The record has no value (a tombstone).")
    VALUE_UNREADABLE = _poison(Stage.DECODE, "The value is not Avro in Confluent's wire format, or is damaged.")
    HEADERS_UNREADABLE = _poison(Stage.DECODE, "The name of a header is not UTF-8: it can be neither read nor copied.")
    SCHEMA_UNKNOWN = _poison(Stage.DECODE, "The registry does not know the value's schema id.")
    SCHEMA_FOREIGN = _poison(
        Stage.DECODE, "The value was written with the schema of another event, or with one that is not the topic's."
    )
    SCHEMA_INVALID = _poison(
        Stage.DECODE,
        "The value's schema is not valid Avro, or does not bound its values: it is too long, nested too deep, holds "
        "itself, or repeats what takes no bytes.",
    )
    SCHEMA_UNREADABLE = _fatal(
        Stage.DECODE, "The registry knows the schema, but this worker cannot read it: upgrade the worker."
    )
    REGISTRY_UNAVAILABLE = _transient(Stage.DECODE, "The schema registry does not answer, or nothing to be believed.")
    ACTIVITY_INVALID = _poison(Stage.DECODE, "The activity breaks a rule of the contract that Avro cannot state.")
    LOCALE_UNSUPPORTED = _poison(Stage.DECODE, "The activity's locale is not English, the one language that is judged.")
    PHRASES_MISSING = _poison(Stage.DECODE, "The activity has no phrases.")
    PHRASES_TOO_MANY = _poison(Stage.DECODE, "The activity has more phrases than the limit.")
    CORRECTION_INVALID = _poison(
        Stage.DECODE, "The correction breaks a rule of the contract that Avro cannot state, or fits no word."
    )
    DUPLICATE_ACTIVITY = _poison(
        Stage.DECODE,
        "The activity was published before and has a result, which its letter names. Nothing is to be done about it.",
    )

    AUDIO_MISSING = _poison(Stage.AUDIO, "The phrase has neither audio data nor a URI.")
    AUDIO_AMBIGUOUS = _poison(Stage.AUDIO, "The phrase has both audio data and a URI.")
    AUDIO_UNREADABLE = _poison(Stage.AUDIO, "The audio is not WAV, FLAC or OGG, or is damaged.")
    AUDIO_TRUNCATED = _poison(Stage.AUDIO, "The audio ends before it says that it does: it was cut off in its upload.")
    AUDIO_EMPTY = _poison(Stage.AUDIO, "The audio has no samples.")
    AUDIO_TOO_SHORT = _poison(Stage.AUDIO, "The audio is too short to hold a word.")
    AUDIO_TOO_LONG = _poison(Stage.AUDIO, "The audio is longer than the limit.")
    AUDIO_TOO_LARGE = _poison(Stage.AUDIO, "The encoded audio is larger than the limit.")
    AUDIO_SAMPLE_RATE = _poison(Stage.AUDIO, "The sample rate is outside the supported range.")
    AUDIO_URI_REFUSED = _poison(
        Stage.AUDIO, "The URI lies outside the prefixes that this worker may read, or leads out of them."
    )
    AUDIO_NOT_FOUND = _poison(Stage.AUDIO, "The URI names nothing.")
    AUDIO_FORBIDDEN = _poison(Stage.AUDIO, "The object store does not let this worker read the URI.")
    AUDIO_OBJECT_FAILED = _poison(Stage.AUDIO, "The object store fails on this object, and serves others.")
    AUDIO_OBJECT_BUSY = _poison(
        Stage.AUDIO, "The object store serves others, and puts this object off for longer than an event may wait."
    )
    AUDIO_STORE_UNAVAILABLE = _transient(Stage.AUDIO, "The object store does not answer.")

    REFERENCE_EMPTY = _poison(Stage.REFERENCE, "The expected text holds no word.")
    REFERENCE_TOO_LONG = _poison(Stage.REFERENCE, "The expected text has more phonemes than the limit.")
    REFERENCE_MISSING = _poison(Stage.REFERENCE, "No pronunciation is known for a word.")
    REFERENCE_INVALID = _poison(Stage.REFERENCE, "A reference phoneme is not one of the documented symbols.")

    NOTHING_HEARD = _poison(Stage.SCORE, "Nobody is heard in the phrase's audio. No dead letter comes of it.")
    TOO_QUIET = _poison(Stage.SCORE, "Nobody is heard, and the audio is very quiet. No dead letter comes of it.")
    TEXT_NOT_HEARD = _poison(Stage.SCORE, "Something else than the text is heard. No dead letter comes of it.")

    INFERENCE_UNAVAILABLE = _transient(Stage.INFERENCE, "The inference server does not answer.")
    INFERENCE_BUSY = _transient(
        Stage.INFERENCE, "The inference server's queue is full: it works, and takes no more for now."
    )
    INFERENCE_TIMEOUT = _transient(Stage.INFERENCE, "The inference call ran out of time.")
    INFERENCE_REFUSED = _poison(Stage.INFERENCE, "The inference server refuses this input.")
    INFERENCE_UNUSABLE = _transient(
        Stage.INFERENCE, "The served model gives no usable answer, whatever the input: roll it back."
    )
    MODEL_UNSUITABLE = _fatal(
        Stage.INFERENCE,
        "The model does not have the inputs and outputs we need, or gives none of use, or its file cannot be loaded.",
    )

    RESULT_TOO_LARGE = _poison(Stage.EMIT, "The result is larger than the result topic accepts.")
    DEAD_LETTER_REFUSED = _fatal(
        Stage.EMIT, "Kafka refuses a dead letter, and its stub too, or does not authorise it: nothing is dropped."
    )
    RESULT_SCHEMA_MISSING = _fatal(
        Stage.START, "The result schema is not registered: run 'streamproc schemas register'."
    )
    ACTIVITY_SCHEMA_MISSING = _fatal(
        Stage.START, "The activity schema is not registered: run 'streamproc schemas register'."
    )
    CONTROL_SCHEMA_MISSING = _fatal(
        Stage.START, "The schema of control events is not registered: run 'streamproc schemas register'."
    )
    CORRECTION_SCHEMA_MISSING = _fatal(
        Stage.START, "The correction schema is not registered: run 'streamproc schemas register'."
    )
    SCHEMA_REFUSED = _fatal(Stage.START, "The registry refuses the schema: it would break its readers or writers.")
    SETTINGS_INVALID = _fatal(Stage.START, "A setting is wrong.")
    KAFKA_UNAVAILABLE = _fatal(Stage.START, "Kafka does not answer at the start.")
    KAFKA_REFUSED = _fatal(Stage.START, "Kafka refuses this client: its certificate, its login or its permissions.")
    TOPIC_MISSING = _fatal(Stage.START, "A topic does not exist: run 'streamproc topics create'.")

    RESOURCES_EXHAUSTED = _fatal(
        Stage.SCORE, "The worker has no memory, file descriptors or threads left: it stops, to be started again."
    )
    UNEXPECTED = _poison(Stage.SCORE, "An error that no code describes: a bug, named by its type and fingerprint.")

    @property
    def error_class(self) -> ErrorClass:
        """The class that decides what happens."""
        return self.value.error_class

    @property
    def stage(self) -> Stage:
        """The stage at which this code arises."""
        return self.value.stage

    @property
    def meaning(self) -> str:
        """One sentence for people."""
        return self.value.meaning


NOT_FAILED = frozenset({ErrorCode.DUPLICATE_ACTIVITY})
"""Codes of letters that tell of no failure: nobody replays them, and they are no reason for alerts or a quarantine."""


class StreamprocError(Exception):
    """A failure with its code.

    ``message`` goes to logs, headers and results: it never holds a learner's text, audio or name, nor a secret.
    """

    def __init__(self, code: ErrorCode, message: str = "", about: Mapping[str, str] | None = None) -> None:
        """``about``: further fields of a dead letter's headers, by their names there."""
        self.code = code
        self.about = about or {}
        self.message = message or code.meaning
        super().__init__(f"{code.name}: {self.message}")
