"""The control topic as one reads it: by oneself and not through the group, from its beginning, then as it grows."""

from __future__ import annotations

import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.reading import TIMEOUT, checked, configuration
from streamproc.kafka.refusals import WORKER, Refusals, misconfigured
from streamproc.settings import Settings
from streamproc.transport.codes import NO_TOPIC

PARTITION = 0
"""The one that counts: an order of all events is that of one partition."""

_BATCH = 100
_QUEUE_KB = 1_024


class ControlLog:
    """Reads committed records alone. For one thread at a time; a topic that is not there has no events.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED; by ``poll`` and ``to_end`` too.
    """

    def __init__(self, settings: Settings) -> None:
        topic = settings.kafka.control_topic
        self._refusals = Refusals(WORKER)
        self._where = f"{topic} on {settings.kafka.bootstrap_servers}"
        wanted = {"queued.max.messages.kbytes": _QUEUE_KB, "fetch.wait.max.ms": 500}
        try:
            self._consumer = Consumer({**configuration(settings, self._refusals), **wanted})
        except KafkaException as error:
            raise misconfigured(error.args[0], WORKER) from None
        try:
            found = self._consumer.list_topics(topic, timeout=TIMEOUT).topics[topic]
            if found.error is not None and found.error.code() not in NO_TOPIC:
                raise KafkaException(found.error)
        except KafkaException as error:
            self._consumer.close()
            raise self._refusals.failure(error.args[0], self._where) from None
        self.exists = found.error is None
        if self.exists:
            self._consumer.assign([TopicPartition(topic, PARTITION, OFFSET_BEGINNING)])

    def to_end(self) -> list[Message]:
        """Everything up to the end that the log has now."""
        records: list[Message] = []
        heard = time.monotonic()
        at_end = not self.exists
        while not at_end:
            found, at_end = self.poll(1.0)
            records += found
            if found:
                heard = time.monotonic()
            elif not at_end and time.monotonic() - heard > 3 * TIMEOUT:
                raise StreamprocError(ErrorCode.KAFKA_UNAVAILABLE, f"{self._where} does not tell what it holds")
        return records

    def poll(self, timeout: float) -> tuple[list[Message], bool]:
        """What has come, within ``timeout`` seconds; and whether the end of the log was met."""
        try:
            first = self._consumer.poll(timeout)
            batch = [] if first is None else checked([first, *self._consumer.consume(_BATCH, timeout=0)])
        except KafkaException as error:
            raise self._refusals.failure(error.args[0], self._where) from None
        records = [one for one in batch if one.error() is None]
        return records, len(records) < len(batch)

    def close(self) -> None:
        """Let it go."""
        self._consumer.close()
