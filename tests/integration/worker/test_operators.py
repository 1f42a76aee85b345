"""What operators see of a worker: the steps of its life in the log, and its numbers under /metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.activities import activity, behind, clip, inline, phrase, value
from support.collector import collector, total
from support.holes import hole
from support.topics_of_test import PARTITIONS, Record, TestTopics
from support.worker_process import WorkerProcess


def lines(worker: WorkerProcess, event: str) -> list[dict[str, Any]]:
    return [record for record in worker.log_records() if record["event"] == event]


@hole("F6")
def test_a_workers_life_and_numbers(worker: WorkerProcess, topics: TestTopics, schema_id: int) -> None:
    (ready,) = lines(worker, "ready")
    assert ready["seconds"] > 0
    assert worker.metric("streamproc_in_flight") == 0
    assert 'streamproc_transient_failures_total{code="REGISTRY_UNAVAILABLE",stage="decode"} 0.0' in worker.page(
        "/metrics"
    )
    good = value(activity(phrase(inline(clip(0.5)))), schema_id)
    records = [Record(f"learner-{number}".encode(), good, []) for number in range(5)]
    topics.publish([*records, Record(b"learner", b"no Avro", [])])
    assert len(topics.read(topics.results, 5)) == 5
    assert len(topics.read(topics.letters, 1)) == 1

    worker.wait_for(lambda: worker.metric("streamproc_transport_in_flight") == 0, "all committed", 20)
    worker.wait_for(lambda: worker.metric("streamproc_transport_lag") == 0, "a lag of 0", 20)
    worker.wait_for(lambda: worker.metric("streamproc_transport_unfinished") == 0, "nothing unfinished", 20)
    assert worker.metric("streamproc_transport_oldest_age_seconds") == 0
    assert worker.metric("streamproc_transport_events_total") == 6
    assert worker.metric("streamproc_transport_rebalances_total", change="gained") >= 1
    assert worker.metric("streamproc_activity_success_total", success="true") == 5
    assert worker.metric("streamproc_activity_success_total", success="false", tenant="unknown") == 1
    assert worker.metric("streamproc_outcome_age_seconds_count") == 6
    assert worker.metric("streamproc_transport_partitions") == PARTITIONS
    assert worker.metric("streamproc_transport_paused_partitions") == 0
    assert worker.metric("streamproc_transport_transactions_total", outcome="committed") >= 1
    assert worker.metric("streamproc_transport_transactions_total", outcome="refused") == 0
    assert worker.metric("streamproc_results_total") == 5
    assert "otel_" not in worker.page("/metrics")

    assert worker.terminate() == 0
    assert lines(worker, "assigned")[-1]["partitions"] == [
        f"{topics.activities}[{partition}]" for partition in range(PARTITIONS)
    ]
    (stopped,) = lines(worker, "stopped")
    assert {name: stopped[name] for name in ("events", "results", "dead_letters")} == {
        "events": 6,
        "results": 5,
        "dead_letters": 1,
    }
    assert stopped["transactions"]["committed"] >= 1
    assert "learner-" not in worker.log_text(), "who reads is nobody's business"
    assert {record["level"] for record in worker.log_records()} <= {"info", "warning"}


def test_a_collector_has_the_last_numbers_too(
    settings: dict[str, str], topics: TestTopics, schema_id: int, tmp_path: Path
) -> None:
    with collector() as (address, bodies):
        sent = {"STREAMPROC_TELEMETRY__OTLP_ENDPOINT": address, "STREAMPROC_TELEMETRY__OTLP_INTERVAL": "600"}
        worker = WorkerProcess({**settings, **sent}, tmp_path / "worker.log")
        try:
            worker.wait_ready()
            topics.publish([Record(b"learner", value(activity(phrase(inline(clip(0.5)))), schema_id), [])])
            worker.wait_for(lambda: worker.metric("streamproc_transport_events_total") == 1, "its outcome", 30)
            assert worker.terminate() == 0
        finally:
            worker.kill()
    assert total(bodies[0], "streamproc_transport_events") == 0
    assert total(bodies[-1], "streamproc_transport_events") == 1
    assert total(bodies[-1], "streamproc_results") == 1


def test_the_backlog_is_true_while_nothing_is_fetched(
    settings: dict[str, str], topics: TestTopics, schema_id: int, clips: Path, tmp_path: Path
) -> None:
    late = clips / "late.wav"
    few = {"STREAMPROC_TRANSPORT__MAX_IN_FLIGHT": "4", "STREAMPROC_AUDIO__NOT_FOUND_GRACE": "100"}
    worker = WorkerProcess({**settings, **few}, tmp_path / "worker.log")

    def record(clip_uri: str) -> Record:
        return Record(b"learner", value(activity(phrase(behind(clip_uri))), schema_id), [])

    try:
        worker.wait_ready()
        # One learner's readings are scored one after the other: the first one, whose clip is not there, holds all up.
        topics.publish([record(late.as_uri()) for _ in range(5)])
        worker.wait_for(lambda: worker.metric("streamproc_transport_paused_partitions") == 1, "a pause", 30)
        topics.publish([record(late.as_uri()) for _ in range(15)])
        worker.wait_for(lambda: worker.metric("streamproc_transport_unfinished") == 20, "a backlog of 20", 30)
        assert worker.metric("streamproc_transport_oldest_age_seconds") > 0
        late.write_bytes(clip(0.5))
        worker.wait_for(lambda: worker.metric("streamproc_transport_unfinished") == 0, "all done", 60)
        assert worker.metric("streamproc_transport_oldest_age_seconds") == 0
        assert worker.metric("streamproc_results_total") == 20
    finally:
        worker.kill()
