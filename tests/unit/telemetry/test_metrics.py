"""The names and labels that operators' dashboards and alarms are built on."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.holes import hole

from streamproc.errors import ErrorClass, ErrorCode
from streamproc.telemetry.catalogue import LABELS, METRICS, exposed, table
from streamproc.telemetry.tenants import Tenants

REFERENCE = Path(__file__).parents[3] / "docs/reference/metrics.md"

SCRIPT = """
from types import SimpleNamespace
from streamproc.contracts.generated.events import ResultStatus, StageTimings
from faust.types import TP
from streamproc.errors import ErrorCode
from streamproc.inference.endpoint import Ejected, Endpoint
from streamproc.inference.limiter import Limiter
from streamproc.routing.comparing import ComparedReading
from streamproc.telemetry import drifting, endpoints, metrics, routing
from streamproc.telemetry.push import Push
from streamproc.telemetry.spans import SpanQueue
from streamproc.transport.surface.monitor import TransportState

metrics.configure()

one, other = TP("a", 0), TP("a", 1)
state = TransportState(in_flight={one: 3, other: 0}, lag={one: 7, other: 0}, paused={one})
state.unfinished.update({one: 5, other: 0})
state.oldest_ms.update({one: 988_000})
state.gaps.update({one: 2, other: 0})
state.metadata_size.update({one: 40})
state.rebalances.update(gained=1)
state.events.update(a=10)
state.outcomes.update(r=9, d=1)
state.transactions.update(committed=5, aborted=2)
state.aborted.update(ILLEGAL_GENERATION=2)
ours = metrics.Metrics(lambda: state, lambda: [("client", "", 12.5), ("server", "triton:8001", -1.0)],
    tenants=1, clock=lambda: 1000.0)
used, unused = (Endpoint(f"{name}:8001", None, Limiter(lambda: 0.0, least=1, most=40, start=30)) for name in "ab")
used.restore()
used.limiter.began(2.5)
unused.breaker.trip()
unused.ejections[Ejected.ERRORS] += 1
endpoints.observe([used, unused], lambda: True, lambda: 12.5)
drifting.DriftMetrics({}, lambda: "5f")
models = routing.RoutingMetrics(lambda: 41, lambda: {"fall": 0.25})
Push(None, 60).count_in()
SpanQueue(None, 60, None).count_in()
print(metrics.exposition()[0].decode(), "SCRAPED AGAIN")
timings = StageTimings(decode_ms=1, audio_ms=20, wait_ms=0, inference_ms=300, score_ms=4, total_ms=325)
for status in (ResultStatus.COMPLETE, ResultStatus.COMPLETE, ResultStatus.PARTIAL):
    ours.started()
    failed = () if status is ResultStatus.COMPLETE else ("AUDIO_EMPTY", "REFERENCE_EMPTY", "REFERENCE_EMPTY")
    phrases = [SimpleNamespace(error_code=code) for code in (None, *failed)]
    audio_ms = 5_000 if status is ResultStatus.COMPLETE else 5_001
    ours.result(
        SimpleNamespace(status=status, timings=timings, phrases=phrases, audio_ms=audio_ms, tenant="school"), 940_500
    )
    ours.finished()
models.routed("instead")
models.rolled_back("fall")
models.compared("compared", False, ComparedReading(1.0, 0.5, 1, 2))
ours.started()
ours.dead_letter(ErrorCode.AUDIO_EMPTY, "another", 0.15, 1_001_000)
ours.dead_letter(ErrorCode.VALUE_MISSING, None, 0.15, None)
ours.dead_letter(ErrorCode.REFERENCE_INVALID, "school", 0.15, 1_000_000)
ours.stops(ErrorCode.DEAD_LETTER_REFUSED)
ours.failed(ErrorCode.REGISTRY_UNAVAILABLE)
ours.intake("breaker", True)
body, content_type = metrics.exposition()
assert content_type.startswith("text/plain")
print(body.decode())
"""


Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def scrapes() -> list[str]:
    """What is there at the start, and after three activities."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return done.stdout.split("SCRAPED AGAIN")


