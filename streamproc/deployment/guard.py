"""Whether a release is to be taken back: an error budget that burns too fast since it came. Pure: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Literal

from streamproc.telemetry.alerting import burning

BURNS = frozenset(alert.name for alert in burning.alerts() if alert.severity == "page")
"""The alerts that take a release back: budgets that would be gone within days. A slow burn is for a person to weigh."""

BLIND_S = 300.0
"""Seconds without an answer of Prometheus after which nobody can say that a release is good."""

Verdict = Literal["watch", "good", "bad", "blind"]


@dataclass(slots=True)
class Guard:
    """Watches one release for ``watch_s`` seconds; all times are seconds of one monotonic clock.

    What fired already when it began to look is not this release's fault, until it has been over once: a release that
    mends something must not be taken back for what it mends.
    """

    watch_s: float
    began: float
    _old: frozenset[str] | None = None
    _seen: float = field(init=False)
    blamed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._seen = self.began

    def look(self, now: float, firing: Set[str] | None) -> Verdict:
        """What to do, by the names of the alerts that fire now; None: Prometheus has not answered."""
        if firing is None:
            return "blind" if now - self._seen >= BLIND_S else "watch"
        self._seen = now
        burns = frozenset(firing & BURNS)
        self._old = burns if self._old is None else self._old & burns
        self.blamed = tuple(sorted(burns - self._old))
        if self.blamed:
            return "bad"
        return "good" if now - self.began >= self.watch_s else "watch"
