"""Whether a worker with work in hand gets anywhere: from outside, one that hangs looks like one that is busy."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from streamproc.health.stacks import all_task_stacks

log = structlog.get_logger(__name__)

LOOK_S = 1.0
"""How often it is looked at."""


class Stall:
    """Time without a committed outcome, though events are in work and none of them waits for a dependency.

    Args:
        bound: seconds of this that are too many.
        stacks: where all tasks stand, told in the log once for each stall.
    """

    def __init__(
        self,
        bound: float,
        clock: Callable[[], float] = time.monotonic,
        stacks: Callable[[], str] = all_task_stacks,
    ) -> None:
        self._stacks = stacks
        self._bound = bound
        self._clock = clock
        self._since = clock()
        self._done = 0
        self._in_hand = 0

    @property
    def seconds(self) -> float | None:
        """How long nothing was committed; None while that is as it should be."""
        quiet = self._clock() - self._since
        return quiet if self._in_hand and quiet > self._bound else None

    def look(self, in_hand: int, done: int, *, waits: bool) -> None:
        """Take note of the events in flight, of a count that grows with each commit, and of events that are retried.

        Whoever waits for a dependency says so in other words: it is logged, and the intake is closed in the end.
        """
        was = self.seconds
        if waits or done != self._done or not in_hand:
            self._since = self._clock()
        self._done, self._in_hand = done, in_hand
        now = self.seconds
        if now is not None and was is None:
            log.error(
                "stalled: nothing is committed, /health/ready answers 503",
                in_flight=in_hand,
                seconds=round(now),
                stack=self._stacks(),
            )
        elif was is not None and now is None:
            log.warning("no longer stalled", in_flight=in_hand, seconds=round(was))
