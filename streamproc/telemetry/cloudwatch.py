"""CloudWatch's embedded metric format: metrics as lines of JSON on standard output, where a log agent picks them up.

Source: "Specification: Embedded metric format", Amazon CloudWatch User Guide. What it allows bounds what is written: at
most 30 dimensions of 1 to 1,024 characters, at most 100 metrics in a line. CloudWatch adds up what it gets, so counters
and histograms are what came since the last time; of a histogram the count, the sum and the largest value are written,
and for each objective how many activities met it, exactly.
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from queue import Full, Queue
from typing import Any

from opentelemetry.sdk.metrics import Counter, Histogram, ObservableCounter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    HistogramDataPoint,
    MetricExporter,
    MetricExportResult,
    MetricsData,
)

from streamproc.telemetry.catalogue import METRICS
from streamproc.telemetry.objectives import Objective, objectives

DELTAS: dict[type, AggregationTemporality] = dict.fromkeys(
    (Counter, ObservableCounter, Histogram), AggregationTemporality.DELTA
)
"""For the reader whose numbers are written."""

MOST_METRICS = 100
MOST_DIMENSIONS = 30
MOST_CHARACTERS = 1024
MOST_LINES = 1_000
"""In one export: more sets of labels than that are left out, and told."""

_UNITS = {"s": "Seconds", "ms": "Milliseconds", "d": "None", "": "Count"}

Values = dict[str, tuple[float, str]]
"""Metric -> its value and CloudWatch's name of its unit."""


def lines(
    data: MetricsData, namespace: str, service: str, now_ms: int, most: int = MOST_LINES
) -> tuple[list[str], int]:
    """The lines of one export, and how many are left out because they would be more than ``most``.

    Args:
        data: with DELTAS.
        namespace: where CloudWatch shows them.
        service: a dimension of all of them.
        now_ms: milliseconds since 1970.
    """
    found = list(_lines(_by_dimensions(data, service), namespace, now_ms))
    return found[:most], max(0, len(found) - most)


def _by_dimensions(data: MetricsData, service: str) -> dict[tuple[tuple[str, str], ...], Values]:
    """Set of dimensions -> its metrics; what has not changed is left out, and what is no number."""
    found: dict[tuple[tuple[str, str], ...], Values] = defaultdict(dict)
    own = ("service", service[:MOST_CHARACTERS])
    for name, point in _points(data):
        metric = METRICS[name]
        unit = _UNITS[metric.unit]
        # A dimension without a value is none.
        labels = [(key, str(value)[:MOST_CHARACTERS]) for key, value in point.attributes.items() if str(value)]
        values = found[(own, *sorted(labels)[: MOST_DIMENSIONS - 1])]
        if isinstance(point, HistogramDataPoint):
            if point.count:
                values[f"{name}_count"] = float(point.count), "Count"
                values[f"{name}_sum"] = float(point.sum), unit
                values[f"{name}_max"] = float(point.max), unit
        elif metric.kind != "counter" or point.value:
            values[name] = float(point.value), unit
    for one in objectives():
        good, total = _met(data, one)
        if total:
            found[(own,)] |= {
                f"streamproc_objective_{one.name}_good": (good, "Count"),
                f"streamproc_objective_{one.name}_total": (total, "Count"),
            }
    return found


def _points(data: MetricsData) -> Iterator[tuple[str, Any]]:
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                if metric.name in METRICS:
                    for point in metric.data.data_points:
                        yield metric.name, point


def _met(data: MetricsData, one: Objective) -> tuple[float, float]:
    """How many activities met an objective since the last time, of how many."""
    good = total = 0
    for name, point in _points(data):
        if name == one.metric and one.labels.items() <= dict(point.attributes).items():
            within = sum(bound <= one.within for bound in point.explicit_bounds)
            good += sum(point.bucket_counts[:within])
            total += point.count
    return float(good), float(total)


def _lines(found: Mapping[tuple[tuple[str, str], ...], Values], namespace: str, now_ms: int) -> Iterator[str]:
    for dimensions, values in found.items():
        finite = [(name, value, unit) for name, (value, unit) in values.items() if math.isfinite(value)]
        for begin in range(0, len(finite), MOST_METRICS):
            some = finite[begin : begin + MOST_METRICS]
            directive = {
                "Namespace": namespace,
                "Dimensions": [[key for key, _ in dimensions]],
                "Metrics": [{"Name": name, "Unit": unit} for name, _, unit in some],
            }
            yield json.dumps(
                {
                    "_aws": {"Timestamp": now_ms, "CloudWatchMetrics": [directive]},
                    **dict(dimensions),
                    **{name: value for name, value, _ in some},
                }
            )


class EmbeddedMetrics(MetricExporter):
    """Writes them from a thread that nobody waits for: where nobody reads, an export is refused, and that is counted.

    Args:
        namespace: CloudWatch's.
        service: this service's name.
        descriptor: where to, standard output.
        clock: seconds since 1970.
    """

    def __init__(
        self, namespace: str, service: str, descriptor: int = 1, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(preferred_temporality=DELTAS)
        self._namespace = namespace
        self._service = service
        self._descriptor = descriptor
        self._clock = clock
        self._waiting: Queue[bytes] = Queue(1)
        # A daemon: a worker ends though its standard output is read by nobody.
        threading.Thread(target=self._write, name="embedded-metrics", daemon=True).start()

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: Any) -> MetricExportResult:
        """Hand the lines over; FAILURE where the last ones are not written yet, or there are too many."""
        written, left_out = lines(metrics_data, self._namespace, self._service, round(self._clock() * 1000))
        try:
            self._waiting.put_nowait("".join(f"{line}\n" for line in written).encode())
        except Full:
            return MetricExportResult.FAILURE
        return MetricExportResult.FAILURE if left_out else MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Wait until what was handed over is written."""
        deadline = time.monotonic() + timeout_millis / 1000
        while self._waiting.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.01)
        return not self._waiting.unfinished_tasks

    def shutdown(self, timeout_millis: float = 1_000, **_: Any) -> None:
        """Wait for the last lines, a moment."""
        self.force_flush(timeout_millis)

    def _write(self) -> None:
        while True:
            rest = memoryview(self._waiting.get())
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError:
                pass  # A closed output: readings are scored all the same.
            finally:
                self._waiting.task_done()
