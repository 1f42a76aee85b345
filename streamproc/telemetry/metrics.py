"""The worker's metrics, by OpenTelemetry, in Prometheus' format under /metrics.

Everything that can be known beforehand is there as 0 from the start: an alarm on a series that is not there yet never
rings, and the first increase of one that appears with it is not seen. `catalogue.METRICS` says what each means.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import KafkaError
from opentelemetry import metrics as api
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Meter, Observation, get_meter_provider, set_meter_provider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from streamproc.contracts.generated.events import Result, ResultStatus
from streamproc.errors import NOT_FAILED, ErrorClass, ErrorCode, Stage
from streamproc.telemetry.catalogue import METRICS, named
from streamproc.telemetry.resource import resource
from streamproc.telemetry.tenants import UNKNOWN, Tenants
from streamproc.transport.codes import FENCED_PRODUCER
from streamproc.transport.surface.monitor import TransportState

STAGES = ("decode", "audio", "wait", "inference", "score", "total")

FENCED = tuple(sorted(KafkaError(code).name() for code in FENCED_PRODUCER))
"""Kafka's names for what becomes of a transaction of a producer that another has replaced."""

_ALIGNING = {Stage.REFERENCE, Stage.SCORE}
_SHORT_MS = 5_000

Rows = Iterable[tuple[float, dict[str, Any]]]


