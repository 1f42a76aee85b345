"""Spans go to a collector, and one that is slow, down or mad is felt by nobody. A real HTTP server takes them."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from support.collector import collector, spans_of

from streamproc.errors import StreamprocError
from streamproc.telemetry.resource import resource
from streamproc.telemetry.spans import BATCH, SpanQueue, spans_to
from streamproc.tracing.context import new_span_id, new_trace_id
from streamproc.tracing.event import SpanNote

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="streamproc[otlp] is not installed: make install")


def context() -> SpanContext:
    return SpanContext(new_trace_id(), new_span_id(), False, TraceFlags(TraceFlags.SAMPLED))


def note(name: str = "decode", **more: Any) -> SpanNote:
    return SpanNote(name, context(), None, 1_000, 2_000, **more)


class Exporter:
    """Stands in for an exporter that hangs until it is let go, and then raises."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def export(self, _: Any) -> SpanExportResult:
        self.begun.set()
        self.go.wait(30)
        raise ConnectionError("a secret address")

    def shutdown(self) -> None:
        self.go.set()


def counted(queue: SpanQueue) -> dict[str, int]:
    reader = InMemoryMetricReader()
    queue.count_in(MeterProvider([reader]))
    data: Any = reader.get_metrics_data()
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    return {point.attributes["outcome"]: point.value for point in metric.data.data_points}


def test_a_collector_gets_whole_spans() -> None:
    parent, linked = context(), context()
    sent = SpanNote(
        "process readings",
        context(),
        parent,
        1_000,
        2_000,
        SpanKind.CONSUMER,
        {"messaging.system": "kafka", "messaging.kafka.offset": 7},
        [linked],
        [("trying again", 1_500, {"streamproc.code": "AUDIO_EMPTY"})],
        "AUDIO_EMPTY",
    )
    with collector(200, "traces") as (address, bodies):
        queue = spans_to(address, 10, "testing")
        queue.put([sent])
        queue.close()
    (span,) = spans_of(bodies)
    assert (span.name, span.kind, span.began, span.ended, span.failed) == ("process readings", 5, 1_000, 2_000, True)
    assert (span.trace, span.parent) == (f"{sent.context.trace_id:032x}", f"{parent.span_id:016x}")
    assert span.links == [(f"{linked.trace_id:032x}", f"{linked.span_id:016x}")]
    assert span.attributes == {"messaging.system": "kafka", "messaging.kafka.offset": 7}
    assert span.events == ["trying again"]
    assert (span.resource["service.name"], span.resource["deployment.environment.name"]) == ("streamproc", "testing")
    assert counted(queue) == {"sent": 1, "dropped": 0, "failed": 0}


def test_one_that_refuses_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with collector(400, "traces") as (address, bodies):
        queue = spans_to(address, 10)
        queue.put([note(), note()])
        queue.close()
    assert (len(bodies), counted(queue)) == (1, {"sent": 0, "dropped": 0, "failed": 2})
    assert "spans are not sent" in capsys.readouterr().out


def test_what_the_queue_has_no_room_for_is_dropped_and_counted_and_nobody_waits(
    capsys: pytest.CaptureFixture[str],
) -> None:
    exporter: Any = Exporter()
    queue = SpanQueue(exporter, 2 * BATCH, resource())
    queue.put([note()] * BATCH)
    assert exporter.begun.wait(30)
    began = time.thread_time()
    for _ in range(1_000):
        queue.put([note()] * 10)
    spent = time.thread_time() - began
    assert queue.dropped == 10_000 - 2 * BATCH
    assert spent < 10, "it does not wait: processor time alone"
    exporter.go.set()
    queue.close()
    assert counted(queue) == {"sent": 0, "dropped": 10_000 - 2 * BATCH, "failed": 3 * BATCH}
    said = capsys.readouterr().out
    assert "ConnectionError" in said
    assert "secret" not in said


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(StreamprocError, match=r"STREAMPROC_TRACING__ENDPOINT.*streamproc\[otlp\]"):
        spans_to("http://127.0.0.1:4318/v1/traces", 60)
