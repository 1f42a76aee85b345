"""The end of topics, and what comes from then on: for who looks on, and may miss something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.reading import TIMEOUT, checked, configuration
from streamproc.kafka.refusals import WORKER, Refusals, misconfigured
from streamproc.settings import Settings
from streamproc.transport.codes import NO_TOPIC

BATCH = 500
"""Records that are handed over at once."""
_QUEUE_KB = 4_096
_FETCH_BYTES = 1 << 20
"""More than one record may have; it is a page's, and no scan's, so that little is fetched that nobody will look at."""


@dataclass(frozen=True, slots=True)
class TailBegin:
    """Where a partition's tail begins; ``whole``: nothing lies before."""

    topic: str
    partition: int
    offset: int
    whole: bool


class TopicTail:
    """Reads committed records alone, of all partitions of some topics, and belongs to no group. For one thread.

    Args:
        settings: where Kafka is.
        topics: what is read.
        back: offsets before the ends at which it begins, of all partitions of a topic together.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED, TOPIC_MISSING; by ``poll`` too.
    """

    def __init__(self, settings: Settings, topics: Sequence[str], back: int) -> None:
        self._refusals = Refusals(WORKER)
        self._where = f"{', '.join(topics)} on {settings.kafka.bootstrap_servers}"
        wanted = {
            "queued.max.messages.kbytes": _QUEUE_KB,
            "fetch.max.bytes": _FETCH_BYTES,
            "max.partition.fetch.bytes": _FETCH_BYTES,
            "fetch.wait.max.ms": 500,
        }
        try:
            self._consumer = Consumer({**configuration(settings, self._refusals), **wanted})
        except KafkaException as error:
            raise misconfigured(error.args[0], WORKER) from None
        try:
            self.begins = [begin for topic in topics for begin in self._begins(topic, back)]
            self._consumer.assign([TopicPartition(one.topic, one.partition, one.offset) for one in self.begins])
        except KafkaException as error:
            self._consumer.close()
            raise self._refusals.failure(error.args[0], self._where) from None
        except StreamprocError:
            self._consumer.close()
            raise

    def poll(self, timeout: float) -> list[Message]:
        """What has come, up to BATCH records; waits up to ``timeout`` seconds for the first of them."""
        try:
            first = self._consumer.poll(timeout)
            batch = [] if first is None else checked([first, *self._consumer.consume(BATCH - 1, timeout=0)])
        except KafkaException as error:
            raise self._refusals.failure(error.args[0], self._where) from None
        return [message for message in batch if message.error() is None]

    def close(self) -> None:
        """Let it go."""
        self._consumer.close()

    def _begins(self, topic: str, back: int) -> list[TailBegin]:
        found = self._consumer.list_topics(topic, timeout=TIMEOUT).topics[topic]
        if found.error is not None:
            if found.error.code() in NO_TOPIC:
                raise StreamprocError(ErrorCode.TOPIC_MISSING, f"{self._where}: run 'streamproc topics create'")
            raise KafkaException(found.error)
        begins = []
        share = max(1, back // len(found.partitions))
        for partition in sorted(found.partitions):
            low, high = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), TIMEOUT)
            begins.append(TailBegin(topic, partition, max(low, high - share), high - share <= low))
        return begins
