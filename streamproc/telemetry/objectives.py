"""Service level objectives: what is promised, how it is asked for in Prometheus, and what may fail meanwhile.

``python -m streamproc.telemetry.objectives`` prints the table of docs/reference/metrics.md.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from streamproc.telemetry.catalogue import exposed

_FILE = Path(__file__).with_name("objectives.toml")


@dataclass(frozen=True, slots=True)
class Objective:
    """A share of the values of a histogram that are at most ``within``, over ``days``."""

    name: str
    meaning: str
    metric: str
    within: float
    share: float
    days: int
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def budget(self) -> float:
        """The share that may miss it: the error budget."""
        return round(1 - self.share, 9)

    def good(self, period: str) -> str:
        """PromQL: how many met it in each second of a period such as 5m, of all workers."""
        return self._rate("bucket", period, {**self.labels, "le": str(float(self.within))})

    def total(self, period: str) -> str:
        """PromQL: how many there were in each second."""
        return self._rate("count", period, self.labels)

    def missed(self, period: str) -> str:
        """PromQL: the share that missed it; divided by the budget, how fast that burns. No data without activities."""
        return f"1 - {self.good(period)} / {self.total(period)}"

    def missed_in(self, period: str) -> str:
        """PromQL: how many missed it in a period."""
        rates = f"{self.total(period)} - {self.good(period)}"
        return rates.replace("rate(", "increase(")

    def _rate(self, part: str, period: str, labels: Mapping[str, str]) -> str:
        chosen = ",".join(f'{label}="{value}"' for label, value in labels.items())
        series = f"{exposed(self.metric)}_{part}" + (f"{{{chosen}}}" if chosen else "")
        return f"sum(rate({series}[{period}]))"


@cache
def objectives() -> tuple[Objective, ...]:
    """All of them."""
    return tuple(Objective(**row) for row in tomllib.loads(_FILE.read_text("utf-8"))["objective"])


def table() -> Iterator[str]:
    """The reference's lines, in Markdown."""
    yield "| Objective | Share | Meaning | Error budget |"
    yield "| --- | --- | --- | --- |"
    for one in objectives():
        budget = f"{round(one.budget * 1_000_000):,} of a million in {one.days} days"
        yield f"| `{one.name}` | {one.share * 100:g} % | {one.meaning} | {budget} |"


if __name__ == "__main__":
    print(*table(), sep="\n")
