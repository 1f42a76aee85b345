"""What the dashboard shows: its rows, their panels, and each panel's questions to Prometheus."""

from __future__ import annotations

from dataclasses import dataclass

from streamproc.contracts.synthetic import TENANT
from streamproc.telemetry.alerting.burning import BURNS, RATIO, REMAINING
from streamproc.telemetry.catalogue import METRICS, exposed
from streamproc.telemetry.objectives import Objective, objectives

WINDOW = "$__rate_interval"
"""Grafana's own: four scrapes at least, more where a pixel stands for more."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel: its title, what it tells, its unit in Grafana's names, and query -> legend."""

    title: str
    tells: str
    unit: str
    queries: dict[str, str]


def rows() -> dict[str, tuple[Panel, ...]]:
    """Row -> its panels."""
    return {
        "Objectives": (*_budgets(), *(_burns(one) for one in objectives())),
        "Work": _WORK,
        "Inference": _INFERENCE,
        "Models": _MODELS,
        "Kafka": _KAFKA,
        "Workers": _WORKERS,
    }


def _budgets() -> tuple[Panel, ...]:
    days = {one.days for one in objectives()}
    return tuple(
        Panel(
            f"Error budget left, {number} days",
            "The share of the error budget of each objective that is left; below 0 it is overdrawn.",
            "percentunit",
            {f"{REMAINING}{number}d": "{{objective}}"},
        )
        for number in sorted(days)
    )


def _burns(one: Objective) -> Panel:
    windows = dict.fromkeys(window for burn in reversed(BURNS) for window in (burn.long, burn.short))
    return Panel(
        f"Burn rate: {one.name}",
        f"How many times as fast as it may the budget burns. Promised is, for {one.share * 100:g} %: {one.meaning}.",
        "none",
        {f'{RATIO}{window}{{objective="{one.name}"}} / {one.budget:g}': window for window in windows},
    )


def _rate(name: str, *by: str, chosen: str = "") -> str:
    grouped = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouped} (rate({exposed(name)}{chosen}[{WINDOW}]))"


def _of(name: str, title: str, by: str, unit: str = "none", how: str = "sum") -> Panel:
    """A panel of one gauge."""
    return Panel(title, METRICS[name].meaning, unit, {f"{how} by ({by}) ({exposed(name)})": f"{{{{{by}}}}}"})


def _counted(name: str, title: str, by: str, unit: str = "cps") -> Panel:
    """A panel of one counter."""
    return Panel(title, METRICS[name].meaning, unit, {_rate(name, by): f"{{{{{by}}}}}"})


def _percentiles(name: str, title: str, unit: str, *by: str) -> Panel:
    groups = ", ".join(("le", *by))
    legend = " ".join(f"{{{{{label}}}}}" for label in by)
    buckets = f"sum by ({groups}) (rate({exposed(name)}_bucket[{WINDOW}]))"
    return Panel(
        title,
        METRICS[name].meaning,
        unit,
        {f"histogram_quantile({share / 100:g}, {buckets})": f"p{share} {legend}".strip() for share in (50, 95, 99)},
    )


_WORK = (
    Panel(
        "Outcomes",
        "Results by status, and dead letters; synthetic activities too.",
        "cps",
        {
            _rate("streamproc_results", "status"): "{{status}}",
            _rate("streamproc_dead_letters"): "dead letters",
        },
    ),
    Panel(
        "Activities by tenant",
        "Activities that have an outcome, those of our own synthetic tenant left out.",
        "cps",
        {_rate("streamproc_activity_success", "tenant", chosen=f'{{tenant!="{TENANT}"}}'): "{{tenant}}"},
    ),
    Panel(
        "Share of results",
        "Activities that became a result, of all that have an outcome.",
        "percentunit",
        {
            _rate("streamproc_activity_success", chosen='{success="true"}')
            + " / "
            + _rate("streamproc_activity_success"): "results"
        },
    ),
    _percentiles("streamproc_outcome_age", "Age at the outcome", "s"),
    _percentiles("streamproc_activity_total_ms", "Time of scoring", "ms", "audio"),
    _percentiles("streamproc_stage_duration", "Time of each stage", "s", "stage"),
    _of("streamproc_transport_unfinished", "Backlog", "partition"),
    _of("streamproc_transport_oldest_age", "Age of the oldest activity without an outcome", "partition", "s", "max"),
    Panel(
        "In flight",
        "Activities that are worked on, and events that are taken in and not committed.",
        "none",
        {
            f"sum({exposed('streamproc_in_flight')})": "worked on",
            f"sum({exposed('streamproc_transport_in_flight')})": "not committed",
        },
    ),
    _of("streamproc_intake_paused", "Paused, by reason", "reason", how="max"),
    _counted("streamproc_dead_letters", "Dead letters, by code", "code"),
    _counted("streamproc_transient_failures", "Attempts that failed and are made again, by code", "code"),
    _counted("streamproc_phrase_failures", "Phrases that could not be scored, by code", "code"),
    _counted("streamproc_align_failure", "Activities that could not be aligned, by code", "code"),
    _counted("streamproc_fatal_failures", "Failures that stop a worker, by code", "code"),
)

