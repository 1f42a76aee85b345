"""Where a group stands: its committed offsets with their metadata, read stably, and the ends of the log.

Stable (KIP-447): an offset that an open transaction may still change is not answered but waited for, so that the
work of a dead worker's last transaction is neither done twice nor left out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.admin._topic import TopicDescription
from faust.types import TP

from streamproc.transport.codes import HOPELESS
from streamproc.transport.errors import OffsetOutOfRange, TransportError
from streamproc.transport.flight.mark import Mark
from streamproc.transport.flight.progress import Progress, decode, mark_of
from streamproc.transport.kafka.admin import END, FIRST, REQUEST_S, RETRY_S, Admin, offsets_of

logger = logging.getLogger(__name__)

_UNSTABLE_S = 0.5


@dataclass(frozen=True, slots=True)
class Start:
    """Where a partition is taken up; ``commit_base``: that is news to the group and must be committed."""

    progress: Progress
    commit_base: bool = False
    mark: Mark | None = None


class Offsets:
    """Reads positions with clients of its own: the worker's consumer would wait for its poll.

    Every method blocks, and retries until it succeeds or ``stopped()``.
    """

    def __init__(
        self, config: dict[str, Any], group: str, reset: str, out_of_range: str, stopped: Callable[[], bool]
    ) -> None:
        self._admin = Admin(config)
        # Committed offsets are read by a consumer that never joins: librdkafka 2.16's admin client crashes the process
        # when a broker answers that it coordinates the group no more (its issue 5040). Reading committed, the consumer
        # asks for stable offsets.
        self._reading = config | {
            "group.id": group,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "log_level": 0,
        }
        self._group = group
        self._reset = reset
        self._out_of_range = out_of_range
        self._stopped = stopped
        self._cluster: str | None = None

    def starts(self, tps: Sequence[TP], wanted: Callable[[TP], bool]) -> Iterator[tuple[TP, Start]]:
        """Where to take each partition up, as soon as each is known.

        ``wanted(tp)`` is asked before every attempt: a partition may be revoked while it waits.

        Raises:
            OffsetOutOfRange: the committed offset's records are gone, and the policy is to stop.
            TransportError: the brokers refuse the request.
        """
        # Before anything of them is read: who is made anew meanwhile is found out later.
        topics = {topic: self.topic(topic) for topic in {tp.topic for tp in tps}}
        for tp, committed, metadata in self._stable(tps, wanted):
            now, partitions = topics[tp.topic]
            first, end = self._ends(tp)
            if committed < 0:
                yield tp, self._from_the_beginning(tp, now, partitions, first)
                continue
            then = Mark.decode(mark_of(committed, metadata))
            if then is not None and then.is_other_topic(now):
                reason = f"{tp.topic!r} was deleted and made anew since the group {self._group!r} committed {committed}"
            elif first <= committed <= end:
                # Offsets of another cluster, copied by a mirror, are not those of the same records here.
                here = then is None or then.cluster == now.cluster
                told = decode(committed, metadata)
                progress = told.below(end) if here else Progress.at(committed, told.stream)
                yield tp, Start(progress, mark=now.since(then.born if then else 0))
                continue
            else:
                reason = f"the group {self._group!r} stands at offset {committed}, but the log holds {first} to {end}"
            yield tp, self._by_policy(tp, now, first, f"{tp.topic}[{tp.partition}]: {reason}")

    def topic(self, name: str) -> tuple[Mark, int]:
        """Which topic has this name now, and how many partitions.

        Raises:
            TransportError: the brokers refuse the request, or the worker stops.
        """
        while not self._stopped():
            try:
                return self.describe(name)
            except KafkaException as error:
                self._wait(error.args[0], f"the topic {name!r}")
        raise TransportError("stopped")

    def describe(self, name: str) -> tuple[Mark, int]:
        """As ``topic``, in one attempt.

        Raises:
            KafkaException: no answer, or a refusal.
        """
        found = self._admin.ask(lambda client: self._describe(client, name))
        return Mark.of(self._cluster, found.topic_id), len(found.partitions)

    def _describe(self, client: AdminClient, name: str) -> TopicDescription:
        if self._cluster is None:
            self._cluster = client.list_topics(name, timeout=REQUEST_S).cluster_id
        asked = client.describe_topics(TopicCollection([name]), request_timeout=REQUEST_S)
        found: TopicDescription = asked[name].result()
        return found

    def ends(self, tps: Sequence[TP]) -> dict[TP, int]:
        """The ends of the logs for a reader of what is committed, in one attempt; what has no leader is left out.

        Raises:
            KafkaException: no answer, or a refusal.
        """
        found = self._admin.ask(lambda client: offsets_of(client, tps, END, IsolationLevel.READ_COMMITTED))
        return {tp: end for tp, end in found.items() if end >= 0}

    def committed(self, tps: Sequence[TP]) -> dict[TP, Progress]:
        """The group's committed progress; a partition without a committed offset is left out."""
        found = self._stable(tps, lambda _: True)
        return {tp: decode(offset, metadata) for tp, offset, metadata in found if offset >= 0}

    def _from_the_beginning(self, tp: TP, now: Mark, partitions: int, first: int) -> Start:
        """The group has never committed this partition: where it begins."""
        if self._reset == "earliest":
            return Start(Progress.at(first), mark=now)
        born = self._born(tp, now, partitions)
        if tp.partition >= born:
            logger.info("%s[%d] has come since the group began: it is read from its start", tp.topic, tp.partition)
            return Start(Progress.at(first), mark=now.since(born))
        return self._from_end(tp, "latest", first, now.since(born))

    def _born(self, tp: TP, now: Mark, partitions: int) -> int:
        """How many partitions the topic had when the group began, as its other partitions' offsets say.

        ``partitions``, when the group begins now.
        """
        others = [TP(tp.topic, number) for number in range(partitions) if number != tp.partition]
        found = [
            Mark.decode(mark_of(offset, metadata)) or now
            for _, offset, metadata in self._stable(others, lambda _: True)
            if offset >= 0
        ]
        return min((mark.born for mark in found if not mark.is_other_topic(now)), default=partitions)

    def _by_policy(self, tp: TP, now: Mark, first: int, reason: str) -> Start:
        """What was committed leads nowhere."""
        if self._out_of_range == "stop":
            raise OffsetOutOfRange(
                f"{reason}: records may be lost. Set the transport's out_of_range to earliest or latest to go on, or "
                "move the group's offset with kafka-consumer-groups.sh."
            )
        logger.warning("%s; going on at the %s offset", reason, self._out_of_range)
        start = self._from_end(tp, self._out_of_range, first, now)
        return Start(start.progress, commit_base=True, mark=now)

    def _from_end(self, tp: TP, which: str, first: int, mark: Mark) -> Start:
        if which == "earliest":
            return Start(Progress.at(first), mark=mark)
        # Committed at once: else a worker that dies before its first event would start at a later end, and skip some.
        end = self._list(tp, END, IsolationLevel.READ_COMMITTED)
        return Start(Progress.at(end), commit_base=True, mark=mark)

    def _ends(self, tp: TP) -> tuple[int, int]:
        anything = IsolationLevel.READ_UNCOMMITTED
        return self._list(tp, FIRST, anything), self._list(tp, END, anything)

    def _stable(self, tps: Sequence[TP], wanted: Callable[[TP], bool]) -> Iterator[tuple[TP, int, str | None]]:
        waiting = list(tps)
        reader = Consumer(self._reading)
        try:
            while not self._stopped() and (waiting := [tp for tp in waiting if wanted(tp)]):
                # All at once; and since one that is not stable keeps all waiting, then one at a time.
                for asked in [waiting, *([tp] for tp in waiting if len(waiting) > 1)]:
                    for tp, found in self._committed(reader, asked):
                        waiting = [other for other in waiting if other != tp]
                        yield tp, found.offset, found.metadata
                    if not waiting:
                        return
        finally:
            reader.close()

    def _committed(self, reader: Consumer, tps: Sequence[TP]) -> Iterator[tuple[TP, TopicPartition]]:
        """What is known of these within the time that a transaction takes as a rule."""
        what = "the group's offsets"
        try:
            answer = reader.committed([TopicPartition(*tp) for tp in tps], timeout=_UNSTABLE_S)
        except KafkaException as error:
            # Who may not see the group gets no answer; the reason comes like a record.
            told = reader.poll(0)
            reason = told.error() if told is not None else None
            if reason is not None and reason.code() in HOPELESS:
                self._wait(reason, what)
            if error.args[0].code() != KafkaError._TIMED_OUT:
                self._wait(error.args[0], what)
            return
        for found in answer:
            if found.error is None:
                yield TP(found.topic, found.partition), found
            elif found.error.code() != KafkaError.UNSTABLE_OFFSET_COMMIT:
                self._wait(found.error, f"{what} of {found.topic}[{found.partition}]")

    def _list(self, tp: TP, spec: OffsetSpec, isolation: IsolationLevel) -> int:
        while not self._stopped():
            try:
                return self._admin.offsets([tp], spec, isolation)[tp]
            except KafkaException as error:
                self._wait(error.args[0], f"the ends of {tp.topic}[{tp.partition}]")
        raise TransportError("stopped")

    def _wait(self, error: KafkaError, what: str) -> None:
        if error.code() in HOPELESS:
            raise TransportError(f"Kafka does not let the group {self._group!r} read {what}: {error.str()}")
        logger.warning("Reading %s: %s; trying again", what, error.name())
        time.sleep(RETRY_S)
