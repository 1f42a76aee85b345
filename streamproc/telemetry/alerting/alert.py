"""What an alert and a recorded series are, and how their times shrink in a drill."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["page", "ticket"]
"""page: a person acts now, at any hour; ticket: in working hours. docs/runbooks/README.md has the matrix."""

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Scale:
    """Divides every window and every wait of the rules, so that a drill of an hour takes half a minute.

    Promises stay as they are: a histogram has its bounds, and an age is an age.
    """

    divisor: float = 1.0

    def __call__(self, period: str) -> str:
        """A period such as 5m, in Prometheus' words."""
        found = re.fullmatch(r"(\d+)([smhd])", period)
        if found is None:
            raise ValueError(f"{period!r} is no period such as 5m")
        if self.divisor == 1:
            return period
        return f"{max(1, round(int(found[1]) * _SECONDS[found[2]] * 1000 / self.divisor))}ms"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert.

    expression: PromQL, of the scale. hold: for how long it must be true. runbook: its page in docs/runbooks.
    """

    name: str
    severity: Severity
    expression: Callable[[Scale], str]
    hold: str
    summary: str
    runbook: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordedSeries:
    """One series that is recorded: its name, PromQL, and labels."""

    name: str
    expression: str
    labels: Mapping[str, str]
