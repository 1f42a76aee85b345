"""Alarms for stores of metrics that know no PromQL: what ``alarms.toml`` says, checked against the metrics."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from streamproc.telemetry.catalogue import METRICS
from streamproc.telemetry.objectives import objectives

_FILE = Path(__file__).with_name("alarms.toml")

_STATISTICS = {"counter": ("Sum",), "gauge": ("Maximum", "Minimum"), "histogram": ()}


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm; the file explains the entries."""

    name: str
    meaning: str
    metric: str
    statistic: str
    comparison: Literal["above", "below"]
    threshold: float
    period: int
    periods: int
    silence: str
    urgency: str
    where: Mapping[str, str] = field(default_factory=dict)


@cache
def alarms() -> tuple[Alarm, ...]:
    """All of them, in the file's order.

    Raises:
        ValueError: one names no metric, a label that it has not, or a statistic that says nothing about it.
    """
    return tuple(_alarm(name, row) for name, row in tomllib.loads(_FILE.read_text("utf-8")).items())


def _alarm(name: str, row: dict[str, Any]) -> Alarm:
    objective = row.pop("above_objective", None)
    if objective is not None:
        row["above"] = next(one.within for one in objectives() if one.name == objective)
    comparison: Literal["above", "below"] = "above" if "above" in row else "below"
    alarm = Alarm(name=name, comparison=comparison, threshold=row.pop(comparison), **row)
    metric = METRICS.get(alarm.metric)
    if metric is None:
        raise ValueError(f"alarms.toml: [{name}]: {alarm.metric} is no metric")
    if alarm.statistic not in _STATISTICS[metric.kind]:
        raise ValueError(f"alarms.toml: [{name}]: {alarm.statistic} says nothing about a {metric.kind}")
    if unknown := alarm.where.keys() - set(metric.labels):
        raise ValueError(f"alarms.toml: [{name}]: {alarm.metric} has no label {', '.join(sorted(unknown))}")
    return alarm
