"""Reading a topic from one place to another, once, in the order of its partitions: what a command does."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator
from types import TracebackType

import stamina
from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streamproc.deadletter.letters import Span
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.settings import Settings

TIMEOUT = 10.0
"""Seconds to wait for an answer of the brokers."""

STALL = 60.0
"""Seconds without any record, after which reading fails."""

_BATCH = 1000
_LEADERLESS = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_PARTITION,
}


# Standard output belongs to the command, and a log that nobody has configured would go there.
stamina.instrumentation.set_on_retry_hooks(())


class TopicReader:
    """Reads committed records alone. It belongs to no consumer group: it commits nothing and disturbs nobody.

    A context manager. All methods raise StreamprocError: KAFKA_UNAVAILABLE or TOPIC_MISSING.
    """

    def __init__(self, settings: Settings) -> None:
        self._bootstrap = settings.kafka.bootstrap_servers
        self._configuration = {
            **settings.transport.client(self._bootstrap),
            "group.id": f"streamproc-command-{uuid.uuid4()}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            # Bounds the memory of a scan over large letters.
            "queued.max.messages.kbytes": 32_768,
            "fetch.wait.max.ms": 20,
            "log_level": 0,
        }
        self._consumer = Consumer(self._configuration)
        self._seen: set[tuple[str, int]] = set()

    def __enter__(self) -> TopicReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def bounds(self, topic: str, since_ms: int | None = None, until_ms: int | None = None) -> list[Span]:
        """From the first to the last record of every partition as of now, or within two times (ms since 1970)."""
        try:
            for attempt in stamina.retry_context(_leader_moves, timeout=TIMEOUT):
                with attempt:
                    return self._bounds(topic, since_ms, until_ms)
        except KafkaException as error:
            raise self._unavailable(error) from None
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _bounds(self, topic: str, since_ms: int | None, until_ms: int | None) -> list[Span]:
        found = self._consumer.list_topics(topic, timeout=TIMEOUT).topics[topic]
        if found.error is not None:
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
            spans.append(Span(partition, max(low, begins.get(partition, low)), min(high, limits.get(partition, high))))
        return spans

    def read(self, topic: str, spans: Iterable[Span]) -> Iterator[list[Message]]:
        """The records of each span in turn, in batches; an empty batch when a span is done."""
        for span in spans:
            if span.end is None or span.begin < span.end:
                yield from self._read_span(topic, span)
            yield []

    def _read_span(self, topic: str, span: Span) -> Iterator[list[Message]]:
        place = TopicPartition(topic, span.partition, span.begin)
        if (topic, span.partition) in self._seen:
            # What the old assignment has fetched may still be on its way, its end of the log for one.
            self._consumer.close()
            self._consumer = Consumer(self._configuration)
            self._seen.clear()
        self._seen.add((topic, span.partition))
        try:
            self._consumer.assign([place])
            heard = time.monotonic()
            while True:
                # It waits for a full batch, or as long as this: the end of a partition costs so much.
                batch = self._consumer.consume(_BATCH, timeout=0.02)
                if self._seen != {(topic, span.partition)}:
                    batch = [m for m in batch if m.topic() == topic and m.partition() == span.partition]
                if not batch:
                    if time.monotonic() - heard > STALL:
                        raise StreamprocError(ErrorCode.KAFKA_UNAVAILABLE, f"no record of {topic} within {STALL:g} s")
                    continue
                heard = time.monotonic()
                records, done = _cut(batch, span)
                if records:
                    yield records
                if done:
                    return
        except KafkaException as error:
            raise self._unavailable(error) from None

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

    def _unavailable(self, error: KafkaException) -> StreamprocError:
        return StreamprocError(
            ErrorCode.KAFKA_UNAVAILABLE,
            f"{self._bootstrap} (STREAMPROC_KAFKA__BOOTSTRAP_SERVERS): {error.args[0].str()}",
        )


def _leader_moves(error: Exception) -> bool:
    """Whether asking again helps: a partition's leader has just been chosen, or is another now."""
    return isinstance(error, KafkaException) and error.args[0].code() in _LEADERLESS


def _cut(batch: list[Message], span: Span) -> tuple[list[Message], bool]:
    """The records of the batch that lie in the span, and whether the span is done.

    Transaction markers have offsets and are no records: the span may end without its last offset being seen.
    """
    last = batch[-1]
    # The usual batch: nothing but records, all inside.
    if (span.end is None or (last.offset() or 0) < span.end - 1) and all(m.error() is None for m in batch):
        return batch, False
    records: list[Message] = []
    for message in batch:
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                return records, True
            raise KafkaException(error)
        offset = int(message.offset() or 0)
        if span.end is not None and offset >= span.end:
            return records, True
        records.append(message)
        if offset + 1 == span.end:
            return records, True
    return records, False
