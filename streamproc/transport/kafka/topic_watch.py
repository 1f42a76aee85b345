"""Whether the topics that are read are still those whose offsets were read, asked now and then.

librdkafka goes on in a topic that was deleted and made anew at the offset that it had reached in the old one. What is
below it in the new one is skipped; nothing tells, once the new one is longer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor

from confluent_kafka import KafkaException

from streamproc.transport.errors import OffsetOutOfRange
from streamproc.transport.flight.entries import Assignment
from streamproc.transport.flight.mark import Mark
from streamproc.transport.kafka.offsets import Offsets

logger = logging.getLogger(__name__)

_INTERVAL_S = 5.0


class TopicWatch:
    """Compares topic ids on a thread of ``reader``; an offset that is committed meanwhile keeps the old topic's id."""

    def __init__(self, offsets: Offsets, reader: Executor, crash: Callable[[BaseException], None]) -> None:
        self._offsets = offsets
        self._reader = reader
        self._crash = crash
        self._due = 0.0

    def look(self, assignments: Iterable[Assignment]) -> None:
        """Begin a comparison, if it is time for one."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _INTERVAL_S
        marks = {assignment.tp.topic: assignment.mark for assignment in assignments if assignment.mark is not None}
        if marks:
            self._reader.submit(self.compare, marks)

    def compare(self, marks: dict[str, Mark]) -> None:
        """Ask the brokers, and stop the worker if a topic is another one."""
        for topic, mark in marks.items():
            try:
                now, _ = self._offsets.describe(topic)
            except KafkaException as error:
                # It is asked again; a topic that is gone is told by the consumer.
                logger.debug("The topic %r cannot be looked at: %s", topic, error)
                continue
            if mark.is_other_topic(now):
                self._crash(
                    OffsetOutOfRange(
                        f"The topic {topic!r} was deleted and made anew while it was read: records of both may be "
                        "lost. Start again; the transport's out_of_range says where to go on."
                    )
                )
                return
