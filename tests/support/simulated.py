"""Time that passes when a test says so."""

from __future__ import annotations


class Clock:
    """What stands in for ``time.monotonic``."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
