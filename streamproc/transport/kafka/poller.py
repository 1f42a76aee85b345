"""The poll thread: owns the consumer and takes records in; what the group gives and takes is in ``assigning``.

confluent-kafka serialises the calls on one consumer, so nothing else ever touches it. The thread polls whatever the
agents do: their slowness pauses partitions, it never delays a poll, so it causes no rebalance.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from streamproc.transport.codes import shuts_out
from streamproc.transport.errors import ShutOut
from streamproc.transport.flight.backpressure import Backpressure
from streamproc.transport.flight.entries import Assignment
from streamproc.transport.kafka.assigning import Assigning, Restore, Until, no_end, no_tables
from streamproc.transport.kafka.commands import Commands
from streamproc.transport.kafka.consumer_errors import judge
from streamproc.transport.kafka.ends_watch import EndsWatch
from streamproc.transport.kafka.listener import Listener, Records
from streamproc.transport.kafka.offsets import Offsets
from streamproc.transport.kafka.topic_watch import TopicWatch
from streamproc.transport.settings import TransportSettings

logger = logging.getLogger(__name__)

_POLL_S = 0.05
_BATCH = 500
#: librdkafka is asked for the generation this often: it answers from another thread, and all of Python waits.
_GENERATION_S = 0.02
_REJOIN_S = 0.5
_NO_ROOM_S = 0.002


class _StillHeld(Exception):  # noqa: N818
    """The group still knows a member of our static name."""


class Poller:
    """One consumer and its thread."""

    def __init__(
        self,
        config: dict[str, Any],
        settings: TransportSettings,
        offsets: Offsets,
        listener: Listener,
        loop: asyncio.AbstractEventLoop,
        restore: Restore = no_tables,
        until: Until = no_end,
    ) -> None:
        #: The group's generation as of the last poll, for the offsets of a transaction; None while there is none.
        self.generation: bytes | None = None
        self._config = config
        self._listener = listener
        self._static = settings.group_instance_id
        self._shut_out: KafkaError | None = None
        self._backpressure = Backpressure(settings.max_in_flight, settings.max_in_flight_bytes)
        #: Records that may be taken now.
        self._room = 0
        self._generation_due = 0.0
        self._stop = threading.Event()
        self._commands = Commands()
        # Several, so that one partition's wait for a dead worker's transaction does not hold back a later assignment.
        self._reader = ThreadPoolExecutor(4, thread_name_prefix="rdkafka-offsets")
        self._assigning = Assigning(
            settings,
            offsets,
            self._reader,
            listener,
            loop,
            self._commands,
            self._capture_generation,
            self._stop.is_set,
            restore,
            until,
        )
        self._assignments = self._assigning.assignments
        self._ends = EndsWatch(offsets, self._reader)
        self._watch = TopicWatch(offsets, self._reader, listener.on_crash)
        self._thread = threading.Thread(target=self._run, name="rdkafka-poll", daemon=True)

    def start(self) -> None:
        """Start polling."""
        self._thread.start()

    def close(self, timeout: float) -> None:
        """Leave the group and end the thread; blocks."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        self._commands.end()
        self._reader.shutdown(wait=False, cancel_futures=True)

    def call(self, function: Callable[[Consumer], Any]) -> Future[Any]:
        """Have the poll thread call ``function(consumer)``; see Commands."""
        return self._commands.call(function)

    def subscribe(self, topics: Iterable[str]) -> Future[Any]:
        """Join the group for these topics."""
        self._assigning.topics = sorted(topics)
        return self.call(self._assigning.subscribe)

    # -- the thread

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    self._consume()
                except _StillHeld:
                    logger.warning("The group still holds %s's predecessor; trying again", self._static)
                    self._stop.wait(_REJOIN_S)
        except BaseException as error:  # noqa: BLE001 - whatever ends this thread must end the worker
            self._listener.on_crash(error)
        finally:
            self._commands.end()

    def _consume(self) -> None:
        consumer = Consumer(self._config | {"error_cb": self._on_error})
        try:
            if self._assigning.topics:
                self._assigning.subscribe(consumer)
            while not self._stop.is_set():
                self._commands.run(consumer)
                self._assigning.begin_known(consumer)
                self._regulate(consumer)
                if self._backpressure.must_poll(self._assignments.values(), self._room):
                    self._poll(consumer)
                else:
                    time.sleep(_NO_ROOM_S)
                if time.monotonic() >= self._generation_due:
                    self._capture_generation(consumer)
                self._ends.look(consumer, self._assignments)
                self._watch.look(self._assignments.values())
        finally:
            self._assigning.leave(consumer)

    def _poll(self, consumer: Consumer) -> None:
        # consume(n, t) waits for n records or all of t: so wait for one, and take the others that are there.
        first = consumer.poll(_POLL_S)
        if self._shut_out is not None and not self._assigning.joined:
            # Later on, a broker that restarts looks alike.
            raise ShutOut(self._shut_out.str())
        if first is None:
            return
        records: Records = []
        more = consumer.consume(min(_BATCH, self._room - 1), 0) if self._room > 1 else []
        for message in (first, *more):
            error = message.error()
            assignment = self._assignments.get((message.topic(), message.partition()))  # type: ignore[call-overload]
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                self._judge(error, message)
            elif assignment is None:
                continue
            elif assignment.over or (message.offset() or 0) >= assignment.until:
                # Neither this nor anything behind it is handed over, the news of the log's end included: the span moves
                # by what comes in order.
                self._end(consumer, assignment)
            elif error is not None:
                records.append((assignment, message, 0))
            else:
                size = len(message) + len(message.key() or b"")
                assignment.received_events += 1
                assignment.received_bytes += size
                records.append((assignment, message, size))
        if records:
            self._listener.on_records(records)

    @staticmethod
    def _end(consumer: Consumer, assignment: Assignment) -> None:
        """Fetch no more of what lies behind the last record that is wanted."""
        if not assignment.over:
            assignment.over = assignment.paused = True
            consumer.pause([TopicPartition(*assignment.tp)])

    def _on_error(self, error: KafkaError) -> None:
        if self._shut_out is None and shuts_out(error):
            self._shut_out = error

    def _judge(self, error: KafkaError, message: Message) -> None:
        if error.code() == KafkaError._FATAL and self._static and not self._assigning.joined:
            # KIP-848: a static member that crashed is remembered until its session is over (UNRELEASED_INSTANCE_ID),
            # and librdkafka makes that fatal. Fenced, on the other hand, is only who has joined.
            raise _StillHeld
        judge(error, message)

    def _capture_generation(self, consumer: Consumer) -> None:
        self._generation_due = time.monotonic() + _GENERATION_S
        metadata = consumer.consumer_group_metadata()
        if metadata != self.generation:
            self.generation = metadata if _in_group(metadata) else None
        if self.generation is not None:
            self._assigning.in_group()

    def _regulate(self, consumer: Consumer) -> None:
        assignments = self._assignments.values()
        self._room = self._backpressure.room(assignments)
        for assignment in self._backpressure.to_pause(assignments, self._room):
            consumer.pause([TopicPartition(*assignment.tp)])
            assignment.paused = True
        for assignment in self._backpressure.to_resume(assignments):
            consumer.resume([TopicPartition(*assignment.tp)])
            assignment.paused = False


def _in_group(metadata: bytes | None) -> bool:
    """Whether group metadata (``CGMDv2:`` and a little-endian int32 generation) names a generation.

    Brokers accept transactional offsets without a generation from anybody, unfenced: they must never be sent.
    """
    prefix = b"CGMDv2:"
    if not metadata or not metadata.startswith(prefix):
        return False
    return int.from_bytes(metadata[len(prefix) : len(prefix) + 4], "little", signed=True) >= 0
