"""What every metric is: the one place that says it, for the worker, for operators and for the reference.

``python -m streamproc.telemetry.catalogue`` prints the table of docs/reference/metrics.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its kind, its unit (UCUM; empty: a number of things), its labels and what it tells.

    ``buckets``: of a histogram, the upper bounds, in its unit.
    """

    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    labels: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ()


LABELS = {
    "audio": "up_to_5_s, longer; none: of a dead letter",
    "certificate": "client, server",
    "change": "gained, given_up",
    "code": "the error codes",
    "end": "compared, dropped, failed",
    "endpoint": "the inference endpoints that the settings name, or that their names lead to",
    "measure": "confidence, accuracy, silence",
    "of": "canary, with the champion; shadow, with it the champion",
    "outcome": "COMPLETE, PARTIAL, dead_letter; of transactions: committed, aborted, refused, in_doubt; of spans: "
    "sent, dropped, failed; of corrections: applied, unchanged, not_kept, refused",
    "part": "champion, canary; instead: the champion, of a canary that failed",
    "partition": "the partitions that the worker reads",
    "reason": "the codes of transient errors, quarantine, stopping; of transactions: Kafka's errors",
    "stage": "the stages of the work, total",
    "state": "closed, open, half_open",
    "status": "COMPLETE, PARTIAL",
    "success": "true, false",
    "tenant": "the first STREAMPROC_TELEMETRY__TENANTS tenants, other; unknown: the event was not read",
    "test": "errors, latency, fall, rise",
    "topic": "the topics of the settings",
    "verdict": "same, different",
    "why": "silent, unready, model, errors, outlier",
}
"""The values that a label can have: few, and none that an event chooses.

An id in a label makes a series of its own for each event, which no store of metrics survives.
"""

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# Objectives stand at 200 ms, 5 s and 60 s: a share of a histogram is exact at its bounds alone.
_TOTAL_MS = (10.0, 25.0, 50.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0, 60_000.0)
_AGES = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 1_800.0, 21_600.0)


