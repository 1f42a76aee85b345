"""CloudWatch's embedded metric format: lines keep the specification's rules, and a reader who stops holds nobody up."""

from __future__ import annotations

import json
import os
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExportResult
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View

from streamproc.telemetry.catalogue import METRICS, named
from streamproc.telemetry.cloudwatch import DELTAS, MOST_METRICS, EmbeddedMetrics, lines

UNITS = {
    *("Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits"),
    *("Kilobits", "Megabits", "Gigabits", "Terabits", "Percent", "Count", "None"),
}
"""Those of CloudWatch's MetricDatum that are no rates."""


class Meters:
    """Instruments of the catalogue on a provider of their own."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader(preferred_temporality=DELTAS)
        views = [
            View(instrument_name=name, aggregation=ExplicitBucketHistogramAggregation(metric.buckets))
            for name, metric in METRICS.items()
            if metric.buckets
        ]
        self.meter = MeterProvider([self.reader], views=views).get_meter("streamproc")
        self.results = self.meter.create_counter(*named("streamproc_results"))
        self.letters = self.meter.create_counter(*named("streamproc_dead_letters"))
        self.in_flight = self.meter.create_gauge(*named("streamproc_in_flight"))
        self.age = self.meter.create_histogram(*named("streamproc_outcome_age"))

    def lines(self, most: int = 1000) -> tuple[list[dict[str, Any]], int]:
        data = self.reader.get_metrics_data()
        assert data is not None
        found, left_out = lines(data, "streamproc", "scoring", 1_700_000_000_123, most)
        return [json.loads(line) for line in found], left_out


def check(line: dict[str, Any]) -> None:
    """The rules of the specification that can be broken."""
    assert "\n" not in json.dumps(line)
    assert len(json.dumps(line)) < 1 << 20
    metadata = line["_aws"]
    assert isinstance(metadata["Timestamp"], int)
    for directive in metadata["CloudWatchMetrics"]:
        assert 1 <= len(directive["Namespace"]) <= 1024
        for dimensions in directive["Dimensions"]:
            assert 0 < len(dimensions) <= 30
            assert len(set(dimensions)) == len(dimensions)
            for name in dimensions:
                assert 1 <= len(name) <= 250
                assert isinstance(line[name], str)
                assert 1 <= len(line[name]) <= 1024
        assert 1 <= len(directive["Metrics"]) <= 100
        for metric in directive["Metrics"]:
            assert metric["Unit"] in UNITS
            assert 1 <= len(metric["Name"]) <= 1024
            assert isinstance(line[metric["Name"]], int | float)


def test_a_line_for_each_set_of_labels_keeps_the_rules() -> None:
    meters = Meters()
    meters.results.add(3, {"status": "COMPLETE"})
    meters.letters.add(1, {"code": "AUDIO_EMPTY", "stage": ""})
    meters.in_flight.set(2)
    found, left_out = meters.lines()
    for line in found:
        check(line)
    assert left_out == 0
    by_dimensions = {tuple(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0]): line for line in found}
    assert by_dimensions["service", "status"]["streamproc_results"] == 3
    assert by_dimensions["service", "status"]["status"] == "COMPLETE"
    assert by_dimensions["service", "code"]["streamproc_dead_letters"] == 1, "an empty label is no dimension"
    assert by_dimensions["service",]["streamproc_in_flight"] == 2
    assert by_dimensions["service",]["service"] == "scoring"


def test_counters_are_what_came_since_the_last_time() -> None:
    meters = Meters()
    meters.results.add(3, {"status": "COMPLETE"})
    meters.in_flight.set(2)
    meters.lines()
    assert [line["streamproc_in_flight"] for line in meters.lines()[0]] == [2], "a gauge is what it is"
    meters.results.add(2, {"status": "COMPLETE"})
    assert {line.get("streamproc_results") for line in meters.lines()[0]} == {None, 2}


def test_a_histogram_has_count_sum_and_maximum_and_objectives_are_exact() -> None:
    meters = Meters()
    for age in (1.0, 5.0, 7.0, 61.0):
        meters.age.record(age, {"outcome": "COMPLETE"})
    meters.age.record(2.0, {"outcome": "dead_letter"})
    line, other, whole = meters.lines()[0]
    for one in (line, other, whole):
        check(one)
    assert {name: line[f"streamproc_outcome_age_{name}"] for name in ("count", "sum", "max")} == {
        "count": 4,
        "sum": 74,
        "max": 61,
    }
    assert whole["streamproc_objective_outcome_good"] == 4
    assert whole["streamproc_objective_outcome_total"] == 5
    assert whole["streamproc_objective_freshness_good"] == 3
    assert "streamproc_objective_latency_total" not in whole, "nothing was measured"


def test_values_without_end_and_long_ones_are_bounded() -> None:
    meters = Meters()
    meters.in_flight.set(float("nan"))
    for number in range(50):
        meters.results.add(1, {"status": f"{number:04}" + "x" * 2000})
    found, left_out = meters.lines(most=20)
    for line in found:
        check(line)
    assert (len(found), left_out) == (20, 30)
    assert MOST_METRICS == 100


def test_they_are_written_a_line_each() -> None:
    meters = Meters()
    reading, writing = os.pipe()
    exporter = EmbeddedMetrics("streamproc", "scoring", writing, clock=lambda: 12.5)
    meters.results.add(1, {"status": "COMPLETE"})
    data = meters.reader.get_metrics_data()
    assert data is not None
    assert exporter.export(data) is MetricExportResult.SUCCESS
    assert exporter.force_flush()
    (line,) = os.read(reading, 1 << 16).decode().splitlines()
    check(json.loads(line))
    assert json.loads(line)["_aws"]["Timestamp"] == 12_500


def test_where_nobody_reads_an_export_is_refused_and_nobody_waits() -> None:
    meters = Meters()
    _, writing = os.pipe()
    exporter = EmbeddedMetrics("streamproc", "scoring", writing)
    for number in range(900):
        meters.results.add(1, {"status": f"{number:04}" + "x" * 500})
    data = meters.reader.get_metrics_data()
    assert data is not None
    # The pipe takes 64 KiB: the first lines are under way for ever, the second ones wait, further ones are refused.
    results = [exporter.export(data) for _ in range(4)]
    assert results[0] is MetricExportResult.SUCCESS
    assert results[-1] is MetricExportResult.FAILURE
    exporter.shutdown(10)


def test_a_closed_output_ends_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    exporter = EmbeddedMetrics("streamproc", "scoring", writing)
    meters = Meters()
    for _ in range(3):
        meters.results.add(1, {"status": "COMPLETE"})
        data = meters.reader.get_metrics_data()
        assert data is not None
        assert exporter.export(data) is MetricExportResult.SUCCESS
        assert exporter.force_flush()
