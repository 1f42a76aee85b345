"""Reading a topic from one place to another, once, in the order of its partitions: what a command does."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

import stamina
from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.places import OffsetRange
from streamproc.kafka.refusals import WORKER, Refusals, misconfigured
from streamproc.settings import Settings
from streamproc.transport.codes import LEADERLESS, PERMISSION, WAITED_IN_VAIN

TIMEOUT = 10.0
"""Seconds to wait for an answer of the brokers."""

STALL = 60.0
"""Seconds without any record, after which reading fails."""

_BATCH = 1000
_ATTEMPT = 1.0
"""Seconds after which it is asked whether the brokers refuse to answer."""


def configuration(settings: Settings, refusals: Refusals) -> dict[str, Any]:
    """Of a consumer that reads committed records alone, belongs to no group, and says where partitions end."""
    return {
        **settings.transport.client(settings.kafka.bootstrap_servers),
        "group.id": f"streamproc-command-{uuid.uuid4()}",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        # Bounds the memory of a scan over large letters.
        "queued.max.messages.kbytes": 32_768,
        "fetch.wait.max.ms": 20,
        # By default a full queue stops fetching for a second, ten times as long as it takes to empty it.
        "fetch.queue.backoff.ms": 10,
        "log_level": 0,
        "error_cb": refusals.heard,
    }


class TopicReader:
    """Reads committed records alone. It belongs to no consumer group: it commits nothing and disturbs nobody.

    A context manager. All methods raise StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED or TOPIC_MISSING.
    """

    def __init__(self, settings: Settings) -> None:
        self._bootstrap = settings.kafka.bootstrap_servers
        self._refusals = Refusals(WORKER)
        self._configuration = configuration(settings, self._refusals)
        try:
            self._consumer = Consumer(self._configuration)
        except KafkaException as error:
            raise misconfigured(error.args[0], WORKER) from None
        self._seen: set[tuple[str, int]] = set()

    def __enter__(self) -> TopicReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def bounds(self, topic: str, since_ms: int | None = None, until_ms: int | None = None) -> list[OffsetRange]:
        """From the first to the last record of every partition as of now, or within two times (ms since 1970)."""
        try:
            again = self._is_worth_another_try
            for attempt in stamina.retry_context(again, attempts=None, timeout=TIMEOUT, wait_max=_ATTEMPT):
                with attempt:
                    return self._bounds(topic, since_ms, until_ms)
        except KafkaException as error:
            raise self._unavailable(error, topic) from None
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _bounds(self, topic: str, since_ms: int | None, until_ms: int | None) -> list[OffsetRange]:
        found = self._consumer.list_topics(topic, timeout=_ATTEMPT).topics[topic]
        if found.error is not None:
            if found.error.code() in PERMISSION:
                raise KafkaException(found.error)
            raise StreamprocError(
                ErrorCode.TOPIC_MISSING, f"{topic} on {self._bootstrap}: run 'streamproc topics create'"
            )
        partitions = sorted(found.partitions)
        ends = {p: self._consumer.get_watermark_offsets(TopicPartition(topic, p), TIMEOUT) for p in partitions}
        begins = self._offsets_at(topic, partitions, since_ms)
        limits = self._offsets_at(topic, partitions, until_ms)
        spans = []
        for partition in partitions:
            low, high = ends[partition]
            spans.append(
                OffsetRange(partition, max(low, begins.get(partition, low)), min(high, limits.get(partition, high)))
            )
        return spans

    def read(self, topic: str, spans: Iterable[OffsetRange]) -> Iterator[list[Message]]:
        """The records of each span in turn, in batches; an empty batch when a span is done."""
        for span in spans:
            if span.end is None or span.begin < span.end:
                yield from self._read_span(topic, span)
            yield []

    def record_at(self, topic: str, partition: int, offset: int) -> Message | None:
        """The record at this place; None where none is: deleted, not written yet, aborted, or a marker."""
        for there in self.bounds(topic):
            if there.partition == partition and there.begin <= offset < (there.end or 0):
                for batch in self.read(topic, [OffsetRange(partition, offset, offset + 1)]):
                    for message in batch:
                        return message
        return None

    def read_all(self, topic: str) -> Iterator[list[Message]]:
        """All records of a topic, its partitions side by side: in order within each."""
        spans = self.bounds(topic)
        left = {span.partition for span in spans}
        for batch in self._consume(topic, spans):
            # None but the ends of partitions come with an error.
            ends = {message.partition() for message in batch if message.error() is not None}
            yield [message for message in batch if message.error() is None] if ends else batch
            left -= ends
            if not left:
                return

    def _read_span(self, topic: str, span: OffsetRange) -> Iterator[list[Message]]:
        for batch in self._consume(topic, [span]):
            records, done = _cut(batch, span)
            if records:
                yield records
            if done:
                return

    def _consume(self, topic: str, spans: list[OffsetRange]) -> Iterator[list[Message]]:
        """What comes from the beginnings of the spans on, for ever: records, and the ends of partitions as errors."""
        places = {(topic, span.partition) for span in spans}
        if places & self._seen:
            # What the old assignment has fetched may still be on its way, its end of the log for one.
            self._consumer.close()
            self._consumer = Consumer(self._configuration)
            self._seen.clear()
        self._seen |= places
        try:
            self._consumer.assign([TopicPartition(topic, span.partition, span.begin) for span in spans])
            heard = time.monotonic()
            while True:
                # It waits for a full batch, or as long as this: the end of a partition costs so much.
                batch = checked(self._consumer.consume(_BATCH, timeout=0.02))
                if self._seen != places:
                    batch = [message for message in batch if (message.topic(), message.partition()) in places]
                if batch:
                    heard = time.monotonic()
                    yield batch
                elif time.monotonic() - heard > STALL:
                    raise StreamprocError(ErrorCode.KAFKA_UNAVAILABLE, f"no record of {topic} within {STALL:g} s")
        except KafkaException as error:
            raise self._unavailable(error, topic) from None

    def _offsets_at(self, topic: str, partitions: Iterable[int], time_ms: int | None) -> dict[int, int]:
        """Partition -> offset of the first record at or after a time; no entry where there is no time or no record."""
        if time_ms is None:
            return {}
        asked = [TopicPartition(topic, partition, max(time_ms, 0)) for partition in partitions]
        answers = self._consumer.offsets_for_times(asked, TIMEOUT)
        last = self._last(topic, [a.partition for a in answers if a.offset == OFFSET_END])
        return {a.partition: last.get(a.partition, a.offset) for a in answers}

    def _last(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        return {p: self._consumer.get_watermark_offsets(TopicPartition(topic, p), TIMEOUT)[1] for p in partitions}

    def _unavailable(self, error: KafkaException, topic: str) -> StreamprocError:
        return self._refusals.failure(error.args[0], f"{topic} on {self._bootstrap}")

    def _is_worth_another_try(self, error: Exception) -> bool:
        """A partition's leader has just been chosen, or is another now; or the brokers have not answered yet."""
        self._consumer.poll(0)  # serves the callback
        again = LEADERLESS | WAITED_IN_VAIN
        return isinstance(error, KafkaException) and error.args[0].code() in again and not self._refusals.shut_out


def checked(batch: list[Message]) -> list[Message]:
    """The records and the ends of partitions; any other error is raised."""
    if all(message.error() is None for message in batch):
        return batch
    kept = []
    for message in batch:
        error = message.error()
        if error is None or error.code() == KafkaError._PARTITION_EOF:
            kept.append(message)
        elif error.code() != KafkaError.GROUP_AUTHORIZATION_FAILED:
            # librdkafka looks for the group's coordinator; who belongs to no group needs none.
            raise KafkaException(error)
    return kept


def _cut(batch: list[Message], span: OffsetRange) -> tuple[list[Message], bool]:
    """The records of the batch that lie in the span, and whether the span is done.

    Transaction markers have offsets and are no records: the span may end without its last offset being seen.
    """
    last = batch[-1]
    # The usual batch: nothing but records, all inside.
    if (span.end is None or (last.offset() or 0) < span.end - 1) and all(m.error() is None for m in batch):
        return batch, False
    records: list[Message] = []
    for message in batch:
        if message.error() is not None:
            return records, True
        offset = int(message.offset() or 0)
        if span.end is not None and offset >= span.end:
            return records, True
        records.append(message)
        if offset + 1 == span.end:
            return records, True
    return records, False
