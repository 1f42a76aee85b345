"""A worker's life in its log, a line for each step: assigned, ready, stopped; pauses are told by the agent."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping

import structlog
from faust.types import TP

log = structlog.get_logger(__name__)

SETTLE_S = 3.0
"""A member that joins is told first that it has nothing: what it is to have, others must give up before. That takes a
heartbeat and a drain; where nothing comes for so long, there are no more partitions than other members."""


class Lifecycle:
    """Tells what happens to a worker, and knows whether it has joined its group."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._partitions: set[TP] = set()
        self._joined_at = math.inf

    @property
    def joined(self) -> bool:
        """Whether the group has ever let it in, with or without partitions."""
        return self._joined_at < math.inf

    @property
    def settled(self) -> bool:
        """Whether it has its share of the partitions, which may be none. A roll-out must not end another worker before:
        partitions that are on their way to this one would have to wait for that too."""
        return self.joined and (bool(self._partitions) or self._clock() - self._joined_at >= SETTLE_S)

    def assigned(self, partitions: Collection[TP]) -> None:
        """These are its partitions from now on, and no others."""
        now = set(partitions)
        if now != self._partitions:
            log.info(
                "assigned",
                partitions=_named(now),
                gained=len(now - self._partitions),
                lost=len(self._partitions - now),
            )
        self._partitions = now

    def ready(self) -> None:
        """It has joined its group and reads."""
        if not self.joined:
            self._joined_at = self._clock()
            log.info("ready", seconds=self._seconds())

    def stopped(self, *, events: int, written: Mapping[str, int], transactions: Mapping[str, int]) -> None:
        """It has ended its work.

        Args:
            events: committed ones.
            written: what they became, results and dead letters, and how many of each were committed.
            transactions: how they ended, and how many.
        """
        log.info("stopped", seconds=self._seconds(), events=events, **dict(written), transactions=dict(transactions))

    def _seconds(self) -> float:
        return round(self._clock() - self._began, 1)


def _named(partitions: Collection[TP]) -> list[str]:
    return [f"{topic}[{partition}]" for topic, partition in sorted(partitions)]
