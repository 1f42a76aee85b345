"""Objectives name what is measured, and stand where a histogram is exact."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamproc.telemetry.catalogue import METRICS
from streamproc.telemetry.objectives import Objective, objectives, table

REFERENCE = Path(__file__).parents[3] / "docs/reference/metrics.md"


@pytest.mark.parametrize("objective", objectives(), ids=lambda objective: objective.name)
def test_it_names_an_existing_histogram_and_one_of_its_bounds(objective: Objective) -> None:
    metric = METRICS[objective.metric]
    assert metric.kind == "histogram"
    assert objective.within in metric.buckets
    assert set(objective.labels) <= set(metric.labels)
    assert 0 < objective.share < 1


def test_the_promises() -> None:
    assert {one.name: (one.share, one.within) for one in objectives()} == {
        "outcome": (0.999, 60),
        "freshness": (0.95, 5),
        "latency": (0.99, 200),
    }
    assert [one.budget for one in objectives()] == [0.001, 0.05, 0.01]


def test_it_is_asked_for_in_prometheus() -> None:
    outcome, _, latency = objectives()
    assert outcome.missed("5m") == (
        '1 - sum(rate(streamproc_outcome_age_seconds_bucket{le="60.0"}[5m]))'
        " / sum(rate(streamproc_outcome_age_seconds_count[5m]))"
    )
    assert latency.good("1h") == ('sum(rate(streamproc_activity_total_ms_bucket{audio="up_to_5_s",le="200.0"}[1h]))')


def test_the_reference_has_them() -> None:
    assert "\n".join(table()) in REFERENCE.read_text("utf-8"), (
        "put what python -m streamproc.telemetry.objectives prints into docs/reference/metrics.md"
    )
