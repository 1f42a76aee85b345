"""What every metric is: the one place that says it, for the worker, for operators and for the reference.

``python -m streamproc.telemetry.catalogue`` prints the table of docs/reference/metrics.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its kind, its unit (UCUM; empty: a number of things), its labels and what it tells."""

    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    labels: tuple[str, ...]
    meaning: str


METRICS = {
    "streamproc_results": Metric("counter", "", ("status",), "Results, by status."),
    "streamproc_dead_letters": Metric("counter", "", ("code", "stage"), "Dead letters, by code and stage."),
    "streamproc_transient_failures": Metric(
        "counter", "", ("code", "stage"), "Failed attempts that are tried again, by code and stage."
    ),
    "streamproc_in_flight": Metric("gauge", "", (), "Activities that are being worked on."),
    "streamproc_intake_paused": Metric(
        "gauge", "", ("reason",), "1 while no new activity is begun, by reason: a code, quarantine or stopping."
    ),
    "streamproc_stage_duration": Metric(
        "histogram", "s", ("stage",), "Time that an activity which became a result has spent in each stage."
    ),
    "streamproc_endpoint_usable": Metric(
        "gauge", "", ("endpoint",), "1 while an inference endpoint is given work, 0 while it is out of use."
    ),
    "streamproc_endpoint_ejections": Metric(
        "counter",
        "",
        ("endpoint", "why"),
        "How often an inference endpoint went out of use: silent (it answers nothing), unready (it says so), model "
        "(none of ours), errors (calls fail in a row), outlier (far more fail than elsewhere).",
    ),
    "streamproc_endpoint_breaker": Metric(
        "gauge",
        "",
        ("endpoint", "state"),
        "1 for the state of an endpoint's circuit breaker: closed, open or half_open.",
    ),
    "streamproc_endpoint_outstanding": Metric(
        "gauge", "s", ("endpoint",), "Audio that an inference endpoint works on for this worker."
    ),
    "streamproc_endpoint_limit": Metric(
        "gauge", "s", ("endpoint",), "Audio that an inference endpoint may work on for this worker, as its load allows."
    ),
    "streamproc_fallback_active": Metric(
        "gauge", "", (), "1 while no inference endpoint can be used and this worker scores on its CPU."
    ),
    "streamproc_certificate_expiry": Metric(
        "gauge",
        "d",
        ("certificate", "endpoint"),
        "Time until a certificate expires, below 0 once it has: client, the worker's own for Triton, or server, that "
        "of an endpoint, as it was seen in the last minute.",
    ),
    "streamproc_transport_partitions": Metric("gauge", "", (), "Partitions that this worker reads."),
    "streamproc_transport_paused_partitions": Metric(
        "gauge", "", (), "Those of them that it fetches nothing from, until less of theirs is in flight."
    ),
    "streamproc_transport_in_flight": Metric(
        "gauge", "", ("topic", "partition"), "Events that are taken in and whose outcome is not committed."
    ),
    "streamproc_transport_lag": Metric(
        "gauge",
        "",
        ("topic", "partition"),
        "Offsets between the committed one and the end of what is committed in the log, as heard in the last second.",
    ),
    "streamproc_transport_transactions": Metric(
        "counter",
        "",
        ("outcome", "reason"),
        "Transactions, by how they ended (committed, aborted, refused, in_doubt); for aborted ones Kafka's name of "
        "the reason: ILLEGAL_GENERATION is routine after a rebalance.",
    ),
}


def named(name: str) -> tuple[str, str, str]:
    """What OpenTelemetry takes to make an instrument: its name, unit and description."""
    metric = METRICS[name]
    return name, metric.unit, metric.meaning


def exposed(name: str) -> str:
    """The name under /metrics: Prometheus' has the unit and, of a counter, its kind."""
    metric = METRICS[name]
    return name + {"s": "_seconds", "d": "_days"}.get(metric.unit, "") + ("_total" if metric.kind == "counter" else "")


def table() -> Iterator[str]:
    """The reference's lines, in Markdown."""
    yield "| Metric | Type | Unit | Labels | Meaning |"
    yield "| --- | --- | --- | --- | --- |"
    for name, metric in METRICS.items():
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        unit = {"s": "seconds", "d": "days"}.get(metric.unit, "")
        yield f"| `{exposed(name)}` | {metric.kind} | {unit} | {labels} | {metric.meaning} |"


if __name__ == "__main__":
    print(*table(), sep="\n")
