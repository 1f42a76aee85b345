"""A test's own topics on the shared Kafka: what goes in, and what came of each record."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from streamproc.contracts.generated.events import SourcePosition
from support.waiting import PATIENCE

Headers = list[tuple[str, bytes | None]]

PARTITIONS = 2
OUTCOME_SECONDS = 60.0 * PATIENCE


@dataclass(frozen=True, slots=True)
class Record:
    """A record's content."""

    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: the record as it lies in the topic, and its error headers by name, without their prefix."""

    record: Record
    error: dict[str, str]

    @property
    def source(self) -> tuple[int, int]:
        """Partition and offset of the activity."""
        return int(self.error["source.partition"]), int(self.error["source.offset"])


ERROR_PREFIX = "streamproc.error."


class TestTopics:
    """Topics with names of their own."""

    __test__ = False

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self.name = f"test-worker-{secrets.token_hex(4)}"
        self.activities = f"{self.name}.activity"
        self.results = f"{self.name}.result"
        self.letters = f"{self.name}.activity.dlq"
        self.control = f"{self.name}.control"
        self._producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 2_000_000})

    @property
    def bootstrap(self) -> str:
        """The Kafka that they are on."""
        return self._bootstrap

    @property
    def settings(self) -> dict[str, str]:
        """The settings that name them."""
        return {
            "STREAMPROC_KAFKA__BOOTSTRAP_SERVERS": self._bootstrap,
            "STREAMPROC_KAFKA__GROUP_ID": self.name,
            "STREAMPROC_KAFKA__ACTIVITY_TOPIC": self.activities,
            "STREAMPROC_KAFKA__RESULT_TOPIC": self.results,
            "STREAMPROC_KAFKA__DEAD_LETTER_TOPIC": self.letters,
            "STREAMPROC_KAFKA__CONTROL_TOPIC": self.control,
            "STREAMPROC_KAFKA__PARTITIONS": str(PARTITIONS),
        }

    def publish(self, records: Iterable[Record]) -> list[SourcePosition]:
        """Write activities; their places, in order."""
        written: list[Any] = []

        def delivered(error: Any, message: Any) -> None:
            assert error is None, error
            written.append(message)

        positions = []
        for record in records:
            headers: Any = record.headers
            self._producer.produce(
                self.activities, value=record.value, key=record.key, headers=headers, on_delivery=delivered
            )
            assert self._producer.flush(30) == 0
            message = written.pop()
            positions.append(
                SourcePosition(topic=message.topic(), partition=message.partition(), offset=message.offset())
            )
        return positions

    def write(self, topic: str, values: Iterable[bytes]) -> None:
        """Write values to another topic than the activities', as nobody of ours would."""
        for value in values:
            self._producer.produce(topic, value=value)
        assert self._producer.flush(30) == 0

    def read(
        self,
        topic: str,
        count: int,
        seconds: float = OUTCOME_SECONDS,
        wanted: Callable[[Record], bool] = lambda _: True,
    ) -> list[Record]:
        """The wanted committed records of a topic: as soon as there are ``count``, else those of ``seconds``."""
        consumer = Consumer(
            {"bootstrap.servers": self._bootstrap, "group.id": f"{self.name}-reader", "enable.auto.commit": False}
        )
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
        records: list[Record] = []
        deadline = time.monotonic() + seconds
        try:
            while len(records) < count and time.monotonic() < deadline:
                message = consumer.poll(0.2)
                if message is not None:
                    assert message.error() is None, message.error()
                    record = Record(message.key(), message.value(), _pairs(message.headers()))
                    if wanted(record):
                        records.append(record)
        finally:
            consumer.close()
        return records

    def read_letters(self, count: int) -> list[Letter]:
        """All dead letters."""
        return [_letter(record) for record in self.read(self.letters, count)]

    def stand_at_the_end(self) -> None:
        """Have workers that have not begun yet begin with what comes from now on."""
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": self.name})
        try:
            places = [TopicPartition(self.activities, partition) for partition in range(PARTITIONS)]
            for place in places:
                place.offset = consumer.get_watermark_offsets(place, timeout=10)[1]
            consumer.commit(offsets=places, asynchronous=False)
        finally:
            consumer.close()

    def committed(self) -> dict[int, int]:
        """The workers' committed offset in each partition that has one."""
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": self.name})
        try:
            asked = [TopicPartition(self.activities, partition) for partition in range(PARTITIONS)]
            found: Sequence[TopicPartition] = consumer.committed(asked, timeout=10)
        finally:
            consumer.close()
        return {place.partition: place.offset for place in found if place.offset >= 0}


def _letter(record: Record) -> Letter:
    error = {
        name.removeprefix(ERROR_PREFIX): value.decode()
        for name, value in record.headers
        if name.startswith(ERROR_PREFIX) and value is not None
    }
    return Letter(record, error)


def _pairs(headers: Any) -> Headers:
    return list(headers or ())
