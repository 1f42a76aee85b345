"""Traces through the real collector with the configuration that ships: what is kept, and one whole way."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanContext, TraceFlags
from support.activities import activity, behind, clip, inline, phrase, value
from support.collector import Span
from support.topics_of_test import Record, TestTopics
from support.worker_fixtures import clips, schema_id, worker
from support.worker_process import WorkerProcess

from operate.collector import Collector, real_collector
from streamproc.client import ActivityPublisher, Connection, ResultSubscriber
from streamproc.localstack.triton import TritonPart
from streamproc.telemetry.spans import SpanQueue, spans_to
from streamproc.tracing.context import new_span_id, new_trace_id
from streamproc.tracing.event import SpanNote

__all__ = ["clips", "schema_id", "worker"]

SECOND = 1_000_000_000


def note(seconds: float = 0.1, error: str = "", **attributes: str | int) -> SpanNote:
    """A trace of one span that is over now."""
    now = time.time_ns()
    context = SpanContext(new_trace_id(), new_span_id(), False, TraceFlags(TraceFlags.SAMPLED))
    named = {f"streamproc.{name}": said for name, said in attributes.items()}
    return SpanNote("process", context, None, now - round(seconds * SECOND), now, attributes=named, error=error)


def until(queue: SpanQueue, collector: Collector, traces: set[int]) -> None:
    """Wait until these have come through, and time enough for others to be decided on."""
    deadline = time.monotonic() + 30
    while not {f"{one:032x}" for one in traces} <= {span.trace for span in collector.spans}:
        assert queue.failed == 0
        assert time.monotonic() < deadline, collector.spans
        time.sleep(0.1)


def test_the_tail_rule_keeps_what_an_operator_needs_and_none_of_the_others(tmp_path: Path) -> None:
    needed = [
        note(error="AUDIO_EMPTY"),
        note(outcome="dead_letter"),
        note(attempts=2),
        note(kept="slow"),
        note(seconds=6.0),
    ]
    others = [note(attempts=1, outcome="COMPLETE", kept="sampled", seconds=4.0) for _ in range(50)]
    with real_collector(tmp_path, KEEP_PERCENT="0") as collector:
        queue = spans_to(collector.address, 1_000)
        queue.put([*others, *needed])
        until(queue, collector, {one.context.trace_id for one in needed})
        queue.close()
        assert {span.trace for span in collector.spans} == {f"{one.context.trace_id:032x}" for one in needed}


def test_of_the_others_a_share_is_kept_and_all_by_default(tmp_path: Path) -> None:
    with real_collector(tmp_path) as collector:
        queue = spans_to(collector.address, 1_000)
        notes = [note() for _ in range(200)]
        queue.put(notes)
        until(queue, collector, {one.context.trace_id for one in notes})
        queue.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("traces")


@pytest.fixture(scope="module")
def collector(folder: Path) -> Iterator[Collector]:
    with real_collector(folder) as one:
        yield one


@pytest.fixture(scope="module")
def triton(folder: Path, collector: Collector) -> Iterator[str]:
    """One that sends its spans, of the requests alone that carry a context; its address."""
    part = TritonPart(
        folder / "triton",
        arguments=(
            *("--trace-config=mode=opentelemetry", "--trace-config=level=TIMESTAMPS", "--trace-config=rate=1000000"),
            f"--trace-config=opentelemetry,url={collector.address}",
            "--trace-config=opentelemetry,bsp_schedule_delay=500",
        ),
        tie=True,
    )
    part.start()
    try:
        yield part.address
    finally:
        part.stop()


@pytest.fixture(scope="module")
def topics(kafka_bootstrap: str) -> TestTopics:
    return TestTopics(kafka_bootstrap)


@pytest.fixture(scope="module")
def settings(topics: TestTopics, registry_url: str, triton: str, clips: Path, collector: Collector) -> dict[str, str]:
    return {
        **topics.settings,
        "STREAMPROC_REGISTRY__URL": registry_url,
        "STREAMPROC_TRITON__URLS": triton,
        "STREAMPROC_AUDIO__ALLOWED_PREFIXES": json.dumps([clips.as_uri() + "/"]),
        "STREAMPROC_TRACING__ENDPOINT": collector.address,
        "STREAMPROC_TRACING__RATIO": "0",
        "STREAMPROC_TRACING__SLOW": "60",
        "STREAMPROC_TRACING__QUEUE": "64",
        "STREAMPROC_LOG__FORMAT": "json",
    }


def test_one_activity_from_its_publisher_over_triton_to_its_reader(
    worker: WorkerProcess,
    topics: TestTopics,
    registry_url: str,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provider = TracerProvider(resource=Resource({"service.name": "reading-app"}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(collector.address)))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    connection = Connection(bootstrap_servers=topics.bootstrap, registry_url=registry_url)
    with ActivityPublisher(connection, source="/reading-app", topic=topics.activities) as publisher:
        publisher.send(activity(phrase(inline(clip(0.5))))).result(30)
    for _ in ResultSubscriber(connection, f"{topics.name}-reader", topics.results, continue_trace=True):
        break
    provider.shutdown()

    def found() -> dict[str, Span]:
        return {span.name: span for span in collector.spans}

    wanted = {
        f"send {topics.activities}",
        f"process {topics.activities}",
        f"process {topics.results}",
        "infer",
        "commit",
    }
    worker.wait_for(lambda: wanted | {"InferRequest"} <= set(found()), "all spans", 60)
    spans = found()
    sent, process = spans[f"send {topics.activities}"], spans[f"process {topics.activities}"]
    assert process.links == [(sent.trace, sent.span)]
    # Triton's own spans are below the request's, and the reader's below the sending of the result.
    tritons = spans["InferRequest"]
    assert (tritons.trace, tritons.parent) == (process.trace, spans["infer"].span)
    assert tritons.resource["service.name"] != "streamproc"
    reader, result = spans[f"process {topics.results}"], spans[f"send {topics.results}"]
    assert (reader.trace, reader.parent) == (process.trace, result.span)
    assert spans["commit"].links == [(process.trace, process.span)]


def test_an_activity_that_is_tried_again_is_kept_with_the_reason(
    worker: WorkerProcess, topics: TestTopics, schema_id: int, collector: Collector, clips: Path
) -> None:
    late = clips / "late.wav"
    written = value(activity(phrase(behind(late.as_uri())), activity_id="late"), schema_id)
    topics.publish([Record(b"learner", written, [])])
    worker.wait_for(lambda: "trying again" in worker.log_text(), "a failed attempt", 20)
    late.write_bytes(clip(0.5))

    def retried() -> list[Span]:
        return [span for span in collector.spans if span.attributes.get("streamproc.activity.id") == "late"]

    worker.wait_for(lambda: bool(retried()), "its trace", 30)
    (process,) = retried()
    assert process.attributes["streamproc.kept"] == "retry"
    assert process.attributes["streamproc.outcome"] in ("COMPLETE", "PARTIAL"), "noise may be heard as nothing"
    assert set(process.events) == {"trying again"}


def test_a_collector_that_is_frozen_is_felt_by_nobody(
    worker: WorkerProcess, topics: TestTopics, schema_id: int, collector: Collector
) -> None:
    def spans(outcome: str) -> float:
        return worker.metric("streamproc_trace_spans_total", outcome=outcome)

    before, dropped = worker.metric("streamproc_results_total"), spans("dropped")
    good = value(activity(phrase(inline(clip(0.5)))), schema_id)
    sampled: Any = [("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    collector.freeze()
    try:
        topics.publish([Record(b"learner-%d" % number, good, sampled) for number in range(40)])
        worker.wait_for(lambda: worker.metric("streamproc_results_total") == before + 40, "all results", 60)
        worker.wait_for(lambda: spans("dropped") > dropped, "spans that are dropped", 30)
        assert worker.is_ready()
    finally:
        collector.thaw()
    sent = spans("sent")
    worker.wait_for(lambda: spans("sent") > sent, "spans that are taken again", 60)
