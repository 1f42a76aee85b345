"""A publisher's and a subscriber's spans, in a process with OpenTelemetry's SDK. Kafka's records are stood in for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from streamproc.client.spans import ProcessingSpan, SendingSpan

TRACE, WORKER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SENT = f"00-{TRACE}-{WORKER}-01"


class Delivered:
    """Stands in for confluent-kafka's message."""

    def __init__(self, traceparent: str | None) -> None:
        self._headers = [] if traceparent is None else [("traceparent", traceparent.encode())]

    def headers(self) -> Any:
        """As Kafka has them."""
        return self._headers

    def partition(self) -> int:
        """Where it is."""
        return 2

    def offset(self) -> int:
        """Where it is."""
        return 7


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Those that are over."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def only(spans: InMemorySpanExporter) -> ReadableSpan:
    (span,) = spans.get_finished_spans()
    return span


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_sent_record_carries_its_span_which_ends_with_the_confirmation(spans: InMemorySpanExporter) -> None:
    sending = SendingSpan("activities", 100, None)
    assert not spans.get_finished_spans()
    sending.confirmed(3, 11)
    span = only(spans)
    assert span.context is not None
    assert (span.name, span.kind) == ("send activities", SpanKind.PRODUCER)
    assert attributes(span).items() >= {"messaging.kafka.offset": 11, "messaging.message.body.size": 100}.items()
    assert dict(sending.headers)["traceparent"].split(b"-")[2] == f"{span.context.span_id:016x}".encode()


def test_one_that_kafka_refuses_is_a_failure(spans: InMemorySpanExporter) -> None:
    SendingSpan("activities", 100, None).failed("MSG_SIZE_TOO_LARGE")
    span = only(spans)
    assert span.status.status_code is StatusCode.ERROR
    assert attributes(span)["error.type"] == "MSG_SIZE_TOO_LARGE"


def test_who_gives_the_context_has_a_span_of_their_own(spans: InMemorySpanExporter) -> None:
    sending = SendingSpan("activities", 100, SENT)
    sending.confirmed(0, 0)
    assert sending.headers == [("traceparent", SENT.encode())]
    assert not spans.get_finished_spans()


@pytest.mark.parametrize("continued", [False, True])
def test_a_result_is_worked_on_in_a_span_that_is_linked_or_below(continued: bool, spans: InMemorySpanExporter) -> None:
    before = get_current_span()
    processing = ProcessingSpan("results", "readers", continue_trace=continued)
    message: Any = Delivered(SENT)
    processing.begin(message)
    inside = get_current_span()
    processing.end()
    processing.end()
    assert get_current_span() is before
    span = only(spans)
    assert inside.get_span_context() == span.context
    assert (span.name, span.kind) == ("process results", SpanKind.CONSUMER)
    assert attributes(span)["messaging.consumer.group.name"] == "readers"
    parent = None if span.parent is None else f"{span.parent.span_id:016x}"
    links = [f"{link.context.span_id:016x}" for link in span.links]
    assert (parent, links) == ((WORKER, []) if continued else (None, [WORKER]))


@pytest.mark.parametrize("header", [None, "nonsense"])
def test_a_result_without_a_context_has_a_span_by_itself(header: str | None, spans: InMemorySpanExporter) -> None:
    processing = ProcessingSpan("results", "readers", continue_trace=True)
    message: Any = Delivered(header)
    processing.begin(message)
    processing.end()
    span = only(spans)
    assert (span.parent, list(span.links)) == (None, [])
