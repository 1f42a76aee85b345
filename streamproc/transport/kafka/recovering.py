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
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from faust.types import TP

from streamproc.transport.codes import NO_TOPIC
from streamproc.transport.errors import TransportError
from streamproc.transport.flight.mark import Mark
from streamproc.transport.flight.state.position import Log, Reach
from streamproc.transport.flight.state.restored import Changelog, Restored, StoreInUse
from streamproc.transport.flight.state.store import Store, Write
from streamproc.transport.kafka.consumer_errors import judge
from streamproc.transport.kafka.reading import FOR_EVER, NOBODY, Reading, RecoveryProgress, SourcePartition, Standby

logger = logging.getLogger(__name__)

_POLL_S = 0.05
_BATCH = 20_000
_LOOK_S = 5.0
_ENDS_S = 1.0
_STANDBYS_S = 30.0
_LOCKED_S = 0.1


class Recovery:
    """One consumer, outside any group, and its thread; both live while something is to be recovered."""

    def __init__(
        self,
        config: dict[str, Any],
        describe: Callable[[Sequence[TP]], dict[TP, Log]],
        mark: Callable[[str], Mark],
        crash: Callable[[BaseException], None],
        stopped: Callable[[], bool],
        *,
        standby: bool = False,
    ) -> None:
        """``config``: librdkafka's of a client. ``describe``, ``mark``: see Changelogs.

        ``standby``: stores that are not used any more are followed on, see ``follow``.
        """
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
        self._mark = mark
        self._crash = crash
        self._stopped = stopped
        self._standby = standby
        #: Standbys to be: changelog, and its store if it is open.
        self._to_follow: deque[tuple[Changelog, Store | None]] = deque()
        self._following: dict[TP, Reading] = {}
        self._lock = threading.Lock()
        self._waiting: deque[Reading] = deque()
        self._reading: dict[TP, Reading] = {}
        self._running = False
        self._look_due = 0.0
        self._ends_due = 0.0
        self._standbys_due = 0.0

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
        partition = SourcePartition(wanted, then, len(changelogs))
        with self._lock:
            self._waiting.extend(Reading(changelog, logs[changelog.tp], partition) for changelog in changelogs)
            self._wake()

    def follow(self, changelogs: Iterable[Changelog]) -> None:
        """Keep stores up to these, on and on, so that a recovery has only the rest to read. From any thread."""
        with self._lock:
            self._to_follow.extend((changelog, None) for changelog in changelogs)
            self._wake()

    @property
    def standbys(self) -> dict[TP, Standby]:
        """Stores that follow their changelogs, by the changelog's partition. From any thread."""
        return {
            tp: Standby(one.store, max(0, one.end - one.reach.position))
            for tp, one in list(self._following.items())
            if one.store is not None
        }

    @property
    def progress(self) -> list[RecoveryProgress]:
        """What is being recovered now. From any thread."""
        now = time.monotonic()
        return [
            RecoveryProgress(tp, one.reach.position, one.reach.left, one.reach.seconds_left(now - one.begun))
            for tp, one in list(self._reading.items())
        ]

    def _wake(self) -> None:
        if not self._running:
            self._running = True
            threading.Thread(target=self._run, name="rdkafka-recovery", daemon=True).start()

    def _close(self, changelog: Changelog, store: Store) -> None:
        """A store is not used any more. From any thread."""
        if self._standby and not self._stopped():
            with self._lock:
                self._to_follow.append((changelog, store))
                self._wake()
        else:
            store.close()

    # -- the thread

    def _run(self) -> None:
        try:
            consumer = Consumer(self._config)
            try:
                while self._go_on():
                    self._follow_on(consumer)
                    self._take_on(consumer)
                    self._read(consumer)
                    self._let_go(consumer)
                    self._look_around(consumer)
            finally:
                consumer.close()
                for standby in self._following.values():
                    if standby.store is not None:
                        standby.store.close()
        except BaseException as error:  # noqa: BLE001 - whatever ends this thread must end the worker
            if not self._stopped():
                self._crash(error)

    def _go_on(self) -> bool:
        with self._lock:
            self._running = not self._stopped() and bool(
                self._reading or self._waiting or self._following or self._to_follow
            )
            return self._running

    def _follow_on(self, consumer: Consumer) -> None:
        if not self._to_follow:
            return
        found = [self._to_follow.popleft() for _ in range(len(self._to_follow))]
        logs = self._describe([changelog.tp for changelog, _ in found])
        for changelog, store in found:
            if changelog.tp in self._following or changelog.tp in self._reading:
                if store is not None:
                    store.close()  # another source topic's is followed
                continue
            reading = Reading(changelog, logs[changelog.tp], NOBODY)
            reading.store = store
            try:
                reading.open()
            except StoreInUse as error:
                reason = f"{changelog}: {error}; with standbys each worker needs a datadir of its own"
                raise TransportError(reason) from error
            reading.reach = Reach(reading.reach.position, FOR_EVER)
            self._following[changelog.tp] = reading
            consumer.incremental_assign([TopicPartition(*changelog.tp, reading.reach.position)])

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
            if (standby := self._following.get(changelog.tp)) is not None:
                self._end(consumer, standby)
                if standby.changelog.place == changelog.place:
                    reading.store = standby.store
                elif standby.store is not None:
                    standby.store.close()  # its own topic's partition may be ours too, and would wait for it for ever
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
        if not self._following and all(reading.reach.done for reading in self._reading.values()):
            if not self._reading:
                time.sleep(_LOCKED_S)  # stores that others have open yet
            return
        # consume(n, t) waits for n records or all of t: so wait for one, and take the others that are there.
        now = time.time()
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
            if (reading := self._reading.get(tp) or self._following.get(tp)) is not None and reading.partition.wanted():
                if reading.partition is NOBODY and tp in ends:
                    reading.since = now  # as of a recovery that reaches its end
                reading.take(records.get(tp, []), last.get(tp), ends.get(tp))

    def _hear(self, consumer: Consumer, message: Message, ends: dict[TP, int]) -> None:
        error = message.error()
        assert error is not None
        tp = TP(message.topic() or "", message.partition() or 0)
        if error.code() == KafkaError._PARTITION_EOF:
            ends[tp] = message.offset() or 0
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            if (reading := self._reading.get(tp) or self._following.get(tp)) is not None:
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

    def _finish(self, consumer: Consumer, reading: Reading) -> None:
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
            partition.then(Restored(partition.read, self._close))

    def _is_same_topic(self, consumer: Consumer, reading: Reading) -> bool:
        """Whether the topic is still that which was described; else it is read anew."""
        tp = reading.changelog.tp
        if not reading.log.mark.is_other_topic(self._mark(tp.topic)):
            return True
        self._again(consumer, reading, "the changelog was deleted and made anew while it was read")
        return False

    def _again(self, consumer: Consumer, reading: Reading, reason: str) -> None:
        logger.warning("%s: the store is rebuilt from the changelog's start: %s", reading.changelog, reason)
        self._end(consumer, reading)
        assert reading.store is not None
        reading.store.clear()
        tp = reading.changelog.tp
        if reading.partition is NOBODY:
            self._to_follow.append((reading.changelog, reading.store))
            return
        anew = Reading(reading.changelog, self._describe([tp])[tp], reading.partition)
        anew.store = reading.store
        self._waiting.append(anew)

    def _end(self, consumer: Consumer, reading: Reading) -> None:
        """Read no more of it."""
        tp = reading.changelog.tp
        del (self._following if reading.partition is NOBODY else self._reading)[tp]
        assigned = {(place.topic, place.partition) for place in consumer.assignment()}
        if tp in assigned:  # it is not, where nothing was to be read
            consumer.incremental_unassign([TopicPartition(*tp)])

    def _give_up(self, reading: Reading) -> None:
        """Close what was opened for a partition that is not wanted any more."""
        read = reading.partition.read
        while read:
            changelog, (store, _) = read.popitem()
            self._close(changelog, store)
        if reading.store is not None:
            self._close(reading.changelog, reading.store)

    def _look_around(self, consumer: Consumer) -> None:
        if time.monotonic() >= self._ends_due:
            self._ends_due = time.monotonic() + _ENDS_S
            for tp, standby in self._following.items():
                ends = consumer.get_watermark_offsets(TopicPartition(*tp), cached=True)
                standby.end = max(standby.end, ends[1]) if ends is not None else standby.end
        if time.monotonic() >= self._standbys_due and self._following:
            self._standbys_due = time.monotonic() + _STANDBYS_S
            marks = {name: self._mark(name) for name in {tp.topic for tp in self._following}}
            for tp, standby in list(self._following.items()):
                if standby.log.mark.is_other_topic(marks[tp.topic]):
                    self._again(consumer, standby, "the changelog was deleted and made anew")
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
