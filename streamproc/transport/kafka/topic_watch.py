"""Whether the topics that are read are still those whose offsets were read, asked now and then.

librdkafka goes on in a topic that was deleted and made anew at the offset that it had reached in the old one. What is
below it in the new one is skipped; nothing tells, once the new one is longer. And a table whose changelog was made anew
goes on as it was, until the worker ends: the next one finds only what was written since.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor

from confluent_kafka import KafkaException

from streamproc.transport.codes import NO_TOPIC
from streamproc.transport.errors import OffsetOutOfRange, TransportError
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
        assignments = list(assignments)
        marks = {assignment.tp.topic: assignment.mark for assignment in assignments if assignment.mark is not None}
        changelogs = {
            changelog.tp.topic: mark
            for assignment in assignments
            if assignment.restored is not None
            for changelog, (_, mark) in assignment.restored.changelogs.items()
        }
        if marks:
            self._reader.submit(self.compare, marks)
        if changelogs:
            self._reader.submit(self.compare_changelogs, changelogs)

    def compare_changelogs(self, marks: Mapping[str, Mark]) -> None:
        """As ``compare``, of the changelogs whose content tables have. One that is gone is told of each time."""
        for topic, mark in marks.items():
            try:
                now, _ = self._offsets.describe(topic)
            except KafkaException as error:
                if error.args[0].code() in NO_TOPIC:
                    logger.error(
                        "The changelog %r is gone: no event that writes its table can be committed, and what the table "
                        "holds ends with this worker",
                        topic,
                    )
                continue
            if mark.is_other_topic(now):
                self._crash(
                    TransportError(
                        f"The changelog {topic!r} was deleted and made anew while the worker had what the old one "
                        "said: what its table held is lost. Start again with what the new one says; or stop all "
                        "workers, make the table anew under another name, and read its source again."
                    )
                )
                return

    def compare(self, marks: Mapping[str, Mark]) -> None:
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
