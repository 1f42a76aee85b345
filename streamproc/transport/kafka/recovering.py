"""Brings stores up to their changelogs: one thread reads what is committed, for all partitions that wait for it.

What a partition waits for is the end of its changelog for a reader of everything, asked after the group's offset was
read stably. A dead worker's transaction that is still open ends the log for a reader of what is committed: it is waited
for, never skipped. The end of what is committed would be too early: that transaction's marker may lie in the offsets
topic already, and not yet here.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from faust.types import TP

from streamproc.transport.codes import NO_TOPIC
from streamproc.transport.errors import TransportError
from streamproc.transport.flight.state.position import ChangelogPosition, Log, Reach, resume
from streamproc.transport.flight.state.restored import Changelog, Restored, StoreInUse
from streamproc.transport.flight.state.store import Store, Write
from streamproc.transport.kafka.consumer_errors import judge

logger = logging.getLogger(__name__)

_POLL_S = 0.05
_BATCH = 20_000
_LOOK_S = 5.0
_LOCKED_S = 0.1


class RecoveryProgress(NamedTuple):
    """How far a recovery is: offsets, and seconds (None: no estimate yet)."""

    tp: TP
    position: int
    left: int
    seconds_left: float | None


class _Partition:
    """A source partition whose tables are being restored; not it alone is waited for, but all of its tables."""

    def __init__(self, wanted: Callable[[], bool], then: Callable[[Restored], None], waiting: int) -> None:
        self.wanted = wanted
        self.then = then
        self.waiting = waiting
        self.read: dict[Changelog, tuple[Store, Any]] = {}


class _Reading:
    """A changelog that is read into its store."""

    def __init__(self, changelog: Changelog, log: Log, partition: _Partition) -> None:
        self.changelog = changelog
        self.log = log
        self.partition = partition
        self.store: Store | None = None
        self.reach = Reach(log.first, log.end)
        self.since = log.asked
        self.begun = time.monotonic()
        self.records = 0
        #: When it is said again that somebody else has the store; the one before may just be closing it.
        self.warn_due = time.monotonic() + 1.0
        #: Where it was when somebody last looked.
        self.looked_at = -1

    def open(self) -> None:
        """Open the store.

        Raises:
            StoreInUse: somebody has it open.
            TransportError: it cannot be opened.
        """
        store = self.changelog.open() if self.store is None else self.store
        self.store = store
        start = resume(store.position, self.log, empty=store.position is None and not len(store))
        if start.rebuild:
            logger.warning("%s: the store is rebuilt from the changelog's start: %s", self.changelog, start.rebuild)
            store.clear()
        self.reach, self.since = Reach(start.offset, self.log.end), start.since

    def take(self, records: list[Write], last: int | None, end: int | None) -> None:
        """Records were read, ``last`` is the last one's offset; ``end``: below it is nothing else, for now."""
        assert self.store is not None
        if last is not None:
            self.reach.records(last)
        if end is not None:
            self.reach.end(end)
        self.records += len(records)
        replay = self.changelog.replay
        self.store.apply(records if replay is None else replay(self.store, records), self.position)

    @property
    def position(self) -> ChangelogPosition:
        """What the store holds. Of a log read to its end, all that was written before the end was asked is known."""
        return ChangelogPosition(self.log.mark, self.reach.position, self.log.asked if self.reach.done else self.since)