class Metrics:
    """Every instrument, by the name that operators see.

    Args:
        driver: the driver's numbers as of now; asked at every scrape.
        certificates: of each: "client" or "server", the endpoint, days until it expires; asked at every scrape.
        tenants: how many of them have their own name as a label.
        clock: seconds since 1970.
        provider: whose meter it is; the process' own by default.
    """

    def __init__(
        self,
        driver: Callable[[], TransportState],
        certificates: Callable[[], Iterable[tuple[str, str, float]]] = tuple,
        tenants: int = 0,
        clock: Callable[[], float] = time.time,
        provider: api.MeterProvider | None = None,
    ) -> None:
        meter = (provider or get_meter_provider()).get_meter("streamproc")
        self._driver = driver
        self._certificates = certificates
        self._tenants = Tenants(tenants)
        self._clock = clock
        self.noted: list[Callable[[Result], None]] = []
        """Called with each result too."""
        self._results = meter.create_counter(*named("streamproc_results"))
        self._letters = meter.create_counter(*named("streamproc_dead_letters"))
        self._corrections = meter.create_counter(*named("streamproc_corrections"))
        self._failures = meter.create_counter(*named("streamproc_transient_failures"))
        self._fatal = meter.create_counter(*named("streamproc_fatal_failures"))
        self._phrases = meter.create_counter(*named("streamproc_phrase_failures"))
        self._success = meter.create_counter(*named("streamproc_activity_success"))
        self._total = meter.create_histogram(*named("streamproc_activity_total_ms"))
        self._age = meter.create_histogram(*named("streamproc_outcome_age"))
        self._unaligned = meter.create_counter(*named("streamproc_align_failure"))
        self._in_flight = meter.create_up_down_counter(*named("streamproc_in_flight"))
        self._paused = meter.create_up_down_counter(*named("streamproc_intake_paused"))
        self._stage = meter.create_histogram(*named("streamproc_stage_duration"))
        for outcome in ("applied", "unchanged", "not_kept", "refused"):
            self._corrections.add(0, {"outcome": outcome})
        for status in ResultStatus:
            self._results.add(0, {"status": status.value})
        for code in ErrorCode:
            if code.error_class is ErrorClass.POISON:
                self._letters.add(0, _of(code))
                self._phrases.add(0, _of(code))
                if code.stage in _ALIGNING:
                    self._unaligned.add(0, {"code": code.name})
            elif code.error_class is ErrorClass.TRANSIENT:
                self._failures.add(0, _of(code))
                self._paused.add(0, {"reason": code.name})
            else:
                self._fatal.add(0, _of(code))
        for success in ("true", "false"):
            self._success.add(0, {"success": success, "tenant": UNKNOWN})
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

        def ages(state: TransportState) -> Rows:
            now = self._clock()
            for tp in state.unfinished:
                age = max(0.0, now - state.oldest_ms[tp] / 1000) if tp in state.oldest_ms else 0.0
                yield age, {"topic": tp.topic, "partition": str(tp.partition)}

        def by_topic(name: str) -> Callable[[TransportState], Rows]:
            return lambda state: ((number, {"topic": topic}) for topic, number in getattr(state, name).items())

        gauges: dict[str, Callable[[TransportState], Rows]] = {
            "streamproc_transport_partitions": lambda state: [(len(state.in_flight), {})],
            "streamproc_transport_paused_partitions": lambda state: [(len(state.paused), {})],
            "streamproc_transport_in_flight": by_partition("in_flight"),
            "streamproc_transport_lag": by_partition("lag"),
            "streamproc_transport_unfinished": by_partition("unfinished"),
            "streamproc_transport_oldest_age": ages,
            "streamproc_transport_metadata_size": by_partition("metadata_size"),
        }
        counters: dict[str, Callable[[TransportState], Rows]] = {
            "streamproc_transport_gaps": by_partition("gaps"),
            "streamproc_transport_rebalances": lambda state: [
                (state.rebalances[change], {"change": change}) for change in ("gained", "given_up")
            ],
            "streamproc_transport_events": by_topic("events"),
            "streamproc_transport_outcomes": by_topic("outcomes"),
            "streamproc_transport_transactions": _transactions,
        }
        for name, rows in gauges.items():
            name, unit, meaning = named(name)
            meter.create_observable_gauge(name, [observed(rows)], unit, meaning)
        name, unit, meaning = named("streamproc_certificate_expiry")
        meter.create_observable_gauge(name, [self._observe_certificates], unit, meaning)
        for name, rows in counters.items():
            name, unit, meaning = named(name)
            meter.create_observable_counter(name, [observed(rows)], unit, meaning)

    def _observe_certificates(self, _: CallbackOptions) -> Iterable[Observation]:
        for certificate, endpoint, days in self._certificates():
            yield Observation(days, {"certificate": certificate, "endpoint": endpoint})

    def started(self) -> None:
        """An activity is being worked on."""
        self._in_flight.add(1)

    def finished(self) -> None:
        """An activity has its outcome, or was given up."""
        self._in_flight.add(-1)

    def result(self, result: Result, published_ms: int | None) -> None:
        """An activity became a result.

        Args:
            result: what it became.
            published_ms: the record's timestamp, in milliseconds since 1970; None: it has none.
        """
        for noted in self.noted:
            noted(result)
        outcome = result.status.value
        self._results.add(1, {"status": outcome})
        for stage in STAGES:
            self._stage.record(getattr(result.timings, f"{stage}_ms") / 1000, {"stage": stage})
        for phrase in result.phrases:
            if phrase.error_code is not None:
                self._phrases.add(1, _of(ErrorCode[phrase.error_code]))
        for code in {phrase.error_code for phrase in result.phrases} - {None}:
            self._aligned_not(ErrorCode[str(code)])
        audio = "up_to_5_s" if result.audio_ms <= _SHORT_MS else "longer"
        self._total.record(result.timings.total_ms, {"outcome": outcome, "audio": audio})
        self._ended(outcome, result.tenant, published_ms)

    def dead_letter(self, code: ErrorCode, tenant: str | None, seconds: float, published_ms: int | None) -> None:
        """An activity became a dead letter.

        Args:
            code: what ended it.
            tenant: whose it is; None: it was not read.
            seconds: since its arrival.
            published_ms: as for a result.
        """
        self._letters.add(1, _of(code))
        self._aligned_not(code)
        self._total.record(seconds * 1000, {"outcome": "dead_letter", "audio": "none"})
        self._ended("dead_letter", tenant, published_ms, failed=code not in NOT_FAILED)

    def _ended(self, outcome: str, tenant: str | None, published_ms: int | None, *, failed: bool = False) -> None:
        if failed or outcome != "dead_letter":
            success = "false" if failed else "true"
            self._success.add(1, {"success": success, "tenant": self._tenants.label(tenant)})
        if published_ms is not None:
            self._age.record(max(0.0, self._clock() - published_ms / 1000), {"outcome": outcome})

    def _aligned_not(self, code: ErrorCode) -> None:
        if code.stage in _ALIGNING:
            self._unaligned.add(1, {"code": code.name})

    def stops(self, code: ErrorCode) -> None:
        """The worker stops because of this."""
        self._fatal.add(1, _of(code))

    def correction(self, outcome: str) -> None:
        """A correction was read: applied, unchanged, not_kept or refused."""
        self._corrections.add(1, {"outcome": outcome})

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
        known = {**dict.fromkeys(FENCED, 0), **state.aborted} if outcome == "aborted" else {}
        for reason, count in known.items():
            yield count, {"outcome": outcome, "reason": reason}
        yield state.transactions[outcome] - sum(known.values()), {"outcome": outcome, "reason": ""}


def configure(*readers: MetricReader, environment: str = "") -> None:
    """Install the meter provider; once in a process. ``readers``: beside Prometheus'."""
    views = [
        View(instrument_name=name, aggregation=ExplicitBucketHistogramAggregation(metric.buckets))
        for name, metric in METRICS.items()
        if metric.buckets
    ]
    # Scope labels would stand on every series and tell nothing apart.
    reader = PrometheusMetricReader(scope_info_enabled=False)
    set_meter_provider(MeterProvider(metric_readers=[reader, *readers], resource=resource(environment), views=views))


def exposition() -> tuple[bytes, str]:
    """All metrics in Prometheus' text format, and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
