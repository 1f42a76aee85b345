"""The dead letter: the original record byte for byte, and a block of headers that says what went wrong.

The block comes last and its last header holds its length, so that the original headers can be told from it whatever
their names are: a replay is a copy. Values are UTF-8 text. ``FIELDS`` is the reference of the names, with those of
Kafka Connect's dead letter queue and of Kafka Streams' (KIP-1034).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from streamproc import __version__
from streamproc.contracts.generated.events import SourcePosition
from streamproc.deadletter.fingerprint import fingerprint
from streamproc.deadletter.redaction import redact
from streamproc.deadletter.times import iso, iso_of
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.places import number, place_of

PREFIX = "streamproc.error."
LENGTH = f"{PREFIX}headers"
"""The last header: how many headers the block has, itself included."""

REPLAY_COUNT = "streamproc.replay.count"
"""Header of a replayed record: how often it has been replayed."""

ORIGINAL_TIMESTAMP = "streamproc.replay.original.timestamp"
"""Header of a replayed record: the timestamp of the record that was published, as source.timestamp in FIELDS."""

REPLAY_NAME = "streamproc.replay.name"
"""Header of a result that `streamproc replay` has made, and not a worker when its activity came: the run's name."""

STUB_KEY_BYTES = 1024
"""Longest key that a stub keeps."""

_REPLAY = frozenset({REPLAY_COUNT, ORIGINAL_TIMESTAMP})
_KEPT_BYTES = 64

Header = tuple[str, bytes | None]
Headers = list[Header]


@dataclass(frozen=True, slots=True)
class Field:
    """One header of the block: its name after PREFIX, its meaning, and what Connect and Streams call it."""

    name: str
    meaning: str
    connect: str = ""
    streams: str = ""


FIELDS = (
    Field("code", "The error code."),
    Field("stage", "Where in the work it failed.", "__connect.errors.stage"),
    Field("class", "The class of the code; a dead letter is always poison."),
    Field(
        "message",
        "What happened, for people; redacted.",
        "__connect.errors.exception.message",
        "__streams.errors.message",
    ),
    Field(
        "exception.type",
        "The exception's type.",
        "__connect.errors.exception.class.name",
        "__streams.errors.exception",
    ),
    Field(
        "fingerprint",
        "Twelve hexadecimal digits, the same for the same cause; stands for the stack, which is in the worker's log.",
        "__connect.errors.exception.stacktrace",
        "__streams.errors.stacktrace",
    ),
    Field("source.topic", "Topic of the original record.", "__connect.errors.topic", "__streams.errors.topic"),
    Field("source.partition", "Its partition.", "__connect.errors.partition", "__streams.errors.partition"),
    Field("source.offset", "Its offset.", "__connect.errors.offset", "__streams.errors.offset"),
    Field(
        "source.timestamp",
        "Its timestamp, ISO 8601 in UTC; what is no date of the years 1 to 9999 as milliseconds since 1970; absent "
        "where the record has none.",
    ),
    Field("group", "Consumer group of the worker.", "__connect.errors.connector.name"),
    Field("worker.version", "Version of streamproc."),
    Field("model.version", "The model that the worker used, as name/version."),
    Field("attempts", "How often a step of this event was begun again after a transient failure, plus one."),
    Field("first.time", "When the worker began with the event, ISO 8601 in UTC."),
    Field("last.time", "When it gave the event up."),
    Field("trace.id", "Trace id of the original record's traceparent; absent where it has none."),
    Field(
        "worker.traceparent",
        "Trace context of this letter's sending, as W3C's traceparent; absent where the worker does not trace.",
    ),
    Field("tenant", "The activity's tenant; absent where the activity cannot be decoded."),
    Field("original.bytes", "Of a stub alone: how many bytes the original record's value has."),
    Field("original.sha256", "Of a stub alone: the SHA-256 of the original record's value, in hexadecimal digits."),
    Field("first", "Of a duplicate alone: the activity's first record, topic/partition/offset; its result's `ce_id`."),
    Field("first.result.topic", "Of a duplicate alone: where that result is, under the same key."),
    Field("headers", "How many headers this block has; always the last one."),
)


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """Who gave the event up: the consumer group, and the model as name/version."""

    group: str
    model: str


@dataclass(frozen=True, slots=True)
class Source:
    """The original record: where it is, its timestamp (milliseconds since 1970; None: it has none), its headers."""

    position: SourcePosition
    timestamp_ms: int | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Failure:
    """Why and when an event was given up. ``attempts``: see FIELDS; times are aware; ``about``: further fields."""

    code: ErrorCode
    message: str
    exception_type: str
    fingerprint: str
    attempts: int
    first: datetime
    last: datetime
    tenant: str | None = None
    traceparent: str | None = None
    about: Mapping[str, str] = field(default_factory=dict)


