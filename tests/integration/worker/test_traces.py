"""The traces of a real worker on a real Kafka and Triton, as a stand-in for a collector gets them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from support.activities import activity, clip, inline, phrase, value
from support.collector import Span, collector, spans_of
from support.topics_of_test import Record, TestTopics
from support.worker_process import WorkerProcess

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PUBLISHER = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PUBLISHER}-01".encode()
UNSAMPLED = TRACEPARENT[:-1] + b"0"


@contextmanager
def traced(settings: dict[str, str], log: Path, **more: str) -> Iterator[tuple[WorkerProcess, list[bytes]]]:
    """A worker that is ready, and what it has sent."""
    with collector(200, "traces") as (address, bodies):
        worker = WorkerProcess(
            {
                **settings,
                "STREAMPROC_TRACING__ENDPOINT": address,
                "STREAMPROC_TELEMETRY__ENVIRONMENT": "testing",
                **more,
            },
            log,
        )
        try:
            worker.wait_ready()
            yield worker, bodies
        finally:
            worker.kill()


def of(worker: WorkerProcess, bodies: list[bytes], condition: Callable[[list[Span]], bool]) -> list[Span]:
    """The spans, once the condition holds."""
    worker.wait_for(lambda: condition(spans_of(bodies)), "the spans", 30)
    return spans_of(bodies)


def named(spans: list[Span], name: str) -> Span:
    (span,) = [one for one in spans if one.name == name]
    return span


def headers_of(record: Record) -> dict[str, bytes]:
    return {name: held or b"" for name, held in record.headers}


def test_one_activity_from_its_publisher_to_its_result(
    settings: dict[str, str], topics: TestTopics, schema_id: int, tmp_path: Path
) -> None:
    good = value(activity(phrase(inline(clip(0.5)))), schema_id)
    with traced(settings, tmp_path / "worker.log", STREAMPROC_TRACING__RATIO="0") as (worker, bodies):
        topics.publish([Record(b"learner", good, [("traceparent", TRACEPARENT), ("ce_id", b"order-66")])])
        (result,) = topics.read(topics.results, 1)
        spans = of(worker, bodies, lambda spans: "commit" in {span.name for span in spans})
        (scored,) = [line for line in worker.log_records() if line["event"] == "scored"]
    process, commit = named(spans, f"process {topics.activities}"), named(spans, "commit")
    assert process.links == [(TRACE, PUBLISHER)]
    assert process.parent == ""
    assert process.attributes["streamproc.outcome"] in ("COMPLETE", "PARTIAL"), "noise may be heard as nothing"
    assert process.attributes["messaging.message.id"] == "order-66"
    below = [f"receive {topics.activities}", "decode", "audio", "inference", "score", f"send {topics.results}"]
    for name in below:
        span = named(spans, name)
        assert (span.trace, span.parent) == (process.trace, process.span), name
        assert process.began <= span.began <= span.ended <= process.ended, name
    infer = named(spans, "infer")
    assert (infer.trace, infer.parent) == (process.trace, named(spans, "inference").span)
    assert commit.links == [(process.trace, process.span)]
    assert commit.began >= process.began
    assert Counter(span.name for span in spans) == Counter([process.name, *below, "infer", "commit"])

    sent = named(spans, f"send {topics.results}")
    assert headers_of(result)["traceparent"] == f"00-{sent.trace}-{sent.span}-01".encode()
    assert (scored["trace_id"], scored["span_id"]) == (process.trace, process.span)
    assert process.resource["deployment.environment.name"] == "testing"


def test_a_dead_letter_is_kept_though_nobody_sampled_it_and_a_result_is_not(
    settings: dict[str, str], topics: TestTopics, schema_id: int, tmp_path: Path
) -> None:
    good = value(activity(phrase(inline(clip(0.5))), activity_id="reading-2"), schema_id)
    more = {
        "STREAMPROC_TRACING__RATIO": "0",
        "STREAMPROC_TRACING__CREATION": "parent",
        "STREAMPROC_TRACING__SLOW": "60",
    }
    with traced(settings, tmp_path / "worker.log", **more) as (worker, bodies):
        topics.publish(
            [
                Record(b"another", good, [("traceparent", UNSAMPLED)]),
                Record(b"another", b"no Avro", [("traceparent", UNSAMPLED)]),
            ]
        )
        (result,) = topics.read(topics.results, 1, wanted=lambda one: headers_of(one)["ce_subject"] == b"reading-2")
        (letter,) = topics.read_letters(1)
        spans = of(worker, bodies, lambda spans: "commit" in {span.name for span in spans})
        assert worker.metric("streamproc_trace_spans_total", outcome="sent") >= len(spans)
        assert worker.metric("streamproc_trace_spans_total", outcome="dropped") == 0
    process = named(spans, f"process {topics.activities}")
    assert (process.trace, process.parent, process.failed) == (TRACE, PUBLISHER, True)
    assert process.attributes["streamproc.kept"] == "dead_letter"
    assert process.attributes["error.type"] == letter.error["code"] == "VALUE_UNREADABLE"
    sent = named(spans, f"send {topics.letters}")
    assert letter.error["worker.traceparent"] == f"00-{TRACE}-{sent.span}-01"
    assert headers_of(letter.record)["traceparent"] == UNSAMPLED, "the original's own, byte for byte"
    assert headers_of(result)["traceparent"].startswith(f"00-{TRACE}-".encode())
    assert headers_of(result)["traceparent"].endswith(b"-00")


def test_a_collector_that_is_down_is_felt_by_nobody(
    settings: dict[str, str], topics: TestTopics, schema_id: int, tmp_path: Path
) -> None:
    good = value(activity(phrase(inline(clip(0.5)))), schema_id)
    nobody = {"STREAMPROC_TRACING__ENDPOINT": "http://127.0.0.1:9/v1/traces", "STREAMPROC_TRACING__RATIO": "1"}
    with traced(settings, tmp_path / "worker.log", **nobody, STREAMPROC_TRACING__QUEUE="8") as (worker, _):
        topics.publish([Record(b"learner-%d" % number, good, []) for number in range(10)])
        worker.wait_for(lambda: worker.metric("streamproc_results_total") == 10, "all results", 30)
        worker.wait_for(
            lambda: worker.metric("streamproc_trace_spans_total", outcome="failed") > 0, "a failed sending", 30
        )
        assert worker.terminate() == 0
