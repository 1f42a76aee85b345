"""Taking records as they come."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from streamproc.transport.codes import LINK_LOST

log = logging.getLogger("streamproc.client")

PASSED_OVER = LINK_LOST
"""What librdkafka says instead of a record, and goes on by itself."""

_BATCH = 500
_POLL_SECONDS = 0.2
_SLOW_SECONDS = 1.0


def arrived(consumer: Consumer, most: int, seconds: float) -> list[Message]:
    """What has arrived, ``most`` records at most; if nothing has, the first that comes within so many seconds.

    ``consume`` alone waits until there are ``most``, or for all of that time: a single result would be told late.
    """
    first = consumer.poll(seconds)
    return [] if first is None else [first, *consumer.consume(most - 1, 0)]


class Pending:
    """The records of a group's member that are taken from Kafka and not yet handed out.

    Whoever is slow with each keeps the consumer waiting for less than ``_SLOW_SECONDS`` more than one record takes: a
    batch that is worked on for longer than max.poll.interval.ms would cost the member its partitions.
    """

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._messages: deque[Message] = deque()
        self._polled = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether ``poll`` is to be called before the next record is handed out."""
        return not self._messages or time.monotonic() - self._polled > _SLOW_SECONDS

    def poll(self) -> None:
        """Take what has arrived; while records are left one at most, so that they never grow."""
        if not self._messages:
            self._messages.extend(arrived(self._consumer, _BATCH, _POLL_SECONDS))
        elif (message := self._consumer.poll(0)) is not None:
            self._messages.append(message)
        self._polled = time.monotonic()

    def pop(self) -> Message | None:
        """The next record, or an error that ends the reading; None: there is none."""
        while self._messages:
            message = self._messages.popleft()
            error = message.error()
            if error is not None and error.code() == KafkaError._MAX_POLL_EXCEEDED:
                log.warning("one result took too long: %s; its partitions are asked for again", error.str())
            elif error is None or error.code() not in PASSED_OVER:
                return message
        return None

    def forget(self, _: Consumer, partitions: Iterable[TopicPartition]) -> None:
        """Drop what another member of the group will read; the consumer's ``on_revoke`` and ``on_lost``."""
        gone = {(partition.topic, partition.partition) for partition in partitions}
        self._messages = deque(
            message for message in self._messages if (message.topic(), message.partition()) not in gone
        )
