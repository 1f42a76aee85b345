"""A read_committed reader that judges: what is missing, what is there twice, what is out of order."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from support.waiting import PATIENCE


@dataclass(frozen=True)
class Judgement:
    """How outcomes compare with the events."""

    missing: int
    duplicated: int
    reordered: int


PERFECT = Judgement(0, 0, 0)


class Judge:
    """Reads a topic as downstream does, read_committed, from its start."""

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        *,
        partitions: int = 6,
        forget: bool = False,
        isolation: str = "read_committed",
    ) -> None:
        """``forget``: only count. ``isolation``: read_uncommitted shows what aborted transactions held, too."""
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"judge-{uuid.uuid4()}",
                "isolation.level": isolation,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "log_level": 0,
                "auto.offset.reset": "earliest",
            }
        )
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
        self._partitions = partitions
        self._forget = forget
        self.count = 0
        self.seen: Counter[int] = Counter()
        self.first_seen: dict[int, float] = {}
        self.timestamps: dict[int, float] = {}
        self.reordered = 0
        self._last: dict[bytes, int] = {}
        self._at_end: set[int] = set()

    def read(self, seconds: float) -> None:
        """Read for so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            for message in self._consumer.consume(1000, min(left, 0.2)):
                self._take(message)

    def read_next(self, seconds: float) -> None:
        """Take a record as soon as it is there, waiting so long for it."""
        message = self._consumer.poll(seconds)
        if message is not None:
            self._take(message)

    def number(self, message: Any) -> int:
        """The number of the event whose outcome this is."""
        return int(message.value())

    def _take(self, message: Any) -> None:
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                self._at_end.add(message.partition())
            return
        self._at_end.discard(message.partition())
        if self._forget:
            self.count += 1
            return
        key, value = message.key(), self.number(message)
        self.seen[value] += 1
        self.first_seen.setdefault(value, time.time())
        self.timestamps.setdefault(value, message.timestamp()[1] / 1000)
        if self._last.get(key, -1) > value:
            self.reordered += 1
        self._last[key] = value

    def wait_for(self, count: int, timeout: float, alive: Callable[[], None] = lambda: None) -> None:
        """Read until so many distinct values were seen; ``alive`` may raise when waiting is useless."""
        deadline = time.monotonic() + timeout * PATIENCE
        while (found := self.count or len(self.seen)) < count:
            alive()
            assert time.monotonic() < deadline, f"{found} of {count} outcomes after {timeout * PATIENCE:g} s"
            self.read(0.2)

    def judge(self, values: Iterable[int]) -> Judgement:
        """Read to the end, and a little longer: duplicates come late."""
        self.read(2.0)
        self._at_end.clear()
        expected = set(values)
        missing = len(expected - self.seen.keys())
        extra = sum(count for value, count in self.seen.items() if value not in expected)
        repeated = sum(count - 1 for count in self.seen.values())
        return Judgement(missing, repeated + extra, self.reordered)

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()