def failure_of(
    error: Exception, attempts: int, first: datetime, tenant: str | None, traceparent: str | None = None
) -> Failure:
    """Describe what ended an event: a StreamprocError by its code, anything else as UNEXPECTED.

    The message of an unknown exception may quote the event: only its type is kept.
    """
    if isinstance(error, StreamprocError):
        code, message = error.code, redact(error.message)
    else:
        code, message = ErrorCode.UNEXPECTED, f"{type(error).__name__}; the worker's log has the stack"
    return Failure(
        code,
        message,
        f"{type(error).__module__}.{type(error).__qualname__}",
        fingerprint(code, error),
        attempts,
        first,
        datetime.now(UTC),
        tenant,
        traceparent,
        error.about if isinstance(error, StreamprocError) else {},
    )


def error_headers(source: Source, failure: Failure, worker: WorkerIdentity) -> Headers:
    """The letter's headers: the original ones untouched, then the block."""
    return [*source.headers, *_block(_fields(source, failure, worker))]


def stub_headers(source: Source, failure: Failure, worker: WorkerIdentity, value: bytes | None) -> Headers:
    """The headers of a stub, which stands for a letter that is larger than Kafka takes.

    Of the original it holds nothing but its place, and the size and hash of its value: a replay reads the original
    from its source. Of the original headers those of a replay are kept, which are short.
    """
    content = value or b""
    about = {"original.bytes": str(len(content)), "original.sha256": hashlib.sha256(content).hexdigest()}
    kept = [(name, held) for name, held in source.headers if name in _REPLAY and len(held or b"") <= _KEPT_BYTES]
    return [*kept, *_block(_fields(source, failure, worker) | about)]


def replays_of(headers: Iterable[Header]) -> int:
    """How often the event of a record with these headers has been replayed; nonsense of more digits is very often."""
    for name, value in headers:
        if name == REPLAY_COUNT and value is not None and value.isdigit():
            count = number(value)
            return 2**63 - 1 if count is None else count
    return 0


def split_headers(headers: Sequence[Header] | None) -> tuple[Headers, dict[str, str]]:
    """The original record's headers, and the block's values by the names in FIELDS; no block: an empty dict."""
    headers = list(headers or ())
    if not headers or headers[-1][0] != LENGTH:
        return headers, {}
    count = number(headers[-1][1])
    if count is None or not 1 <= count <= len(headers):
        return headers, {}
    begin = len(headers) - count
    block = headers[begin:]
    return headers[:begin], {
        name.removeprefix(PREFIX): (value or b"").decode(errors="replace") for name, value in block
    }


def source_of(error: Mapping[str, str]) -> SourcePosition | None:
    """Where a letter's original record is; None: the block does not say it, and no worker has written it."""
    place = place_of(*(error.get(f"source.{part}") for part in ("topic", "partition", "offset")))
    return None if place is None else SourcePosition(**place._asdict())


def header_list(headers: Iterable[Header] | Mapping[str, bytes] | None) -> Headers:
    """A record's headers as pairs, whichever way its driver gives them."""
    return list(headers.items() if isinstance(headers, Mapping) else headers or ())


def trace_id(headers: Iterable[Header]) -> str | None:
    """The trace id of a W3C traceparent header (version-traceid-spanid-flags); None without a well-formed one."""
    for name, value in headers:
        if name == "traceparent" and value is not None:
            parts = value.split(b"-")
            if len(parts) >= 4 and len(parts[1]) == 32 and parts[1].isalnum():
                return parts[1].decode()
    return None


def _block(fields: Mapping[str, str]) -> Headers:
    block: Headers = [(PREFIX + name, value.encode(errors="replace")) for name, value in fields.items()]
    return [*block, (LENGTH, b"%d" % (len(block) + 1))]


def _fields(source: Source, failure: Failure, worker: WorkerIdentity) -> dict[str, str]:
    position = source.position
    fields = {
        "code": failure.code.name,
        "stage": failure.code.stage.value,
        "class": failure.code.error_class.value,
        "message": failure.message,
        "exception.type": failure.exception_type,
        "fingerprint": failure.fingerprint,
        "source.topic": position.topic,
        "source.partition": str(position.partition),
        "source.offset": str(position.offset),
        "source.timestamp": iso_of(source.timestamp_ms),
        "group": worker.group,
        "worker.version": __version__,
        "model.version": worker.model,
        "attempts": str(failure.attempts),
        "first.time": iso(failure.first),
        "last.time": iso(failure.last),
        "trace.id": trace_id(source.headers),
        "worker.traceparent": failure.traceparent,
        "tenant": None if failure.tenant is None else failure.tenant[:200],
        **failure.about,
    }
    return {name: value for name, value in fields.items() if value is not None}
