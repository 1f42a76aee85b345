"""Kafka, as the demonstration uses it: activities out, and every outcome that a read_committed reader sees."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from streamproc.client import ActivityPublisher
from streamproc.client.operating import connection_of, login_of
from streamproc.contracts.codec import ResultDecoder
from streamproc.contracts.generated.events import Activity, Result, SourcePosition
from streamproc.contracts.majors import V1
from streamproc.contracts.registry import Registry
from streamproc.deadletter.envelope import source_of, split_headers
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.reading import TopicReader
from streamproc.settings import Settings
from streamproc.transport.headers import headers_of

TIMEOUT = 30.0
"""Seconds for what Kafka should answer at once."""


@dataclass(frozen=True, slots=True)
class ActivityOutcome:
    """What became of an activity: a result, or the code of its dead letter; with the record's timestamp (ms).

    ``first``: of an activity that came before, where it did, as its letter says: topic/partition/offset.
    """

    source: SourcePosition
    timestamp: int
    result: Result | None
    error_code: str | None = None
    first: str | None = None


def publish(settings: Settings, activities: Sequence[Activity]) -> list[SourcePosition]:
    """Publish activities with the client that upstream teams use; their positions, in the order given.

    Raises:
        StreamprocError: as `streamproc.client.ActivityPublisher`.
    """
    connection = connection_of(settings)
    with ActivityPublisher(connection, source="/streamproc/demo", topic=settings.kafka.activity_topic) as publisher:
        # The first one alone: the others do not wait for the connection, as in a service that publishes all day.
        first = publisher.send(activities[0]).result(TIMEOUT)
        rest = [publisher.send(activity) for activity in activities[1:]]
        receipts = [first, *(future.result(TIMEOUT) for future in rest)]
    return [SourcePosition(topic=r.topic, partition=r.partition, offset=r.offset) for r in receipts]


class OutcomeReader:
    """Reads what is committed to the result and the dead letter topic after this reader was made.

    It reads the activity topic too, for the records' timestamps. It belongs to no consumer group: it commits
    nothing and disturbs nobody.
    """

    def __init__(self, settings: Settings) -> None:
        kafka = settings.kafka
        self._settings = settings
        self.activity_timestamps: dict[SourcePosition, int] = {}
        """Position of each activity that was read -> its timestamp (milliseconds since 1970)."""
        self._consumer = Consumer(
            login_of(settings)
            | {
                "bootstrap.servers": kafka.bootstrap_servers,
                "group.id": f"streamproc-demo-{uuid.uuid4()}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )
        self._read_to = self._ends()
        self._consumer.assign([TopicPartition(*place, offset) for place, offset in self._read_to.items()])
        # The registry's client lives in one event loop.
        self._loop = asyncio.Runner()
        self._registry = Registry(settings.registry)
        self._results = ResultDecoder(self._registry, kafka.result_topic, V1)

    def poll(self, timeout: float) -> ActivityOutcome | None:
        """The next outcome; None when there is none within ``timeout`` seconds.

        Raises:
            StreamprocError: KAFKA_UNAVAILABLE; or a result cannot be decoded, as
                `streamproc.contracts.codec.Decoder.decode`.
        """
        message = self._consumer.poll(timeout)
        if message is None:
            return None
        position = _position(message)
        error = message.error()
        if error is None:
            self._read_to[position.topic, position.partition] = position.offset + 1
            if position.topic == self._settings.kafka.activity_topic:
                self.activity_timestamps[position] = message.timestamp()[1]
                return None
            return self._decode(message)
        if error.code() != KafkaError._PARTITION_EOF:
            raise StreamprocError(ErrorCode.KAFKA_UNAVAILABLE, error.str())
        # Transaction markers have offsets too, but are no records.
        self._read_to[position.topic, position.partition] = position.offset
        return None

    def rest(self) -> Iterator[ActivityOutcome]:
        """Every outcome that is committed by now and was not read yet.

        Raises:
            StreamprocError: KAFKA_UNAVAILABLE when the end is not reached; otherwise as ``poll``.
        """
        ends = self._ends()
        deadline = time.monotonic() + TIMEOUT
        while any(self._read_to[place] < end for place, end in ends.items()):
            if time.monotonic() > deadline:
                raise StreamprocError(ErrorCode.KAFKA_UNAVAILABLE, f"outcomes cannot be read within {TIMEOUT:g} s")
            if (outcome := self.poll(0.1)) is not None:
                yield outcome

    def close(self) -> None:
        """Close the connections."""
        self._loop.run(self._registry.close())
        self._loop.close()
        self._consumer.close()

    def _ends(self) -> dict[tuple[str, int], int]:
        kafka = self._settings.kafka
        with TopicReader(self._settings) as reader:
            return {
                (topic, span.partition): span.end or 0
                for topic in (kafka.activity_topic, kafka.result_topic, kafka.dead_letter_topic)
                for span in reader.bounds(topic)
            }

    def _decode(self, message: Message) -> ActivityOutcome | None:
        timestamp = message.timestamp()[1]
        if message.topic() == self._settings.kafka.dead_letter_topic:
            _, error = split_headers(headers_of(message))
            source = source_of(error)
            # What no worker has written is nobody's outcome.
            return (
                None
                if source is None
                else ActivityOutcome(source, timestamp, None, error.get("code"), error.get("first"))
            )
        value: Any = message.value()
        result = self._loop.run(self._results.decode(value))
        return ActivityOutcome(result.source, timestamp, result)


def _position(message: Message) -> SourcePosition:
    return SourcePosition(
        topic=str(message.topic()), partition=int(message.partition() or 0), offset=int(message.offset() or 0)
    )
