"""How much audio one endpoint is given at once: as much as keeps it busy, and hardly more.

A consumer of Kafka always has more work waiting, so whatever the limit allows is used, for hours. Rules that compare
latency with its own long average (Netflix's Gradient2) drift upwards there: the average learns the queue as normal. So
this one goes by the truth: the server's own account of how long requests have queued and been computed; for a server
that gives none, the unloaded time is probed for now and then. docs/explanation/limiter.md tells how well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum

from streamproc.inference.fitting import DecayedLine, Sizes
from streamproc.inference.unloaded import Unloaded

LOW, WANTED, HIGH = 0.5, 0.75, 1.05
"""Queueing as a multiple of computing. Below LOW the server may run dry between two answers; above HIGH a request waits
longer than the one before it is computed, which adds latency and nothing to the throughput."""

GRACE = 0.005
"""Seconds of queueing for which no server is spared: a dynamic batcher holds requests as long (max_queue_delay) when it
is idle, and computing may take less than that."""

RAISE, CUT = 1.5, 0.5
"""Most and least that a step leaves of the limit: an idle server is filled in a few steps."""

BUSY_CUT = 0.7
"""What a full queue leaves of it."""

SHARE_UP, SHARE_DOWN = 0.05, 0.02
"""Within bounds a step adds so much of a request, or takes so much of the limit: of workers that share a server those
with little come up to those with much (Chiu and Jain, "Analysis of the increase and decrease algorithms for congestion
avoidance in computer networks", 1989)."""

BATCH_RAISE, BATCH_WANTED, BATCH_HOLD_S = 1.1, 0.9, 30.0
"""While larger batches are worth it: the step up; queueing over computing to go back to once they grow no more, nearly
one batch that waits; and seconds until it is tried again."""

BATCH_WORTH = 0.15
"""A batch of twice as many is worth it if it takes less than 2 ** (1 - BATCH_WORTH) times as long."""

BATCH_KEPT = 0.9
"""What a reading leaves of the weight of those before: batches are judged by the last ten or so."""

STEP_S, STEP_ANSWERS = 1.0, 5
"""Seconds and answers that a step is judged by, at least, where the server tells nothing."""


class Ended(Enum):
    """How a request ended, as the limit sees it."""

    ANSWERED = "answered"
    BUSY = "busy"
    """The server's queue is full: the limit shrinks."""
    FAILED = "failed"
    """It says nothing of the load."""


class Batches(Enum):
    """What a server that computes requests together has of it."""

    NONE = "none"
    """It computes them one by one."""
    WORTH = "worth"
    """Larger ones give more, or may: it is being tried."""
    USELESS = "useless"
    """Larger ones only take longer. Where they form the server does not run dry, however little requests wait."""


class Limiter:
    """The seconds of audio in flight at one endpoint. No I/O: it is tried in simulated time.

    Ask `admits` for the request that goes next and for no other until it has begun.

    Args:
        clock: seconds, monotonic.
        least, most: bounds of the limit in seconds of audio, ``least`` more than 0.
        start: where it begins.
    """

    def __init__(self, clock: Callable[[], float], *, least: float, most: float, start: float) -> None:
        if not 0 < least <= most:
            raise ValueError(f"the bounds of the limit are {least:g} and {most:g}")
        self._clock = clock
        self._least = least
        self.most = most
        """No request begins that would bring more in flight, but for one that is alone."""
        self.limit = min(max(start, least), most)
        """Seconds of audio; no request begins while so much is in flight."""
        self.in_flight = 0.0
        """Seconds of audio."""
        self._requests = 0
        self._peak = 0.0
        """Most that has been in flight since the last step: of a limit that is far away nothing is learnt."""
        self._held = False
        """Whether the limit has kept a request back since the last step: otherwise it says nothing about a higher
        one."""
        self._sizes = Sizes()
        self._latency = 0.1
        """Seconds that a request takes, queueing included."""
        self._stepped = clock()
        self._cut = -math.inf
        self._held_until = -math.inf
        self._batches = DecayedLine()
        """Logarithm of the computing time over that of the batch."""
        self._unloaded = Unloaded(clock)

    def admits(self, seconds: float) -> bool:
        """Whether a request of so much audio may begin now; always, where nothing is in flight.

        The last one may exceed the limit, but not ``most``: were a long one kept back until it fits, the server would
        have to run dry for it.
        """
        if not self._requests:
            return True
        if self._unloaded.probing:
            return False
        fits = self.in_flight < self.limit and self.in_flight + seconds <= self.most
        self._held |= not fits
        return fits

    def began(self, seconds: float) -> None:
        """A request is on its way; `ended` is called once for each."""
        self._requests += 1
        self.in_flight += seconds
        self._peak = max(self._peak, self.in_flight)
        self._unloaded.began(self._requests)

    def ended(self, seconds: float, latency: float, outcome: Ended) -> None:
        """It is over, ``latency`` seconds after it began."""
        self._requests -= 1
        # Nothing at all, not what is left of a sum of fractions.
        self.in_flight = self.in_flight - seconds if self._requests else 0.0
        if outcome is Ended.BUSY:
            self._refused()
        elif outcome is Ended.ANSWERED:
            self._sizes.add(seconds)
            self._unloaded.answered(seconds, latency)
            if self._unloaded.answers >= STEP_ANSWERS and self._clock() - self._stepped >= STEP_S:
                self._account(*self._unloaded.account(), Batches.NONE)

    def bound(self, most: float) -> None:
        """From now on no more than ``most`` seconds of audio, above 0, are in flight."""
        self._least = min(self._least, most)
        self.most = most
        self._set(self.limit)

    def served(self, queue_s: float, compute_s: float, batch: float = 1.0) -> None:
        """What the server says of the requests that it has answered since the last time, whoever sent them.

        Args:
            queue_s, compute_s: means of a request, in seconds.
            batch: requests that it computed together, on average.
        """
        self._unloaded.told()
        if compute_s > 0:
            self._batches.forget(BATCH_KEPT)
            self._batches.add(math.log(max(batch, 1.0)), math.log(compute_s))
            self._account(queue_s, compute_s, self._judge())

    def _judge(self) -> Batches:
        if self._batches.mean[0] < math.log(1.1):
            return Batches.NONE
        # None has differed enough to tell: to try larger ones tells.
        if self._batches.variance < 1e-3 or self._batches.slope < 1 - BATCH_WORTH:
            return Batches.WORTH
        return Batches.USELESS

    def _account(self, queue_s: float, compute_s: float, batches: Batches) -> None:
        now = self._clock()
        # A step is not judged by requests from before it: of those it has not let in the last is answered by then.
        if now - self._stepped < 2 * self._latency:
            self._latency = max(self._latency, queue_s + compute_s)
            return
        self._latency = queue_s + compute_s
        compute_s *= self._sizes.spread
        held, self._held = self._held, False
        peak, self._peak = self._peak, self.in_flight
        self._stepped = now

        def towards(wanted: float) -> float:
            """At a constant rate what is in flight is in proportion to the time that it takes (Little's law)."""
            factor = (compute_s + wanted * max(compute_s, GRACE)) / (compute_s + queue_s)
            return self.limit * min(max(factor, CUT), RAISE)

        ratio = queue_s / max(compute_s, GRACE)
        if peak < self.limit / 2:
            return
        if ratio > HIGH:
            self._held_until = now + BATCH_HOLD_S
            self._set(towards(BATCH_WANTED if batches is Batches.WORTH else WANTED))
        elif not held:
            return
        elif ratio < LOW and batches is not Batches.USELESS:
            self._set(towards(WANTED))
        elif batches is Batches.WORTH:
            if now >= self._held_until:
                self._set(self.limit * BATCH_RAISE)
        elif ratio > WANTED or batches is Batches.USELESS:
            self._set(self.limit * (1 - SHARE_DOWN))
        else:
            self._set(self.limit + SHARE_UP * self._sizes.mean)

    def _refused(self) -> None:
        # Requests that were on their way at the last cut do not cut again.
        if self._clock() - self._cut >= self._latency:
            self._cut = self._clock()
            self._set(self.limit * BUSY_CUT)

    def _set(self, limit: float) -> None:
        self.limit = min(max(limit, self._least), self.most)