_INFERENCE = (
    _of("streamproc_endpoint_usable", "Endpoints in use", "endpoint", how="min"),
    Panel(
        "Circuit breakers",
        METRICS["streamproc_endpoint_breaker"].meaning,
        "none",
        {f"max by (endpoint, state) ({exposed('streamproc_endpoint_breaker')})": "{{endpoint}} {{state}}"},
    ),
    Panel(
        "Audio at the endpoints, and their limits",
        "Seconds of audio that each endpoint works on, and may work on, for all workers together.",
        "s",
        {
            f"sum by (endpoint) ({exposed('streamproc_endpoint_outstanding')})": "{{endpoint}}",
            f"sum by (endpoint) ({exposed('streamproc_endpoint_limit')})": "{{endpoint}}: limit",
        },
    ),
    _counted("streamproc_endpoint_refusals", "Full queues", "endpoint"),
    _counted("streamproc_endpoint_ejections", "Endpoints that went out of use, by why", "why"),
    Panel(
        "Waiting for an endpoint",
        METRICS["streamproc_inference_waiting"].meaning,
        "s",
        {f"sum({exposed('streamproc_inference_waiting')})": "audio"},
    ),
    Panel(
        "Fallback",
        METRICS["streamproc_fallback_active"].meaning,
        "none",
        {f"sum({exposed('streamproc_fallback_active')})": "workers that score on their CPU"},
    ),
    Panel(
        "Certificates",
        METRICS["streamproc_certificate_expiry"].meaning,
        "d",
        {
            f"min by (certificate, endpoint) ({exposed('streamproc_certificate_expiry')})": (
                "{{certificate}} {{endpoint}}"
            )
        },
    ),
)

_MODELS = (
    _counted("streamproc_routed", "Who scored", "part"),
    _of("streamproc_canary_evidence", "Evidence against the canary; 1 rolls it back", "test", how="max"),
    _counted("streamproc_canary_rollbacks", "Canaries rolled back", "test"),
    Panel(
        "Comparisons",
        METRICS["streamproc_comparisons"].meaning,
        "cps",
        {_rate("streamproc_comparisons", "of", "end"): "{{of}} {{end}}"},
    ),
    Panel(
        "Words on which two models differ",
        METRICS["streamproc_compared_words"].meaning,
        "percentunit",
        {
            _rate("streamproc_compared_words", "of", chosen='{verdict="different"}')
            + " / "
            + _rate("streamproc_compared_words", "of"): "{{of}}"
        },
    ),
    _of("streamproc_drift_psi", "Drift from the reference: population stability index", "measure", how="max"),
    _of("streamproc_drift_ks", "Drift from the reference: Kolmogorov-Smirnov distance", "measure", how="max"),
    Panel(
        "Revision of the control topic",
        METRICS["streamproc_control_revision"].meaning,
        "none",
        {
            f"max({exposed('streamproc_control_revision')})": "newest",
            f"min({exposed('streamproc_control_revision')})": "oldest",
        },
    ),
)

_KAFKA = (
    Panel(
        "Transactions",
        METRICS["streamproc_transport_transactions"].meaning,
        "cps",
        {_rate("streamproc_transport_transactions", "outcome", "reason"): "{{outcome}} {{reason}}"},
    ),
    _counted("streamproc_transport_events", "Events with a committed outcome", "topic"),
    _counted("streamproc_transport_outcomes", "Records written", "topic"),
    _counted("streamproc_transport_rebalances", "Rebalances", "change"),
    Panel(
        "Partitions",
        "Partitions that workers read, and those of them that nothing is fetched from.",
        "none",
        {
            f"sum({exposed('streamproc_transport_partitions')})": "read",
            f"sum({exposed('streamproc_transport_paused_partitions')})": "paused",
        },
    ),
    _of("streamproc_transport_metadata_size", "Characters of the committed offset's metadata", "partition", how="max"),
    _of("streamproc_transport_lag", "Offsets to the log's end (no backlog: see its description)", "partition"),
    _counted("streamproc_transport_gaps", "Offsets that hold no record", "topic"),
)

_A_WORKER = exposed("streamproc_in_flight")

_WORKERS = (
    Panel(
        "Cores in use",
        "Of each worker.",
        "none",
        {f"rate(process_cpu_seconds_total[{WINDOW}]) and on (instance) {_A_WORKER}": "{{instance}}"},
    ),
    Panel(
        "Memory",
        "Of each worker, resident.",
        "bytes",
        {f"process_resident_memory_bytes and on (instance) {_A_WORKER}": "{{instance}}"},
    ),
    _counted("streamproc_telemetry_exports", "Metrics sent by OTLP", "success"),
    _counted("streamproc_trace_spans", "Spans, by what became of them", "outcome"),
)
