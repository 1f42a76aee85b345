"""Error budgets: how fast they burn is recorded, and told when they would be gone too soon.

Several windows, several rates, after "Alerting on SLOs" of Google's SRE workbook: the long window says that it is worth
a call, the short one that it still goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from streamproc.telemetry.alerting.alert import Alert, RecordedSeries, Scale, Severity
from streamproc.telemetry.objectives import Objective, objectives

RATIO = "objective:streamproc_missed:ratio_rate"
"""The share of activities that missed an objective; the window follows."""
NUMBER = "objective:streamproc_missed:increase"
"""How many they were; the window follows."""
REMAINING = "objective:streamproc_budget:remaining"
"""The share of the error budget that is left, below 0 once it is overdrawn."""

FEWEST = 3
"""So many activities must have missed it: where few come, a single one would be a large share of them."""


@dataclass(frozen=True, slots=True)
class Burn:
    """A rate, in budgets a period, over a long and a short window."""

    name: str
    rate: float
    long: str
    short: str
    severity: Severity


BURNS = (
    Burn("Fast", 14.4, "1h", "5m", "page"),
    Burn("Medium", 6, "6h", "30m", "page"),
    Burn("Slow", 1, "3d", "6h", "ticket"),
)
WINDOWS = tuple(dict.fromkeys(window for burn in BURNS for window in (burn.short, burn.long)))


def recordings(scale: Scale) -> Iterator[RecordedSeries]:
    """What every evaluation records."""
    for one in objectives():
        labels = {"objective": one.name}
        for window in WINDOWS:
            yield RecordedSeries(f"{RATIO}{window}", one.missed(scale(window)), labels)
        for burn in BURNS:
            yield RecordedSeries(f"{NUMBER}{burn.long}", one.missed_in(scale(burn.long)), labels)


def budgets(scale: Scale) -> Iterator[RecordedSeries]:
    """What is recorded now and then, for it looks back over weeks."""
    for one in objectives():
        period = f"{one.days}d"
        expression = f"1 - ({one.missed(scale(period))}) / {one.budget:g}"
        yield RecordedSeries(f"{REMAINING}{period}", expression, {"objective": one.name})


def alerts() -> Iterator[Alert]:
    """For each objective, one a rate."""
    for one in objectives():
        for burn in BURNS:
            yield Alert(
                name=f"Streamproc{one.name.title()}Burn{burn.name}",
                severity=burn.severity,
                expression=_burning(one, burn),
                hold="0s",
                summary=f"The error budget of the objective {one.name} burns {burn.rate:g} times as fast as it may. "
                f"Promised is, for {one.share * 100:g} %: {one.meaning}.",
                runbook=f"objective-{one.name}",
                labels={"objective": one.name},
            )


def _burning(one: Objective, burn: Burn) -> Callable[[Scale], str]:
    chosen = f'{{objective="{one.name}"}}'
    allowed = f"{burn.rate * one.budget:g}"
    # What is recorded has the windows in it: the scale has nothing left to do.
    return lambda _: (
        f"{RATIO}{burn.long}{chosen} > {allowed} and {RATIO}{burn.short}{chosen} > {allowed} "
        f"and {NUMBER}{burn.long}{chosen} >= {FEWEST - 0.5:g}"
    )
