"""A topic as downstream reads it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, TopicPartition


class CommittedTopic:
    """All that is committed in a topic, from its start."""

    def __init__(self, bootstrap: str, name: str, partitions: int, take: Callable[[Any], None]) -> None:
        config = {
            "bootstrap.servers": bootstrap,
            "group.id": f"judge-{uuid.uuid4()}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "log_level": 0,
            "auto.offset.reset": "earliest",
        }
        self._consumer = Consumer(config)
        self._consumer.assign([TopicPartition(name, number, 0) for number in range(partitions)])
        self._take = take
        self.count = 0

    def read(self, seconds: float) -> int:
        """What comes within so long. Returns how much that was."""
        found = self._consumer.consume(5_000, seconds)
        for message in found:
            assert message.error() is None, message.error()
            self.count += 1
            self._take(message)
        return len(found)

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()