def samples(text: str) -> Samples:
    found = {}
    for line in text.splitlines():
        if sample := re.fullmatch(r"(streamproc\w+)(?:\{(.*)\})? (\S+)", line):
            found[sample[1], frozenset(re.findall(r'(\w+)="([^"]*)"', sample[2] or ""))] = float(sample[3])
    return found


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def test_names_labels_and_values(scrapes: list[str]) -> None:
    found = samples(scrapes[1])
    assert value(found, "streamproc_results_total", status="COMPLETE") == 2
    assert value(found, "streamproc_results_total", status="PARTIAL") == 1
    assert value(found, "streamproc_dead_letters_total", code="AUDIO_EMPTY", stage="audio") == 1
    assert value(found, "streamproc_transient_failures_total", code="REGISTRY_UNAVAILABLE", stage="decode") == 1
    assert value(found, "streamproc_in_flight") == 1
    assert value(found, "streamproc_intake_paused", reason="breaker") == 1
    assert value(found, "streamproc_certificate_expiry_days", certificate="client", endpoint="") == 12.5
    assert value(found, "streamproc_certificate_expiry_days", certificate="server", endpoint="triton:8001") == -1
    # Durations are in seconds, with buckets from 5 ms to a minute.
    assert value(found, "streamproc_stage_duration_seconds_sum", stage="inference") == pytest.approx(0.9)
    assert value(found, "streamproc_stage_duration_seconds_count", stage="total") == 3
    assert value(found, "streamproc_stage_duration_seconds_bucket", stage="inference", le="0.25") == 0
    assert value(found, "streamproc_stage_duration_seconds_bucket", stage="inference", le="0.5") == 3
    stages = {dict(labels)["stage"] for name, labels in found if name.endswith("duration_seconds_count")}
    assert stages == {"decode", "audio", "wait", "inference", "score", "total"}


def test_an_activitys_outcome(scrapes: list[str]) -> None:
    found = samples(scrapes[1])
    success = "streamproc_activity_success_total"
    assert value(found, success, success="true", tenant="school") == 3
    assert value(found, success, success="false", tenant="school") == 1
    assert value(found, success, success="false", tenant="other") == 1
    assert value(found, success, success="false", tenant="unknown") == 1
    total = "streamproc_activity_total_ms_bucket"
    assert value(found, total, outcome="COMPLETE", audio="up_to_5_s", le="300.0") == 0
    assert value(found, total, outcome="COMPLETE", audio="up_to_5_s", le="500.0") == 2
    assert value(found, total, outcome="PARTIAL", audio="longer", le="500.0") == 1
    assert value(found, total, outcome="dead_letter", audio="none", le="150.0") == 3
    # Published 59.5 s ago; a second in the future, by a clock that is fast; without a timestamp; just now.
    age = "streamproc_outcome_age_seconds"
    assert value(found, f"{age}_bucket", outcome="COMPLETE", le="30.0") == 0
    assert value(found, f"{age}_bucket", outcome="COMPLETE", le="60.0") == 2
    assert value(found, f"{age}_sum", outcome="dead_letter") == 0
    assert value(found, f"{age}_count", outcome="dead_letter") == 2


def test_what_fails_within_and_beyond_an_activity(scrapes: list[str]) -> None:
    found = samples(scrapes[1])
    assert value(found, "streamproc_phrase_failures_total", code="AUDIO_EMPTY", stage="audio") == 1
    assert value(found, "streamproc_phrase_failures_total", code="REFERENCE_EMPTY", stage="reference") == 2
    assert value(found, "streamproc_align_failure_total", code="REFERENCE_EMPTY") == 1
    assert value(found, "streamproc_align_failure_total", code="REFERENCE_INVALID") == 1
    assert value(found, "streamproc_fatal_failures_total", code="DEAD_LETTER_REFUSED", stage="emit") == 1


def test_endpoints_and_the_fallback(scrapes: list[str]) -> None:
    found = samples(scrapes[0])
    assert value(found, "streamproc_fallback_active") == 1
    assert value(found, "streamproc_inference_waiting_seconds") == 12.5
    for endpoint, usable, state, outstanding in (("a:8001", 1, "closed", 2.5), ("b:8001", 0, "open", 0)):
        assert value(found, "streamproc_endpoint_usable", endpoint=endpoint) == usable
        for each in ("closed", "open", "half_open"):
            assert value(found, "streamproc_endpoint_breaker", endpoint=endpoint, state=each) == (each == state)
        assert value(found, "streamproc_endpoint_outstanding_seconds", endpoint=endpoint) == outstanding
        assert value(found, "streamproc_endpoint_limit_seconds", endpoint=endpoint) == 30
    assert value(found, "streamproc_endpoint_ejections_total", endpoint="b:8001", why="errors") == 1
    assert value(found, "streamproc_endpoint_ejections_total", endpoint="b:8001", why="silent") == 0


def test_models_in_use(scrapes: list[str]) -> None:
    before, found = samples(scrapes[0]), samples(scrapes[1])
    assert value(found, "streamproc_control_revision") == 41
    assert value(found, "streamproc_canary_evidence", test="fall") == 0.25
    assert value(found, "streamproc_canary_evidence", test="rise") == 0
    for part, count in (("champion", 0), ("canary", 0), ("instead", 1)):
        assert value(before, "streamproc_routed_total", part=part) == 0
        assert value(found, "streamproc_routed_total", part=part) == count
    for test in ("errors", "latency", "fall", "rise"):
        assert value(before, "streamproc_canary_rollbacks_total", test=test) == 0, "an alert sees the first one too"
        assert value(found, "streamproc_canary_rollbacks_total", test=test) == (test == "fall")
    assert value(found, "streamproc_comparisons_total", of="shadow", end="compared") == 1
    assert value(found, "streamproc_comparisons_total", of="canary", end="dropped") == 0
    assert value(found, "streamproc_compared_words_total", of="shadow", verdict="same") == 1
    assert value(found, "streamproc_compared_words_total", of="shadow", verdict="different") == 1


