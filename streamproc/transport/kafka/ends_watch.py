"""The ends of the logs that are read, noted on the assignments: how much work there still is.

Answers to fetches tell them. A partition that is paused is not fetched, and that is when its backlog grows: of such the
brokers are asked, now and then.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future

from confluent_kafka import Consumer, KafkaException, TopicPartition
from faust.types import TP

from streamproc.transport.flight.entries import Assignment
from streamproc.transport.kafka.offsets import Offsets

logger = logging.getLogger(__name__)

_FETCHED_S = 1.0
_ASKED_S = 5.0


class EndsWatch:
    """Keeps ``Assignment.end``; on the poll thread, but for the questions, which a thread of ``reader`` asks."""

    def __init__(self, offsets: Offsets, reader: Executor, clock: Callable[[], float] = time.monotonic) -> None:
        self._offsets = offsets
        self._reader = reader
        self._clock = clock
        self._fetched_due = self._asked_due = 0.0
        self._asking: Future[None] | None = None

    def look(self, consumer: Consumer, assignments: Mapping[TP, Assignment]) -> None:
        """Note them, if it is time for it."""
        now = self._clock()
        if now < self._fetched_due:
            return
        self._fetched_due = now + _FETCHED_S
        for tp, assignment in assignments.items():
            ends = consumer.get_watermark_offsets(TopicPartition(*tp), cached=True)
            if ends is not None and ends[1] >= 0:
                # Of a paused partition it is older than what was asked.
                end = max(assignment.end, ends[1]) if assignment.paused else ends[1]
                assignment.end = min(end, assignment.until)
        paused = [one for one in assignments.values() if one.paused and not one.over]
        # One question at a time: brokers that do not answer take no further thread.
        if paused and now >= self._asked_due and (self._asking is None or self._asking.done()):
            self._asked_due = now + _ASKED_S
            self._asking = self._reader.submit(self._ask, paused)

    def _ask(self, paused: list[Assignment]) -> None:
        try:
            ends = self._offsets.ends([assignment.tp for assignment in paused])
        except KafkaException as error:
            logger.debug("The ends of paused partitions are not known: %s", error)
            return
        for assignment in paused:
            assignment.end = min(max(assignment.end, ends.get(assignment.tp, 0)), assignment.until)
