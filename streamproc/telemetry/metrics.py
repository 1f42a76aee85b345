"""The worker's metrics, by OpenTelemetry, in Prometheus' format under /metrics."""

from __future__ import annotations

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import get_meter_provider, set_meter_provider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from streamproc.contracts.events import Result

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Every instrument, by the name that operators see."""

    def __init__(self) -> None:
        meter = get_meter_provider().get_meter("streamproc")
        self._results = meter.create_counter("streamproc_results", description="Results, by status")
        self._letters = meter.create_counter("streamproc_dead_letters", description="Dead letters, by code and stage")
        self._in_flight = meter.create_up_down_counter(
            "streamproc_in_flight", description="Activities that are being worked on"
        )
        self._paused = meter.create_up_down_counter(
            "streamproc_intake_paused", description="1 while no new activity is begun, by reason"
        )
        self._stage = meter.create_histogram(
            "streamproc_stage_duration", unit="s", description="Time an activity spends in each stage"
        )

    def started(self) -> None:
        """An activity is being worked on."""
        self._in_flight.add(1)

    def finished(self) -> None:
        """An activity has its outcome, or was given up."""
        self._in_flight.add(-1)

    def result(self, result: Result) -> None:
        """An activity became a result."""
        self._results.add(1, {"status": result.status.value})
        for stage in ("decode", "audio", "wait", "inference", "score", "total"):
            self._stage.record(getattr(result.timings, f"{stage}_ms") / 1000, {"stage": stage})

    def dead_letter(self, code: str, stage: str) -> None:
        """An activity became a dead letter."""
        self._letters.add(1, {"code": code, "stage": stage})

    def intake(self, reason: str, closed: bool) -> None:
        """The worker stops to begin new activities for a reason, or that reason is gone."""
        self._paused.add(1 if closed else -1, {"reason": reason})


def configure() -> None:
    """Install the meter provider; once in a process."""
    durations = View(
        instrument_name="streamproc_stage_duration", aggregation=ExplicitBucketHistogramAggregation(_SECONDS)
    )
    set_meter_provider(MeterProvider(metric_readers=[PrometheusMetricReader()], views=[durations]))


def exposition() -> tuple[bytes, str]:
    """All metrics in Prometheus' text format, and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