METRICS = {
    "streamproc_results": Metric("counter", "", ("status",), "Results, by status."),
    "streamproc_dead_letters": Metric("counter", "", ("code", "stage"), "Dead letters, by code and stage."),
    "streamproc_corrections": Metric(
        "counter",
        "",
        ("outcome",),
        "Teachers' corrections that were read: applied to progress; unchanged, as the word has that verdict; not_kept, "
        "as the reading is none of the learner's last ones; refused, with a letter.",
    ),
    "streamproc_transient_failures": Metric(
        "counter", "", ("code", "stage"), "Failed attempts that are tried again, by code and stage."
    ),
    "streamproc_fatal_failures": Metric(
        "counter",
        "",
        ("code", "stage"),
        "Failures that stop the worker, by code and stage. Those of the start come before /metrics is there, and stand "
        "in the log alone.",
    ),
    "streamproc_phrase_failures": Metric(
        "counter", "", ("code", "stage"), "Phrases of results that could not be scored, by code and stage."
    ),
    "streamproc_activity_success": Metric(
        "counter",
        "",
        ("success", "tenant"),
        "Activities that have an outcome: a result (success is true) or a dead letter. The first so many tenants have "
        "their own name, further ones are other; unknown: the event was not read.",
    ),
    "streamproc_activity_total_ms": Metric(
        "histogram",
        "ms",
        ("outcome", "audio"),
        "Time from an event's arrival at the agent to its outcome, retries and waiting for a dependency included, by "
        "outcome (COMPLETE, PARTIAL, dead_letter) and the length of its audio (up_to_5_s, longer; none: dead letters).",
        _TOTAL_MS,
    ),
    "streamproc_outcome_age": Metric(
        "histogram",
        "s",
        ("outcome",),
        "Time from an event's timestamp in Kafka to its outcome: what those who wait for it feel. The timestamp is the "
        "publisher's clock, so their skew adds to it; below 0 counts as 0.",
        _AGES,
    ),
    "streamproc_align_failure": Metric(
        "counter",
        "",
        ("code",),
        "Activities with a phrase that could not be aligned, by code: its reference is at fault, nothing to align was "
        "heard, or the judging fails.",
    ),
    "streamproc_in_flight": Metric("gauge", "", (), "Activities that are being worked on."),
    "streamproc_intake_paused": Metric(
        "gauge", "", ("reason",), "1 while no new activity is begun, by reason: a code, quarantine or stopping."
    ),
    "streamproc_stage_duration": Metric(
        "histogram", "s", ("stage",), "Time that an activity which became a result has spent in each stage.", _SECONDS
    ),
    "streamproc_inference_waiting": Metric(
        "gauge",
        "s",
        (),
        "Audio that waits in the worker for an inference endpoint with room; beyond two requests no new activity is "
        "begun.",
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
    "streamproc_endpoint_refusals": Metric(
        "counter", "", ("endpoint",), "Requests for which the queue of an inference endpoint was full: they go again."
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
    "streamproc_routed": Metric(
        "counter",
        "",
        ("part",),
        "Inferences by whose they are: the champion's, a canary's, or the champion's instead of a canary that failed.",
    ),
    "streamproc_comparisons": Metric(
        "counter",
        "",
        ("of", "end"),
        "Readings that a second model heard, for comparison alone, of those that were to be compared. Dropped: under "
        "load they are the first to go.",
    ),
    "streamproc_compared_words": Metric(
        "counter", "", ("of", "verdict"), "Words on which two models that heard the same reading agree, or not."
    ),
    "streamproc_canary_evidence": Metric(
        "gauge",
        "",
        ("test",),
        "How far this worker is from proving that the canary leaves its bounds: 1 rolls it back. 0: no canary.",
    ),
    "streamproc_canary_rollbacks": Metric(
        "counter",
        "",
        ("test",),
        "Canaries that this worker has proved to leave their bounds, by the first test that did.",
    ),
    "streamproc_drift_psi": Metric(
        "gauge",
        "",
        ("measure",),
        "Population stability index of what the champion has said today (UTC) on this worker, against the reference: "
        "from 0.1 on worth a look, from 0.25 on a shift. 0: no more than chance makes of so few readings, or no "
        "reference.",
    ),
    "streamproc_drift_ks": Metric(
        "gauge", "", ("measure",), "Kolmogorov-Smirnov distance of the same distributions, 0 to 1."
    ),
    "streamproc_control_revision": Metric(
        "gauge",
        "",
        (),
        "Offset of the last control event that counted, as this worker has read it; -1: none. Workers agree.",
    ),
    "streamproc_certificate_expiry": Metric(
        "gauge",
        "d",
        ("certificate", "endpoint"),
        "Time until a certificate expires, below 0 once it has: client, the worker's own for Triton, or server, that "
        "of an endpoint, as it was seen in the last minute.",
    ),
    "streamproc_telemetry_exports": Metric(
        "counter",
        "",
        ("success",),
        "Times that metrics were sent by OTLP or written for CloudWatch, or were not taken (success is false). There "
        "only with `STREAMPROC_TELEMETRY__OTLP_ENDPOINT` or `STREAMPROC_CLOUDWATCH__NAMESPACE`.",
    ),
    "streamproc_trace_spans": Metric(
        "counter",
        "",
        ("outcome",),
        "Spans that were sent, that the queue had no room for (dropped), and that the collector did not take (failed). "
        "There only with `STREAMPROC_TRACING__ENDPOINT`.",
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
    "streamproc_transport_unfinished": Metric(
        "gauge",
        "",
        ("topic", "partition"),
        "Records without a committed outcome, taken in or not: the backlog. Unlike a lag it leaves out what is done "
        "beyond the committed offset, and transaction markers once the worker has come to the log's end.",
    ),
    "streamproc_transport_oldest_age": Metric(
        "gauge",
        "s",
        ("topic", "partition"),
        "Age of the first of the records that are taken in and have no committed outcome, by its timestamp, the "
        "publisher's clock, so their skew adds to it; below 0 counts as 0. 0: there is none.",
    ),
    "streamproc_transport_gaps": Metric(
        "counter",
        "",
        ("topic", "partition"),
        "Offsets that hold no record and were passed over since the assignment: transaction markers, what was aborted "
        "or compacted away.",
    ),
    "streamproc_transport_metadata_size": Metric(
        "gauge",
        "",
        ("topic", "partition"),
        "Characters of the committed offset's metadata, which tells what is done beyond it. 4,000 fit; beyond that "
        "the partition takes nothing more in until its oldest event is done.",
    ),
    "streamproc_transport_rebalances": Metric(
        "counter",
        "",
        ("change",),
        "Rebalances in which partitions were gained, and those in which some were given_up.",
    ),
    "streamproc_transport_events": Metric(
        "counter", "", ("topic",), "Events whose outcome is committed, by the topic that they came from."
    ),
    "streamproc_transport_outcomes": Metric(
        "counter", "", ("topic",), "Records that are committed, by topic: each is counted once, whatever was tried."
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
    # Milliseconds stand in the name already: in braces, UCUM's annotation, no exporter adds them again.
    return name, "{ms}" if metric.unit == "ms" else metric.unit, metric.meaning


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
        unit = {"s": "seconds", "ms": "milliseconds", "d": "days"}.get(metric.unit, "")
        yield f"| `{exposed(name)}` | {metric.kind} | {unit} | {labels} | {metric.meaning} |"


if __name__ == "__main__":
    print(*table(), sep="\n")
