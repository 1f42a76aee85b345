"""The worker's metrics, by OpenTelemetry, in Prometheus' format under /metrics.

Everything that can be known beforehand is there as 0 from the start: an alarm on a series that is not there yet never
rings, and the first increase of one that appears with it is not seen. `catalogue.METRICS` says what each means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Meter, Observation, get_meter_provider, set_meter_provider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from streamproc.contracts.generated.events import Result, ResultStatus
from streamproc.errors import ErrorClass, ErrorCode
from streamproc.telemetry.catalogue import named
from streamproc.transport.surface.monitor import TransportState

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

Rows = Iterable[tuple[float, dict[str, Any]]]


class Metrics:
    """Every instrument, by the name that operators see.

    Args:
        driver: the driver's numbers as of now; asked at every scrape.
        certificates: of each: "client" or "server", the endpoint, days until it expires; asked at every scrape.
    """

    def __init__(
        self,
        driver: Callable[[], TransportState],
        certificates: Callable[[], Iterable[tuple[str, str, float]]] = tuple,
    ) -> None:
        meter = get_meter_provider().get_meter("streamproc")
        self._driver = driver
        self._certificates = certificates
        self._results = meter.create_counter(*named("streamproc_results"))
        self._letters = meter.create_counter(*named("streamproc_dead_letters"))
        self._failures = meter.create_counter(*named("streamproc_transient_failures"))
        self._in_flight = meter.create_up_down_counter(*named("streamproc_in_flight"))
        self._paused = meter.create_up_down_counter(*named("streamproc_intake_paused"))
        self._stage = meter.create_histogram(*named("streamproc_stage_duration"))
        for status in ResultStatus:
            self._results.add(0, {"status": status.value})
        for code in ErrorCode:
            if code.error_class is ErrorClass.POISON:
                self._letters.add(0, _of(code))
            elif code.error_class is ErrorClass.TRANSIENT:
                self._failures.add(0, _of(code))
                self._paused.add(0, {"reason": code.name})
        self._in_flight.add(0)
        for reason in ("quarantine", "stopping"):
            self._paused.add(0, {"reason": reason})
        self._observe_driver(meter)

    def _observe_driver(self, meter: Meter) -> None:
        def observed(rows: Callable[[TransportState], Rows]) -> Callable[[CallbackOptions], Iterable[Observation]]:
            return lambda _: [Observation(number, labels) for number, labels in rows(self._driver())]

        def by_partition(name: str) -> Callable[[TransportState], Rows]:
            return lambda state: (
                (number, {"topic": topic, "partition": str(partition)})
                for (topic, partition), number in getattr(state, name).items()
            )

        gauges: dict[str, Callable[[TransportState], Rows]] = {
            "streamproc_transport_partitions": lambda state: [(len(state.in_flight), {})],
            "streamproc_transport_paused_partitions": lambda state: [(len(state.paused), {})],
            "streamproc_transport_in_flight": by_partition("in_flight"),
            "streamproc_transport_lag": by_partition("lag"),
        }
        for name, rows in gauges.items():
            name, unit, meaning = named(name)
            meter.create_observable_gauge(name, [observed(rows)], unit, meaning)
        name, unit, meaning = named("streamproc_certificate_expiry")
        meter.create_observable_gauge(name, [self._observe_certificates], unit, meaning)
        name, unit, meaning = named("streamproc_transport_transactions")
        meter.create_observable_counter(name, [observed(_transactions)], unit, meaning)

    def _observe_certificates(self, _: CallbackOptions) -> Iterable[Observation]:
        for certificate, endpoint, days in self._certificates():
            yield Observation(days, {"certificate": certificate, "endpoint": endpoint})

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

    def failed(self, code: ErrorCode) -> None:
        """A step failed and is tried again."""
        self._failures.add(1, _of(code))

    def intake(self, reason: str, closed: bool) -> None:
        """The worker stops to begin new activities for a reason, or that reason is gone."""
        self._paused.add(1 if closed else -1, {"reason": reason})


def _of(code: ErrorCode) -> dict[str, str]:
    return {"code": code.name, "stage": code.stage.value}


def _transactions(state: TransportState) -> Rows:
    """By how they ended, and the aborted ones by Kafka's name of the reason."""
    for outcome in ("committed", "aborted", "refused", "in_doubt"):
        known = state.aborted if outcome == "aborted" else {}
        for reason, count in known.items():
            yield count, {"outcome": outcome, "reason": reason}
        yield state.transactions[outcome] - sum(known.values()), {"outcome": outcome, "reason": ""}


def configure() -> None:
    """Install the meter provider; once in a process."""
    durations = View(
        instrument_name="streamproc_stage_duration", aggregation=ExplicitBucketHistogramAggregation(_SECONDS)
    )
    # Scope labels would stand on every series and tell nothing apart.
    reader = PrometheusMetricReader(scope_info_enabled=False)
    set_meter_provider(MeterProvider(metric_readers=[reader], resource=_resource(), views=[durations]))


def _resource() -> Resource:
    """What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say of this service; without them its name is streamproc."""
    found = Resource.create()
    if str(found.attributes[SERVICE_NAME]).startswith("unknown_service"):
        found = found.merge(Resource({SERVICE_NAME: "streamproc"}))
    return found


def exposition() -> tuple[bytes, str]:
    """All metrics in Prometheus' text format, and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
