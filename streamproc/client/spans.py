"""Spans of the client, by OpenTelemetry's API, in processes that have loaded it; without an SDK they are empty."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from confluent_kafka import Message

from streamproc.contracts.cloudevents import Headers
from streamproc.tracing import conventions as names
from streamproc.transport.headers import headers_of

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span

_SCOPE = "streamproc.client"


class SendingSpan:
    """From the sending of a record to its confirmation.

    Args:
        topic: where to.
        size: of its value, in bytes.
        traceparent: W3C trace context to send in its place: then there is no span.
    """

    def __init__(self, topic: str, size: int, traceparent: str | None) -> None:
        self._span: Span | None = None
        self.headers: Headers = []
        """Those of the trace context."""
        if traceparent is not None:
            self.headers = [(names.TRACEPARENT, traceparent.encode())]
        elif "opentelemetry" in sys.modules:
            from opentelemetry import propagate, trace

            attributes = {**names.messaging(names.SEND, topic), names.BODY_SIZE: size}
            tracer = trace.get_tracer(_SCOPE)
            self._span = tracer.start_span(
                names.operation(names.SEND, topic), kind=trace.SpanKind.PRODUCER, attributes=attributes
            )
            carrier: dict[str, str] = {}
            propagate.inject(carrier, trace.set_span_in_context(self._span))
            self.headers = [(name, value.encode()) for name, value in carrier.items()]

    def confirmed(self, partition: int, offset: int) -> None:
        """Kafka has it."""
        if self._span is not None:
            self._span.set_attributes({names.PARTITION: str(partition), names.OFFSET: offset})
            self._span.end()

    def failed(self, reason: str) -> None:
        """Kafka does not take it; ``reason``: an error code."""
        if self._span is not None:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_attribute(names.ERROR_TYPE, reason)
            self._span.set_status(Status(StatusCode.ERROR))
            self._span.end()


class ProcessingSpan:
    """From the moment in which a result is handed out until the next one is asked for; the current span meanwhile.

    Args:
        topic: where results come from.
        group: the consumer group.
        continue_trace: the worker's span is the parent, not a link.
    """

    def __init__(self, topic: str, group: str, *, continue_trace: bool) -> None:
        self._topic = topic
        self._group = group
        self._continue_trace = continue_trace
        self._span: Span | None = None
        self._before: Context | None = None

    def begin(self, message: Message) -> None:
        """A result is handed out."""
        if "opentelemetry" not in sys.modules:
            return
        from opentelemetry import context, propagate, trace

        carrier = {name: value.decode("ascii", "replace") for name, value in headers_of(message) or () if value}
        sent = propagate.extract(carrier)
        creation = trace.get_current_span(sent).get_span_context()
        attributes = {
            **names.messaging(names.PROCESS, self._topic),
            names.PARTITION: str(message.partition()),
            names.OFFSET: message.offset() or 0,
            names.GROUP: self._group,
        }
        parent = sent if self._continue_trace and creation.is_valid else None
        self._span = trace.get_tracer(_SCOPE).start_span(
            names.operation(names.PROCESS, self._topic),
            parent,
            kind=trace.SpanKind.CONSUMER,
            attributes=attributes,
            links=[trace.Link(creation)] if creation.is_valid and parent is None else None,
        )
        self._before = context.get_current()
        context.attach(trace.set_span_in_context(self._span))

    def end(self) -> None:
        """It is done; also where there was none."""
        if self._span is None:
            return
        from opentelemetry import context

        span, self._span = self._span, None
        span.end()
        if self._before is not None:
            # Whoever closes the iteration may do so from another task, in which a token is of no use.
            context.attach(self._before)
