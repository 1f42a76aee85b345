"""Outlier ejection: an endpoint that fails far more often than the others, though not every time.

A breaker opens after failures in a row; a server that fails every third call has none. After Envoy's outlier detection
by failure percentage.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

K = TypeVar("K", bound=Hashable)

WINDOW_S = 10.0
"""Seconds that are looked back upon at most; at least half of them."""

FEWEST = 10
"""An endpoint with fewer calls in the window is not judged, nor is another by it: that would be chance."""

SHARE = 0.2
"""At least this share of an outlier's calls fails …"""

TIMES = 3.0
"""… and at least so many times the share of the best."""


class CallTally:
    """How the calls of the last seconds ended: two counts that are in use by turns, so that old ones go."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._half = 0
        self._now = [0, 0]
        self._before = [0, 0]

    def noted(self, *, failed: bool) -> None:
        """A call has ended."""
        self._turn()
        self._now[0] += 1
        self._now[1] += failed

    def clear(self) -> None:
        """What was does not count any more."""
        self._now, self._before = [0, 0], [0, 0]

    @property
    def calls(self) -> int:
        """All of them."""
        self._turn()
        return self._now[0] + self._before[0]

    @property
    def failures(self) -> int:
        """Those that failed."""
        self._turn()
        return self._now[1] + self._before[1]

    def _turn(self) -> None:
        half = int(self._clock() / (WINDOW_S / 2))
        if half != self._half:
            self._before = self._now if half == self._half + 1 else [0, 0]
            self._now = [0, 0]
            self._half = half


def outlier(tallies: Mapping[K, CallTally]) -> K | None:
    """The endpoint that fails far more often than the best, of those that are in use; None where there is none.

    With fewer than two there is nobody to compare with; where all fail alike, none is to blame.
    """
    shares = {name: tally.failures / calls for name, tally in tallies.items() if (calls := tally.calls) >= FEWEST}
    if len(shares) < 2:
        return None
    worst = max(shares, key=lambda name: shares[name])
    return worst if shares[worst] >= max(SHARE, TIMES * min(shares.values())) else None
