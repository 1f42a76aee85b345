"""What a server takes for a request when it has no other: probed for, where it does not tell.

After Envoy's adaptive concurrency filter: now and then a few requests are sent one by one, and what they take is taken
for the time without a queue. Requests differ in length, so it is fitted as a constant and a part for each second of
audio. Other workers do not pause for a probe: many of them at one server that tells nothing see each other's queue as
its normal time, and only the limit's upper bound holds them. Triton tells.
"""

from __future__ import annotations

from collections.abc import Callable

from streamproc.inference.fitting import DecayedLine

EVERY = 30.0
"""Seconds between two probes, at least …"""

SHARE = 50.0
"""… and so many times as long as the last one took: probes take two hundredths of the time."""

REQUESTS = 3
"""Requests of one probe."""

KEPT = 0.7
"""What a probe leaves of the weight of the ones before."""

UNTOLD = 5.0
"""Seconds from an answer after which a server that has told nothing is probed: one that was asked for nothing has
nothing to tell."""


class Unloaded:
    """Answers since the last account, and what they would have taken without a queue.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._silent_since: float | None = None
        """When it answered for the first time since it last told something."""
        self.probing = False
        """Whether a request may begin only where no other is in flight."""
        self._left = 0
        self._alone = False
        self._began = 0.0
        self._next = clock()
        self._line = DecayedLine()
        self._reset()

    def told(self) -> None:
        """The server has told it itself: there is nothing to probe for."""
        self._silent_since = None
        self.probing = False
        self._reset()

    @property
    def untold(self) -> bool:
        """Whether the server answers, and tells nothing."""
        return self._silent_since is not None and self._clock() - self._silent_since >= UNTOLD

    def began(self, requests: int) -> None:
        """One more request is in flight: so many now."""
        if not self.probing and self.untold and self._clock() >= self._next:
            self.probing, self._left = True, REQUESTS
            self._line.forget(KEPT)
        self._alone = requests == 1
        if self.probing and self._left == REQUESTS:
            self._began = self._clock()

    def answered(self, seconds: float, latency: float) -> None:
        """One request was answered: so many seconds of audio, so long after it began."""
        if self._silent_since is None:
            self._silent_since = self._clock()
        if not self.untold:
            return
        if not self.probing:
            if not self._line.weight:
                return  # nothing to compare it with, until the first probe
            self.answers += 1
            self._seconds += seconds
            self._latency += latency
        elif self._alone:
            self._line.add(seconds, latency)
            self._left -= 1
            if not self._left:
                self.probing = False
                now = self._clock()
                self._next = now + max(EVERY, SHARE * (now - self._began))
                self._reset()

    def account(self) -> tuple[float, float]:
        """Mean seconds of queueing and of computing of the answers since the last account, of which there are some."""
        computed = max(self._fitted(self._seconds / self.answers), 1e-6)
        queued = max(self._latency / self.answers - computed, 0.0)
        self._reset()
        return queued, computed

    def _fitted(self, seconds: float) -> float:
        line = self._line
        x, y = line.mean
        # Where all have had one length, or chance has it that longer ones took less: no part for the length, or all.
        slope = min(max(line.slope, 0.0), y / x) if line.variance > 1e-3 * x * x else 0.0
        return y + slope * (seconds - x)

    def _reset(self) -> None:
        self.answers = 0
        """Since the last account, those of probes aside."""
        self._seconds = self._latency = 0.0
