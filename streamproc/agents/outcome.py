"""What becomes of an event: the records that its agent makes of it, a dead letter, or what is left of a letter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from faust import EventT, TopicT
from opentelemetry.trace import SpanContext, SpanKind

from streamproc.agents.retrying import Retries
from streamproc.contracts.generated.events import SourcePosition
from streamproc.deadletter.envelope import (
    STUB_KEY_BYTES,
    Failure,
    Headers,
    Source,
    WorkerIdentity,
    error_headers,
    failure_of,
    header_list,
    stub_headers,
)
from streamproc.deadletter.times import timestamp_of
from streamproc.errors import NOT_FAILED
from streamproc.kafka.places import write_place
from streamproc.telemetry.metrics import Metrics
from streamproc.tracing.context import traceparent
from streamproc.tracing.conventions import SEND, messaging, operation
from streamproc.tracing.event import EventScope, SpanNote, current_trace
from streamproc.transport.headers import shown

log = structlog.get_logger(__name__)

_LOGGED_ID = 128
_CORRELATION = ("ce_correlationid", "ce_id")
"""Headers that name an event for those who published it, the best first."""


@dataclass(slots=True)
class Record:
    """A record that an agent works on, with what is known of it so far."""

    event: EventT[bytes]
    source: Source
    retries: Retries
    scope: EventScope
    activity_id: str | None = None
    tenant: str | None = None
    """None: it is not decoded."""
    outcome: str = ""
    """What it became: COMPLETE, PARTIAL or dead_letter; empty: nothing yet."""
    code: str = ""
    """Why it became a dead letter."""

    @property
    def message(self) -> Any:
        """What Kafka delivered."""
        return self.event.message


def logged_id(activity_id: str | None) -> str | None:
    """An id as the log gets it: who publishes chooses its length."""
    return None if activity_id is None else activity_id[:_LOGGED_ID]


def record_of(event: EventT[bytes], retries: Retries) -> Record:
    """What is known of an event before it is looked into."""
    message: Any = event.message
    position = SourcePosition(topic=message.topic, partition=message.partition, offset=message.offset)
    headers = [(shown(name), value) for name, value in header_list(message.headers)]
    source = Source(position, timestamp_of(message.record), headers)
    return Record(event, source, retries, EventScope(correlation_of(source)))


def correlation_of(source: Source) -> str:
    """What those who published an event call it, by CloudEvents' headers, or its place in Kafka."""
    named = {name: value for name, value in source.headers if name in _CORRELATION}
    for name in _CORRELATION:
        if value := named.get(name):
            return value[:_LOGGED_ID].decode(errors="replace")
    position = source.position
    return write_place(position.topic, position.partition, position.offset)


@dataclass(frozen=True, slots=True)
class OutcomeRecord:
    """One record to be written."""

    topic: TopicT
    value: bytes | None
    headers: Headers
    context: SpanContext | None = None
    """Of the span of its sending; None: nothing is traced."""


@dataclass(frozen=True, slots=True)
class EventOutcome:
    """What an event becomes: the records of a result or, with a fingerprint, of a dead letter."""

    key: bytes | None
    records: tuple[OutcomeRecord, ...]
    fingerprint: str | None = None
    """None too where the letter tells of no failure."""

    async def send(self) -> None:
        """Hand all records to the transport: they share the event's one transaction."""
        for record in self.records:
            headers: Any = record.headers  # Faust's type leaves out headers without a value.
            with sending(record.topic, record.context):
                await record.topic.send(key=self.key, value=record.value, headers=headers)


@contextmanager
def sending(topic: TopicT, context: SpanContext | None) -> Iterator[None]:
    """Note the span of a record's sending: the context is in the record's headers already."""
    trace = current_trace()
    if trace is None or context is None:
        yield
        return
    began, name = trace.clock(), topic.get_topic_name()
    yield
    trace.note(
        SpanNote(
            operation(SEND, name),
            context,
            trace.context,
            began,
            trace.clock(),
            SpanKind.PRODUCER,
            messaging(SEND, name),
        )
    )


class DeadLetters:
    """Makes the dead letters of one topic.

    Args:
        topic: where they go.
        worker: who signs a letter, asked for each: the model may change.
        metrics: where they are counted.
    """

    def __init__(self, topic: TopicT, worker: Callable[[], WorkerIdentity], metrics: Metrics) -> None:
        self._topic = topic
        self._worker = worker
        self._metrics = metrics
        #: Why the events became letters whose letters may be refused still.
        self._failures: WeakKeyDictionary[EventT[bytes], Failure] = WeakKeyDictionary()

    def letter(self, record: Record, error: Exception) -> EventOutcome:
        """The record itself, with what ended it."""
        retries, trace, context = record.retries, record.scope.trace, None
        if trace is not None:
            trace.keep("dead_letter")
            context = trace.child(trace.context)
        own = None if context is None else traceparent(context)
        failure = failure_of(error, retries.attempts, retries.first, record.tenant, own)
        seconds = (failure.last - failure.first).total_seconds()
        self._metrics.dead_letter(failure.code, record.tenant, seconds, record.source.timestamp_ms)
        log.warning(
            "dead letter",
            activity_id=logged_id(record.activity_id),
            status="DEAD_LETTER",
            latency_ms=round(seconds * 1000, 3),
            code=failure.code.name,
            stage=failure.code.stage.value,
            reason=failure.message,
            fingerprint=failure.fingerprint,
            partition=record.source.position.partition,
            offset=record.source.position.offset,
        )
        self._failures[record.event] = failure
        headers = error_headers(record.source, failure, self._worker())
        letter = OutcomeRecord(self._topic, record.message.value, headers, context)
        return EventOutcome(record.message.key, (letter,), _cause(failure))

    def stub(self, record: Record, reason: str) -> EventOutcome | None:
        """What is left of the record's letter, which Kafka does not take; None: this is what it does not take."""
        failure = self._failures.pop(record.event, None)
        if failure is None:
            return None
        key, value = record.message.key, record.message.value
        log.warning(
            "the dead letter is refused; a stub is kept, and a replay reads the original from its source",
            code=failure.code.name,
            reason=reason,
            partition=record.source.position.partition,
            offset=record.source.position.offset,
        )
        headers = stub_headers(record.source, failure, self._worker(), value)
        stub = OutcomeRecord(self._topic, None, headers)
        kept = key if key is None or len(key) <= STUB_KEY_BYTES else None
        return EventOutcome(kept, (stub,), _cause(failure))


def _cause(failure: Failure) -> str | None:
    return None if failure.code in NOT_FAILED else failure.fingerprint
