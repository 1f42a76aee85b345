"""Which share of all activities a worker consumes: its partitions, of those that the topic has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from streamproc.errors import StreamprocError
from streamproc.kafka import topics
from streamproc.settings import Settings

log = structlog.get_logger(__name__)


class PartitionShare:
    """The share, from 0 to 1.

    Args:
        settings: the topic, and where it is.
        owned: how many of its partitions this worker has now.
    """

    def __init__(self, settings: Settings, owned: Callable[[], int]) -> None:
        self._settings = settings
        self._owned = owned
        self._partitions = 1

    def __call__(self) -> float:
        """As of now; of a topic that was counted last before it grew, too large for a moment."""
        owned = self._owned()
        return owned / max(self._partitions, owned, 1)

    async def count(self) -> None:
        """Ask how many partitions there are.

        Raises:
            StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED.
        """
        there = await asyncio.to_thread(topics.existing, self._settings)
        self._partitions = there.get(self._settings.kafka.activity_topic, self._partitions)

    async def count_again(self) -> None:
        """The same after a rebalance: a topic that grows brings one about. Where Kafka fails, the old count stands."""
        try:
            await self.count()
        except StreamprocError as error:
            log.warning("the partitions of activities cannot be counted for now", code=error.code.name)
