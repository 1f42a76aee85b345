"""Netflix's Gradient2 limit, with its defaults, for comparison.

After ``Gradient2Limit`` and ``WindowedLimit`` of Netflix's concurrency-limits (Java): once a second the mean latency of
the last second is compared with an exponential average over 600 of them; the limit is multiplied by one and a half
times their ratio (1/2 to 1), 4 are added, and a fifth of the change is made.
"""

from __future__ import annotations

from collections.abc import Callable

from streamproc.inference.limiter import Ended

WINDOW_S = 1.0
WINDOW_ANSWERS = 10
LONG_WINDOW, WARM_UP = 600, 10
QUEUE = 4
TOLERANCE = 1.5
SMOOTHING = 0.2
LEAST, MOST, START = 20, 200, 20


class Gradient2:
    """In requests, whatever their length."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.limit = float(START)
        self._in_flight = 0
        self._next = clock() + WINDOW_S
        self._sum, self._count, self._most_in_flight = 0.0, 0, 0
        self._long, self._windows = 0.0, 0

    def admits(self, seconds: float) -> bool:
        return self._in_flight < int(self.limit)

    def began(self, seconds: float) -> None:
        self._in_flight += 1

    def ended(self, seconds: float, latency: float, outcome: Ended) -> None:
        in_flight = self._in_flight
        self._in_flight -= 1
        if outcome is not Ended.ANSWERED:
            return
        self._sum += latency
        self._count += 1
        self._most_in_flight = max(self._most_in_flight, in_flight)
        if (now := self._clock()) <= self._next:
            return
        self._next = now + WINDOW_S
        if self._count >= WINDOW_ANSWERS:
            self._update(self._sum / self._count, self._most_in_flight)
        self._sum, self._count, self._most_in_flight = 0.0, 0, 0

    def _update(self, short: float, in_flight: int) -> None:
        self._windows += 1
        # The first windows are averaged, the later ones decay.
        weight = 1 / self._windows if self._windows <= WARM_UP else 2 / (LONG_WINDOW + 1)
        self._long += (short - self._long) * weight
        long = self._long
        if long / short > 2:
            self._long *= 0.95
        if in_flight < self.limit / 2:
            return
        gradient = max(0.5, min(1.0, TOLERANCE * long / short))
        wanted = self.limit * gradient + QUEUE
        self.limit = max(LEAST, min(MOST, self.limit * (1 - SMOOTHING) + wanted * SMOOTHING))