@hole("F6")
def test_the_drivers_numbers(scrapes: list[str]) -> None:
    found = samples(scrapes[0])
    assert value(found, "streamproc_transport_partitions") == 2
    assert value(found, "streamproc_transport_paused_partitions") == 1
    assert value(found, "streamproc_transport_in_flight", topic="a", partition="0") == 3
    assert value(found, "streamproc_transport_lag", topic="a", partition="0") == 7
    assert value(found, "streamproc_transport_lag", topic="a", partition="1") == 0
    assert value(found, "streamproc_transport_unfinished", topic="a", partition="0") == 5
    assert value(found, "streamproc_transport_oldest_age_seconds", topic="a", partition="0") == 12
    assert value(found, "streamproc_transport_oldest_age_seconds", topic="a", partition="1") == 0
    assert value(found, "streamproc_transport_gaps_total", topic="a", partition="0") == 2
    assert value(found, "streamproc_transport_metadata_size", topic="a", partition="0") == 40
    assert value(found, "streamproc_transport_rebalances_total", change="gained") == 1
    assert value(found, "streamproc_transport_rebalances_total", change="given_up") == 0
    assert value(found, "streamproc_transport_events_total", topic="a") == 10
    assert value(found, "streamproc_transport_outcomes_total", topic="d") == 1
    transactions = "streamproc_transport_transactions_total"
    assert value(found, transactions, outcome="committed", reason="") == 5
    assert value(found, transactions, outcome="aborted", reason="ILLEGAL_GENERATION") == 2
    assert value(found, transactions, outcome="aborted", reason="") == 0


@hole("F6")
def test_the_service_has_a_name(scrapes: list[str]) -> None:
    assert 'service_name="streamproc"' in next(
        line for line in scrapes[0].splitlines() if line.startswith("target_info")
    )


@hole("F6")
def test_what_can_be_known_beforehand_is_there_as_0(scrapes: list[str]) -> None:
    found = samples(scrapes[0])
    assert value(found, "streamproc_in_flight") == 0
    assert value(found, "streamproc_results_total", status="COMPLETE") == 0
    for code in ErrorCode:
        labels = {"code": code.name, "stage": code.stage.value}
        match code.error_class:
            case ErrorClass.POISON:
                assert value(found, "streamproc_dead_letters_total", **labels) == 0
                assert value(found, "streamproc_phrase_failures_total", **labels) == 0
            case ErrorClass.TRANSIENT:
                assert value(found, "streamproc_transient_failures_total", **labels) == 0
                assert value(found, "streamproc_intake_paused", reason=code.name) == 0
            case ErrorClass.FATAL:
                assert value(found, "streamproc_fatal_failures_total", **labels) == 0
    assert value(found, "streamproc_intake_paused", reason="quarantine") == 0


@hole("F6")
def test_no_label_names_the_library(scrapes: list[str]) -> None:
    assert "otel_" not in scrapes[1]


def test_every_label_is_bounded() -> None:
    assert {label for metric in METRICS.values() for label in metric.labels} == set(LABELS)
    assert {name for name, metric in METRICS.items() if metric.buckets} == {
        name for name, metric in METRICS.items() if metric.kind == "histogram"
    }


def test_tenants_are_named_up_to_a_limit() -> None:
    tenants = Tenants(2)
    assert [tenants.label(tenant) for tenant in ("a", None, "x" * 65, "a\nb", "", "b", "c", "a")] == [
        "a", "unknown", "other", "other", "other", "b", "other", "a"
    ]  # fmt: skip
    assert Tenants(0).label("a") == "other"


def test_the_reference_has_every_metric_as_it_is_scraped(scrapes: list[str]) -> None:
    assert "\n".join(table()) in REFERENCE.read_text("utf-8"), (
        "put what python -m streamproc.telemetry.catalogue prints into docs/reference/metrics.md"
    )
    types = dict(re.findall(r"^# TYPE (streamproc\w+) (\w+)$", scrapes[1], re.MULTILINE))
    assert types == {exposed(name): metric.kind for name, metric in METRICS.items()}
    labels = {
        name: {label for (sample, pairs) in samples(scrapes[1]) for label, _ in pairs if sample.startswith(name)}
        for name in types
    }
    assert {name: found - {"le"} for name, found in labels.items()} == {
        exposed(name): set(metric.labels) for name, metric in METRICS.items()
    }
