"""Which partitions the group has given this worker: read their positions, fetch from there, give them up in time.

All on the poll thread, inside and between its polls, but for the reading of positions.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from typing import Literal

from confluent_kafka import Consumer, KafkaException, TopicPartition
from faust.types import TP

from streamproc.transport.flight.entries import Assignment
from streamproc.transport.flight.state.restored import Restored
from streamproc.transport.kafka.commands import Commands
from streamproc.transport.kafka.listener import Listener
from streamproc.transport.kafka.offsets import Offsets, Start
from streamproc.transport.settings import TransportSettings

logger = logging.getLogger(__name__)

#: How long a rebalance waits for stores to be closed.
_CLOSE_S = 5.0

#: Brings the tables of source partitions of one number, which come and go together, up to date, as long as they are
#: wanted, then calls what comes last; see Recovery.
Restore = Callable[[Sequence[TP], Callable[[], bool], Callable[[Restored], None]], None]


#: The offset before which a partition is read no further; None: it is read as long as it grows.
Until = Callable[[TP], int | None]


def no_end(_tp: TP) -> None:
    """Everything is read, and what comes."""


def no_tables(_tps: Sequence[TP], _wanted: Callable[[], bool], then: Callable[[Restored], None]) -> None:
    """Of an app without tables nothing is restored."""
    then(Restored({}))


class Assigning:
    """Carries the group's rebalances out; the callbacks run inside poll and close."""

    def __init__(
        self,
        settings: TransportSettings,
        offsets: Offsets,
        reader: Executor,
        listener: Listener,
        loop: asyncio.AbstractEventLoop,
        commands: Commands,
        capture: Callable[[Consumer], None],
        stopping: Callable[[], bool],
        restore: Restore = no_tables,
        until: Until = no_end,
    ) -> None:
        """``reader``: reads positions. ``capture``: takes note of the group's generation. ``until``: see Until."""
        self._settings = settings
        self._offsets = offsets
        self._reader = reader
        self._listener = listener
        self._loop = loop
        self._commands = commands
        self._capture = capture
        self._stopping = stopping
        self._restore = restore
        self._until = until
        self._eager = settings.assignment == "range"
        self.topics: list[str] = []
        #: Whether the group has ever let this worker in.
        self.joined = False
        self.assignments: dict[TP, Assignment] = {}
        #: Positions that are known, with the token of the assignment that they were read for.
        self._known: queue.SimpleQueue[tuple[TP, object, Start, Restored]] = queue.SimpleQueue()
        #: Assigned by the group, but not fetched yet: their positions are being read. The token tells one assignment
        #: of a partition from the next.
        self._pending: dict[TP, object] = {}
        self._starts: dict[TP, tuple[Start, Restored]] = {}
        self._second_round: Literal["not due", "due", "asked for"] = "not due"

    def subscribe(self, consumer: Consumer, *more: str) -> None:
        """Join the group for the topics."""
        topics = [*self.topics, *more]
        if not topics:
            # An app of timers and tasks alone: it is ready, and in no group.
            consumer.unsubscribe()
            self._listener.on_assigned([])
            return
        consumer.subscribe(topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)

    def in_group(self) -> None:
        """The group has a generation of which this worker is a member."""
        if not self.joined and self._settings.assignment == "consumer":
            # A member that the brokers give no partition (KIP-848) is in the group, and no callback will tell.
            self.joined = True
            self._listener.on_assigned([])

    def leave(self, consumer: Consumer) -> None:
        """Close the consumer."""
        if not self.assignments and not self._pending:
            # librdkafka 2.16 closes a cooperative member that has no partitions without telling the group, which would
            # wait for it in every rebalance until its session is over.
            with suppress(KafkaException):
                consumer.unsubscribe()
        consumer.close()
        with suppress(queue.Empty):
            while True:
                self._known.get_nowait()[3].close()

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._eager:
            consumer.assign([])
        else:
            consumer.incremental_assign([])
        token = object()
        tps = [TP(partition.topic, partition.partition) for partition in partitions]
        self._pending.update(dict.fromkeys(tps, token))
        if not self.joined:
            self.joined = True
            if tps and self._settings.group_instance_id and self._settings.assignment == "cooperative-sticky":
                self._second_round = "due"
            self._listener.on_assigned([])
        elif self._second_round == "asked for":
            self._second_round = "not due"
            self._commands.call(self.subscribe)
        if tps:
            self._reader.submit(self._read_starts, tps, token)

    def _read_starts(self, tps: list[TP], token: object) -> None:
        try:
            starts = self._offsets.starts(tps, lambda tp: self._pending.get(tp) is token)
            # Only then: the end of a changelog that is read before the group's offset is too early.
            if not self._eager:
                for one in starts:
                    self._restore_tables([one], token)
                return
            # An eager assignment begins and ends all at once: so topics may share tables.
            together = defaultdict(list)
            for tp, start in starts:
                together[tp.partition].append((tp, start))
            for group in together.values():
                self._restore_tables(group, token)
        except BaseException as error:  # noqa: BLE001 - it must end the worker, not this thread
            if not self._stopping():
                self._listener.on_crash(error)

    def _restore_tables(self, starts: Sequence[tuple[TP, Start]], token: object) -> None:
        tps = [tp for tp, _ in starts]

        def wanted() -> bool:
            return all(self._pending.get(tp) is token for tp in tps) and not self._stopping()

        def then(restored: Restored) -> None:
            for tp, start in starts:
                self._known.put((tp, token, start, restored))

        self._restore(tps, wanted, then)

    def begin_known(self, consumer: Consumer) -> None:
        """Begin assignments. Only between two polls: what a poll brings is of the assignment that was there before it.

        One that began while records were being taken, in a drain inside a poll, would be given what was fetched for
        its predecessor, and take everything below for a gap.
        """
        with suppress(queue.Empty):
            while True:
                self._begin(consumer, *self._known.get_nowait())

    def _begin(self, consumer: Consumer, tp: TP, token: object, start: Start, restored: Restored) -> None:
        """The position is known: fetch from it, unless the partition was taken away meanwhile."""
        if self._pending.get(tp) is not token:
            restored.close()
            return
        self._starts[tp] = start, restored
        if self._eager and len(self._starts) < len(self._pending):
            return  # an eager assignment is made all at once
        starts, self._starts = self._starts, {}
        positions = [TopicPartition(*tp, start.progress.base) for tp, (start, _) in starts.items()]
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
        begun: list[Assignment] = []
        by_restored: dict[Restored, Assignment] = {}
        for tp, (start, restored) in starts.items():
            assignment = Assignment(
                tp,
                start.progress,
                commit_base=start.commit_base,
                mark=start.mark,
                restored=restored,
                sibling=by_restored.get(restored),
                until=self._until(tp),
            )
            by_restored.setdefault(restored, assignment)
            begun.append(assignment)
            del self._pending[tp]
            self.assignments[tp] = assignment
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
        self.subscribe(consumer, "^" + self.topics[0].replace(".", "[.]") + "$")

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        doomed = self._forget(partitions)
        for assignment in doomed:
            assignment.drain()
        if doomed:
            self._capture(consumer)
            deadline = time.monotonic() + self._settings.drain_timeout
            drained = asyncio.run_coroutine_threadsafe(self._listener.revoked(doomed, deadline), self._loop)
            while not drained.done() and time.monotonic() < deadline:
                self._commands.run(consumer)
                time.sleep(0.005)
            drained.cancel()
        for assignment in doomed:
            assignment.give_up()
        self._listener.on_lost(doomed)
        self._wait_for_stores(consumer, doomed)
        self._unassign(consumer, doomed)

    def _wait_for_stores(self, consumer: Consumer, assignments: list[Assignment]) -> None:
        """Until the event loop has closed them: who has the partition next may be this worker itself."""
        deadline = time.monotonic() + _CLOSE_S
        while time.monotonic() < deadline and not all(
            assignment.restored is None or assignment.restored.closed for assignment in assignments
        ):
            self._commands.run(consumer)
            time.sleep(0.002)

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
            if (known := self._starts.pop(tp, None)) is not None:
                known[1].close()
            if assignment := self.assignments.pop(tp, None):
                forgotten.append(assignment)
        return forgotten

    def _unassign(self, consumer: Consumer, assignments: list[Assignment]) -> None:
        # Only what was assigned: librdkafka refuses the others, and a revocation may overtake the reading of offsets.
        if self._eager:
            consumer.unassign()
        else:
            consumer.incremental_unassign([TopicPartition(*assignment.tp) for assignment in assignments])
