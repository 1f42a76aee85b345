"""Kafka, as the demonstration uses it: activities out, and every outcome that a read_committed reader sees."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from streamproc.contracts import conversions, files
from streamproc.contracts.cloudevents import ACTIVITY_TYPE, event_headers
from streamproc.contracts.codec import ActivityEncoder, Decoder
from streamproc.contracts.events import Activity, Result, SourcePosition
from streamproc.contracts.registry import Registry
from streamproc.deadletter.envelope import PREFIX
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.settings import Settings

TIMEOUT = 30.0
"""Seconds for what Kafka should answer at once."""


@dataclass(frozen=True, slots=True)
class Published:
    """An activity in Kafka: where it is, and the record's timestamp (milliseconds since 1970)."""

    position: SourcePosition
    timestamp: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an activity: a result, or the code of its dead letter; with the record's timestamp (ms)."""

    source: SourcePosition
    timestamp: int
    result: Result | None
    error_code: str | None = None


class Publisher:
    """Publishes activities. It is connected once it is made, as a service that publishes all day is."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = settings.kafka.activity_topic
        self._producer = Producer(
            {"bootstrap.servers": settings.kafka.bootstrap_servers, "enable.idempotence": True, "log_level": 0}
        )
        self._producer.list_topics(self._topic, TIMEOUT)

    def publish(self, activities: Sequence[Activity]) -> list[Published]:
        """Publish activities and wait for Kafka's confirmation of each; in the order given.

        Raises:
            StreamprocError: KAFKA_UNAVAILABLE; RESULT_SCHEMA_MISSING or REGISTRY_UNAVAILABLE for the schema.
        """
        values = asyncio.run(_encode(self._settings, activities))
        confirmed: dict[int, Published] = {}
        failures: list[KafkaError] = []

        def confirm(index: int, error: KafkaError | None, message: Message) -> None:
            if error is not None:
                failures.append(error)
                return
            confirmed[index] = Published(_position(message), message.timestamp()[1])

        for index, (activity, value) in enumerate(zip(activities, values, strict=True)):
            headers = event_headers(
                ACTIVITY_TYPE, activity.activity_id, "/streamproc/demo", activity.activity_id, activity.submitted_at
            )
            self._producer.produce(
                self._topic,
                key=activity.learner_id.encode(),
                value=value,
                headers=[*headers],
                on_delivery=partial(confirm, index),
            )
            self._producer.poll(0)
        if self._producer.flush(TIMEOUT) or failures:
            reason = failures[0].str() if failures else f"no confirmation within {TIMEOUT:g} s"
            raise StreamprocError(ErrorCode.KAFKA_UNAVAILABLE, f"{self._topic}: {reason}")
        return [confirmed[index] for index in range(len(activities))]


async def _encode(settings: Settings, activities: Sequence[Activity]) -> list[bytes]:
    registry = Registry(settings.registry)
    try:
        encoder = ActivityEncoder(registry, settings.kafka.activity_topic)
        await encoder.start()
        return [encoder.encode(activity) for activity in activities]
    finally:
        await registry.close()


class OutcomeReader:
    """Reads what is committed to the result and the dead letter topic after this reader was made.

    It belongs to no consumer group: it commits nothing and disturbs nobody.
    """

    def __init__(self, settings: Settings) -> None:
        kafka = settings.kafka
        self._dead_letter_topic = kafka.dead_letter_topic
        self._consumer = Consumer(
            {
                "bootstrap.servers": kafka.bootstrap_servers,
                "group.id": f"streamproc-demo-{uuid.uuid4()}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )
        metadata = self._consumer.list_topics(timeout=TIMEOUT).topics
        self._partitions = [
            TopicPartition(topic, partition)
            for topic in (kafka.result_topic, kafka.dead_letter_topic)
            for partition in metadata[topic].partitions
        ]
        self._read_to = self._ends()
        self._consumer.assign([TopicPartition(*place, offset) for place, offset in self._read_to.items()])
        # The registry's client lives in one event loop.
        self._loop = asyncio.Runner()
        self._registry = Registry(settings.registry)
        self._results = Decoder(self._registry, files.RESULT, conversions.result_from_avro)

    def poll(self, timeout: float) -> Outcome | None:
        """The next outcome; None when there is none within ``timeout`` seconds.

        Raises:
            KafkaException: reading failed.
            StreamprocError: a result cannot be decoded, as `streamproc.contracts.codec.Decoder.decode`.
        """
        message = self._consumer.poll(timeout)
        if message is None:
            return None
        position = _position(message)
        error = message.error()
        if error is None:
            self._read_to[position.topic, position.partition] = position.offset + 1
            return self._decode(message)
        if error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        # Transaction markers have offsets too, but are no records.
        self._read_to[position.topic, position.partition] = position.offset
        return None

    def rest(self) -> Iterator[Outcome]:
        """Every outcome that is committed by now and was not read yet."""
        ends = self._ends()
        deadline = time.monotonic() + TIMEOUT
        while any(self._read_to[place] < end for place, end in ends.items()) and time.monotonic() < deadline:
            if (outcome := self.poll(0.1)) is not None:
                yield outcome

    def close(self) -> None:
        """Close the connections."""
        self._loop.run(self._registry.close())
        self._loop.close()
        self._consumer.close()

    def _ends(self) -> dict[tuple[str, int], int]:
        return {
            (partition.topic, partition.partition): self._consumer.get_watermark_offsets(partition, timeout=TIMEOUT)[1]
            for partition in self._partitions
        }

    def _decode(self, message: Message) -> Outcome:
        timestamp = message.timestamp()[1]
        if message.topic() == self._dead_letter_topic:
            headers = _error_headers(message.headers())
            source = SourcePosition(
                topic=headers["source.topic"],
                partition=int(headers["source.partition"]),
                offset=int(headers["source.offset"]),
            )
            return Outcome(source, timestamp, None, headers["code"])
        value: Any = message.value()
        result = self._loop.run(self._results.decode(value))
        return Outcome(result.source, timestamp, result)


def _position(message: Message) -> SourcePosition:
    return SourcePosition(
        topic=str(message.topic()), partition=int(message.partition() or 0), offset=int(message.offset() or 0)
    )


def _error_headers(headers: Any) -> dict[str, str]:
    """The dead letter's headers by name; the last of a name is the worker's."""
    return {name.removeprefix(PREFIX): value.decode() for name, value in headers or () if name.startswith(PREFIX)}