class Recovery:
    """One consumer, outside any group, and its thread; both live while something is to be recovered."""

    def __init__(
        self,
        config: dict[str, Any],
        describe: Callable[[Sequence[TP]], dict[TP, Log]],
        crash: Callable[[BaseException], None],
        stopped: Callable[[], bool],
    ) -> None:
        """``config``: librdkafka's of a client. ``describe``: blocks; raises TransportError."""
        self._config = config | {
            # librdkafka wants a name; nothing is asked of a group, and nothing committed.
            "group.id": "recovery",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "check.crcs": True,
            "fetch.queue.backoff.ms": 20,
            "fetch.wait.max.ms": 100,
            "queued.min.messages": 200_000,
            "queued.max.messages.kbytes": 64 * 1024,
        }
        self._describe = describe
        self._crash = crash
        self._stopped = stopped
        self._lock = threading.Lock()
        self._waiting: deque[_Reading] = deque()
        self._reading: dict[TP, _Reading] = {}
        self._running = False
        self._look_due = 0.0

    def restore(
        self, changelogs: Sequence[Changelog], wanted: Callable[[], bool], then: Callable[[Restored], None]
    ) -> None:
        """Bring a source partition's stores up to their changelogs; then call ``then``, on the recovery's thread.

        Asks the brokers, which blocks, and begins to read. ``wanted()`` is asked again and again: a partition that is
        revoked meanwhile is given up, its stores closed, and ``then`` not called.

        Raises:
            TransportError: the brokers refuse.
        """
        if not changelogs:
            then(Restored({}))
            return
        logs = self._describe([changelog.tp for changelog in changelogs])
        partition = _Partition(wanted, then, len(changelogs))
        with self._lock:
            self._waiting.extend(_Reading(changelog, logs[changelog.tp], partition) for changelog in changelogs)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="rdkafka-recovery", daemon=True).start()

    @property
    def progress(self) -> list[RecoveryProgress]:
        """What is being recovered now. From any thread."""
        now = time.monotonic()
        return [
            RecoveryProgress(tp, one.reach.position, one.reach.left, one.reach.seconds_left(now - one.begun))
            for tp, one in list(self._reading.items())
        ]

    # -- the thread

    def _run(self) -> None:
        try:
            consumer = Consumer(self._config)
            try:
                while self._go_on():
                    self._take_on(consumer)
                    self._read(consumer)
                    self._let_go(consumer)
                    self._look_around(consumer)
            finally:
                consumer.close()
        except BaseException as error:  # noqa: BLE001 - whatever ends this thread must end the worker
            if not self._stopped():
                self._crash(error)

    def _go_on(self) -> bool:
        with self._lock:
            self._running = not self._stopped() and bool(self._reading or self._waiting)
            return self._running

    def _take_on(self, consumer: Consumer) -> None:
        for _ in range(len(self._waiting)):
            reading = self._waiting.popleft()
            changelog = reading.changelog
            if not reading.partition.wanted():
                self._give_up(reading)
                continue
            if changelog.tp in self._reading:
                self._waiting.append(reading)  # another source topic's, or the one before, not yet let go
                continue
            try:
                reading.open()
            except StoreInUse as error:
                if time.monotonic() >= reading.warn_due:
                    reading.warn_due = time.monotonic() + _LOOK_S
                    logger.warning("%s: %s", changelog, error)
                self._waiting.append(reading)
                continue
            self._reading[changelog.tp] = reading
            reach = reading.reach
            if not reach.done:
                logger.info("%s: reading from %d to %d", changelog, reach.position, reach.target)
                consumer.incremental_assign([TopicPartition(*changelog.tp, reach.position)])

    def _read(self, consumer: Consumer) -> None:
        if all(reading.reach.done for reading in self._reading.values()):
            if not self._reading:
                time.sleep(_LOCKED_S)  # stores that others have open yet
            return
        # consume(n, t) waits for n records or all of t: so wait for one, and take the others that are there.
        first = consumer.poll(_POLL_S)
        if first is None:
            return
        records: defaultdict[TP, list[Write]] = defaultdict(list)
        last: dict[TP, int] = {}
        ends: dict[TP, int] = {}
        tp, place = TP("", -1), ("", -1)
        writes: list[Write] = []
        for message in (first, *consumer.consume(_BATCH, 0)):
            if message.error() is not None:
                self._hear(consumer, message, ends)
                continue
            here: Any = (message.topic(), message.partition())
            if here != place:
                place, tp = here, TP(*here)
                writes = records[tp]
            writes.append((message.key() or b"", message.value()))
            last[tp] = message.offset()  # type: ignore[assignment]
        for tp in last.keys() | ends.keys():
            if (reading := self._reading.get(tp)) is not None and reading.partition.wanted():
                reading.take(records.get(tp, []), last.get(tp), ends.get(tp))

    def _hear(self, consumer: Consumer, message: Message, ends: dict[TP, int]) -> None:
        error = message.error()
        assert error is not None
        tp = TP(message.topic() or "", message.partition() or 0)
        if error.code() == KafkaError._PARTITION_EOF:
            ends[tp] = message.offset() or 0
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            if (reading := self._reading.get(tp)) is not None:
                self._again(consumer, reading, "the changelog's records were deleted while they were read")
        elif error.code() in NO_TOPIC:
            raise TransportError(f"There is no such topic: the changelog {tp.topic!r}")
        else:
            judge(error, message)

    def _let_go(self, consumer: Consumer) -> None:
        for reading in list(self._reading.values()):
            if not reading.partition.wanted():
                logger.info("%s: given up, the partition is not this worker's any more", reading.changelog)
                self._end(consumer, reading)
                self._give_up(reading)
            elif reading.reach.done:
                self._finish(consumer, reading)

    def _finish(self, consumer: Consumer, reading: _Reading) -> None:
        """All is read. A topic that was made anew meanwhile has the same name, and may be as long."""
        changelog, partition, store = reading.changelog, reading.partition, reading.store
        assert store is not None
        if not self._is_same_topic(consumer, reading):
            return
        self._end(consumer, reading)
        store.apply((), reading.position)
        seconds = time.monotonic() - reading.begun
        logger.info("%s: %d records read to %d in %.1f s", changelog, reading.records, reading.reach.position, seconds)
        partition.read[changelog] = (store, reading.log.mark)
        partition.waiting -= 1
        if not partition.waiting:
            partition.then(Restored(partition.read))

    def _is_same_topic(self, consumer: Consumer, reading: _Reading) -> bool:
        """Whether the topic is still that which was described; else it is read anew."""
        tp = reading.changelog.tp
        if not reading.log.mark.is_other_topic(self._describe([tp])[tp].mark):
            return True
        self._again(consumer, reading, "the changelog was deleted and made anew while it was read")
        return False

    def _again(self, consumer: Consumer, reading: _Reading, reason: str) -> None:
        logger.warning("%s: the store is rebuilt from the changelog's start: %s", reading.changelog, reason)
        self._end(consumer, reading)
        assert reading.store is not None
        reading.store.clear()
        tp = reading.changelog.tp
        anew = _Reading(reading.changelog, self._describe([tp])[tp], reading.partition)
        anew.store = reading.store
        self._waiting.append(anew)

    def _end(self, consumer: Consumer, reading: _Reading) -> None:
        """Read no more of it."""
        tp = reading.changelog.tp
        del self._reading[tp]
        assigned = {(place.topic, place.partition) for place in consumer.assignment()}
        if tp in assigned:  # it is not, where nothing was to be read
            consumer.incremental_unassign([TopicPartition(*tp)])

    def _give_up(self, reading: _Reading) -> None:
        """Close what was opened for a partition that is not wanted any more."""
        read = reading.partition.read
        while read:
            read.popitem()[1][0].close()
        if reading.store is not None:
            reading.store.close()

    def _look_around(self, consumer: Consumer) -> None:
        if time.monotonic() < self._look_due:
            return
        self._look_due = time.monotonic() + _LOOK_S
        for tp, position, left, seconds in self.progress:
            estimate = "not known yet" if seconds is None else f"about {seconds:.0f} s"
            logger.info("%s[%d]: at %d, %d offsets left, %s", *tp, position, left, estimate)
        for reading in list(self._reading.values()):
            if reading.reach.position == reading.looked_at:
                # It waits for a transaction's end; or for ever, in a topic that was made anew and is shorter.
                self._is_same_topic(consumer, reading)
            reading.looked_at = reading.reach.position
