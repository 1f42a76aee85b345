"""The poll thread: owns the consumer, takes records in, and carries rebalances out.

confluent-kafka serialises the calls on one consumer, so nothing else ever touches it. The thread polls whatever the
agents do: their slowness pauses partitions, it never delays a poll, so it causes no rebalance.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Literal, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from faust.types import TP

from streamproc.transport.errors import ShutOut, TransportError, shuts_out
from streamproc.transport.flight.backpressure import Backpressure
from streamproc.transport.flight.entries import Assignment
from streamproc.transport.kafka.consumer_errors import judge
from streamproc.transport.kafka.offsets import Offsets, Start
from streamproc.transport.kafka.topic_watch import TopicWatch
from streamproc.transport.settings import TransportSettings

logger = logging.getLogger(__name__)

_POLL_S = 0.05
_BATCH = 500
#: librdkafka is asked for the generation this often: it answers from another thread, and all of Python waits.
_GENERATION_S = 0.02
_REJOIN_S = 0.5
_ENDS_S = 1.0
_NO_ROOM_S = 0.002

#: Partition, record (or the news that its end is reached) and its size in bytes.
Records = list[tuple[Assignment, Message, int]]


class _StillHeld(Exception):  # noqa: N818
    """The group still knows a member of our static name."""


class Listener(Protocol):
    """Whom the poll thread tells; all but ``revoked`` are called on the poll thread and return at once."""

    def on_records(self, records: Records) -> None:
        """Records arrived."""

    def on_assigned(self, assignments: list[Assignment]) -> None:
        """These partitions are ours, from now on; called once with none when the group is joined."""

    def on_lost(self, assignments: list[Assignment]) -> None:
        """These partitions were taken away: nothing of theirs may be committed."""

    def on_crash(self, error: BaseException) -> None:
        """The worker cannot go on."""

    def revoked(self, assignments: list[Assignment], deadline: float) -> Coroutine[Any, Any, None]:
        """Finish and commit what can be before the deadline (monotonic); runs on the event loop."""


class Poller:
    """One consumer and its thread."""

    def __init__(
        self,
        config: dict[str, Any],
        settings: TransportSettings,
        offsets: Offsets,
        listener: Listener,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        #: The group's generation as of the last poll, for the offsets of a transaction; None while there is none.
        self.generation: bytes | None = None
        self._config = config
        self._settings = settings
        self._offsets = offsets
        self._listener = listener
        self._loop = loop
        self._eager = settings.assignment == "range"
        self._static = settings.group_instance_id
        self._commands: queue.SimpleQueue[tuple[Callable[[Consumer], Any], Future[Any]]] = queue.SimpleQueue()
        #: Positions that are known, with the token of the assignment that they were read for.
        self._known: queue.SimpleQueue[tuple[TP, object, Start]] = queue.SimpleQueue()
        self._assignments: dict[TP, Assignment] = {}
        #: Assigned by the group, but not fetched yet: their positions are being read. The token tells one assignment
        #: of a partition from the next.
        self._pending: dict[TP, object] = {}
        self._starts: dict[TP, Start] = {}
        self._topics: list[str] = []
        self._joined = False
        self._second_round: Literal["not due", "due", "asked for"] = "not due"
        self._shut_out: KafkaError | None = None
        self._backpressure = Backpressure(settings.max_in_flight, settings.max_in_flight_bytes)
        #: Records that may be taken now.
        self._room = 0
        self._ends_due = 0.0
        self._generation_due = 0.0
        self._stop = threading.Event()
        self._ended = threading.Event()
        # Several, so that one partition's wait for a dead worker's transaction does not hold back a later assignment.
        self._reader = ThreadPoolExecutor(4, thread_name_prefix="rdkafka-offsets")
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
        self._end()
        self._reader.shutdown(wait=False, cancel_futures=True)

    def call(self, function: Callable[[Consumer], Any]) -> Future[Any]:
        """Have the poll thread call ``function(consumer)``.

        The future raises what the function raises, or TransportError when the thread ends before its turn.
        """
        future: Future[Any] = Future()
        self._commands.put((function, future))
        if self._ended.is_set():
            self._fail_commands()
        return future

    def subscribe(self, topics: Iterable[str]) -> Future[Any]:
        """Join the group for these topics."""
        self._topics = sorted(topics)
        return self.call(self._subscribe)

    def _subscribe(self, consumer: Consumer, *more: str) -> None:
        topics = [*self._topics, *more]
        if not topics:
            # An app of timers and tasks alone: it is ready, and in no group.
            consumer.unsubscribe()
            self._listener.on_assigned([])
            return
        consumer.subscribe(topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)

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
            self._end()

    def _consume(self) -> None:
        consumer = Consumer(self._config | {"error_cb": self._on_error})
        try:
            if self._topics:
                self._subscribe(consumer)
            while not self._stop.is_set():
                self._run_commands(consumer)
                self._begin_known(consumer)
                self._regulate(consumer)
                if self._backpressure.must_poll(self._assignments.values(), self._room):
                    self._poll(consumer)
                else:
                    time.sleep(_NO_ROOM_S)
                if time.monotonic() >= self._generation_due:
                    self._capture_generation(consumer)
                self._look_at_ends(consumer)
                self._watch.look(self._assignments.values())
        finally:
            self._leave(consumer)

    def _leave(self, consumer: Consumer) -> None:
        if not self._assignments and not self._pending:
            # librdkafka 2.16 closes a cooperative member that has no partitions without telling the group, which would
            # wait for it in every rebalance until its session is over.
            with suppress(KafkaException):
                consumer.unsubscribe()
        consumer.close()

    def _end(self) -> None:
        # In this order: a command that comes later is failed by its caller.
        self._ended.set()
        self._fail_commands()

    def _fail_commands(self) -> None:
        with suppress(queue.Empty):
            while True:
                _, future = self._commands.get_nowait()
                if future.set_running_or_notify_cancel():
                    future.set_exception(TransportError("The consumer has ended"))

    def _run_commands(self, consumer: Consumer) -> None:
        with suppress(queue.Empty):
            while True:
                function, future = self._commands.get_nowait()
                if not future.set_running_or_notify_cancel():
                    continue
                try:
                    future.set_result(function(consumer))
                except Exception as error:  # noqa: BLE001 - the caller's to handle
                    future.set_exception(error)

    def _poll(self, consumer: Consumer) -> None:
        # consume(n, t) waits for n records or all of t: so wait for one, and take the others that are there.
        first = consumer.poll(_POLL_S)
        if self._shut_out is not None and not self._joined:
            # Later on, a broker that restarts looks alike.
            raise ShutOut(self._shut_out.str())
        if first is None:
            return
        records: Records = []
        more = consumer.consume(min(_BATCH, self._room - 1), 0) if self._room > 1 else []
        for message in (first, *more):
            error = message.error()
            assignment = self._assignments.get((message.topic(), message.partition()))  # type: ignore[call-overload]
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    if assignment is not None:
                        records.append((assignment, message, 0))
                else:
                    self._judge(error, message)
            elif assignment is not None:
                size = len(message) + len(message.key() or b"")
                assignment.received_events += 1
                assignment.received_bytes += size
                records.append((assignment, message, size))
        if records:
            self._listener.on_records(records)

    def _on_error(self, error: KafkaError) -> None:
        if self._shut_out is None and shuts_out(error):
            self._shut_out = error

    def _judge(self, error: KafkaError, message: Message) -> None:
        if error.code() == KafkaError._FATAL and self._static and not self._joined:
            # KIP-848: a static member that crashed is remembered until its session is over (UNRELEASED_INSTANCE_ID),
            # and librdkafka makes that fatal. Fenced, on the other hand, is only who has joined.
            raise _StillHeld
        judge(error, message)

    def _capture_generation(self, consumer: Consumer) -> None:
        self._generation_due = time.monotonic() + _GENERATION_S
        metadata = consumer.consumer_group_metadata()
        if metadata != self.generation:
            self.generation = metadata if _in_group(metadata) else None
        if self.generation is not None and not self._joined and self._settings.assignment == "consumer":
            # A member that the brokers give no partition (KIP-848) is in the group, and no callback will tell.
            self._joined = True
            self._listener.on_assigned([])

    def _regulate(self, consumer: Consumer) -> None:
        assignments = self._assignments.values()
        self._room = self._backpressure.room(assignments)
        for assignment in self._backpressure.to_pause(assignments, self._room):
            consumer.pause([TopicPartition(*assignment.tp)])
            assignment.paused = True
        for assignment in self._backpressure.to_resume(assignments):
            consumer.resume([TopicPartition(*assignment.tp)])
            assignment.paused = False

    def _look_at_ends(self, consumer: Consumer) -> None:
        """Note the ends of the logs, once a second, as the brokers' answers to fetches have told them."""
        if time.monotonic() < self._ends_due:
            return
        self._ends_due = time.monotonic() + _ENDS_S
        for tp, assignment in self._assignments.items():
            ends = consumer.get_watermark_offsets(TopicPartition(*tp), cached=True)
            if ends is not None and ends[1] >= 0:
                assignment.end = ends[1]

    # -- rebalancing; the callbacks run inside poll and close

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._eager:
            consumer.assign([])
        else:
            consumer.incremental_assign([])
        token = object()
        tps = [TP(partition.topic, partition.partition) for partition in partitions]
        self._pending.update(dict.fromkeys(tps, token))
        if not self._joined:
            self._joined = True
            if tps and self._static and self._settings.assignment == "cooperative-sticky":
                self._second_round = "due"
            self._listener.on_assigned([])
        elif self._second_round == "asked for":
            self._second_round = "not due"
            self.call(self._subscribe)
        if tps:
            self._reader.submit(self._read_starts, tps, token)

    def _read_starts(self, tps: list[TP], token: object) -> None:
        try:
            for tp, start in self._offsets.starts(tps, lambda tp: self._pending.get(tp) is token):
                self._known.put((tp, token, start))
        except BaseException as error:  # noqa: BLE001 - it must end the worker, not this thread
            if not self._stop.is_set():
                self._listener.on_crash(error)

    def _begin_known(self, consumer: Consumer) -> None:
        """Begin assignments. Only between two polls: what a poll brings is of the assignment that was there before it.

        One that began while records were being taken, in a drain inside a poll, would be given what was fetched for
        its predecessor, and take everything below for a gap.
        """
        with suppress(queue.Empty):
            while True:
                self._begin(consumer, *self._known.get_nowait())

    def _begin(self, consumer: Consumer, tp: TP, token: object, start: Start) -> None:
        """The position is known: fetch from it, unless the partition was taken away meanwhile."""
        if self._pending.get(tp) is not token:
            return
        self._starts[tp] = start
        if self._eager and len(self._starts) < len(self._pending):
            return  # an eager assignment is made all at once
        starts, self._starts = self._starts, {}
        positions = [TopicPartition(*tp, start.progress.base) for tp, start in starts.items()]
        try:
            if self._eager:
                consumer.assign(positions)
            else:
                consumer.incremental_assign(positions)
            # A partition that was paused when it was last given up is still paused.
            consumer.resume(positions)
        except KafkaException as error:
            self._listener.on_crash(error)
            return
        begun = [
            Assignment(tp, start.progress, commit_base=start.commit_base, mark=start.mark)
            for tp, start in starts.items()
        ]
        for assignment in begun:
            del self._pending[assignment.tp]
            self._assignments[assignment.tp] = assignment
        self._listener.on_assigned(begun)
        if self._second_round == "due" and not self._pending:
            self._ask_for_second_round(consumer)

    def _ask_for_second_round(self, consumer: Consumer) -> None:
        """A named worker is back: have the group share its partitions once more. Moves none that has an owner.

        In a cooperative rebalance (KIP-429) a member gives partitions up in a first round, and asks for the second, in
        which others get them. A static member (KIP-345) that ends in between comes back to what the first round left
        it, without a rebalance, and what it gave up belongs to nobody.

        librdkafka joins again for a subscription that differs, if only by a pattern of the same topic, and the brokers
        share out anew for a member that owns other partitions than it said when it came back.
        """
        self._second_round = "asked for"
        self._subscribe(consumer, "^" + self._topics[0].replace(".", "[.]") + "$")

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        doomed = self._forget(partitions)
        for assignment in doomed:
            assignment.drain()
        if doomed:
            self._capture_generation(consumer)
            deadline = time.monotonic() + self._settings.drain_timeout
            drained = asyncio.run_coroutine_threadsafe(self._listener.revoked(doomed, deadline), self._loop)
            while not drained.done() and time.monotonic() < deadline:
                self._run_commands(consumer)
                time.sleep(0.005)
            drained.cancel()
        for assignment in doomed:
            assignment.give_up()
        self._listener.on_lost(doomed)
        self._unassign(consumer, doomed)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        lost = self._forget(partitions)
        for assignment in lost:
            assignment.give_up()
        logger.warning("Lost %s", [f"{tp.topic}[{tp.partition}]" for tp in partitions])
        self._listener.on_lost(lost)
        self._unassign(consumer, lost)

    def _forget(self, partitions: list[TopicPartition]) -> list[Assignment]:
        forgotten = []
        for partition in partitions:
            tp = TP(partition.topic, partition.partition)
            self._pending.pop(tp, None)
            self._starts.pop(tp, None)
            if assignment := self._assignments.pop(tp, None):
                forgotten.append(assignment)
        return forgotten

    def _unassign(self, consumer: Consumer, assignments: list[Assignment]) -> None:
        # Only what was assigned: librdkafka refuses the others, and a revocation may overtake the reading of offsets.
        if self._eager:
            consumer.unassign()
        else:
            consumer.incremental_unassign([TopicPartition(*assignment.tp) for assignment in assignments])


def _in_group(metadata: bytes | None) -> bool:
    """Whether group metadata (``CGMDv2:`` and a little-endian int32 generation) names a generation.

    Brokers accept transactional offsets without a generation from anybody, unfenced: they must never be sent.
    """
    prefix = b"CGMDv2:"
    if not metadata or not metadata.startswith(prefix):
        return False
    return int.from_bytes(metadata[len(prefix) : len(prefix) + 4], "little", signed=True) >= 0
