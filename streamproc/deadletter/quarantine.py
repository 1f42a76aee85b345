"""The quarantine switch: many deaths of one cause mean a bad deploy rather than bad events."""

from __future__ import annotations

from collections import Counter, deque


class Quarantine:
    """Watches the fingerprints of a topic's last outcomes.

    Args:
        percent: trips when more than this share of the window died with one fingerprint; 100 never trips.
        events: the window. A window that is not full yet counts as if the rest were results.
    """

    def __init__(self, percent: float, events: int) -> None:
        self._limit = events * percent / 100
        self._window: deque[str | None] = deque(maxlen=events)
        self._counts: Counter[str] = Counter()
        self.tripped: str | None = None
        """The fingerprint that tripped it; stays until the worker ends."""

    def record(self, fingerprint: str | None) -> bool:
        """Note an outcome: a dead letter's fingerprint, or None for a result. True when this one trips the switch."""
        if len(self._window) == self._window.maxlen:
            oldest = self._window[0]
            if oldest is not None:
                self._counts[oldest] -= 1
                if not self._counts[oldest]:
                    del self._counts[oldest]
        self._window.append(fingerprint)
        if fingerprint is None:
            return False
        self._counts[fingerprint] += 1
        if self.tripped is not None or self._counts[fingerprint] <= self._limit:
            return False
        self.tripped = fingerprint
        return True
