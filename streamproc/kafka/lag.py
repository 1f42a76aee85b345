"""How much work a group has left, whether or not a worker lives.

Brokers' lag does not tell it: work beyond the committed offset is done, as the offset's metadata says, and transaction
markers have offsets, so that a group that has done everything may have a lag of 1 for ever. So the records themselves
are counted, where they are not too many.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from confluent_kafka import Message
from faust.types import TP

from streamproc.kafka.places import OffsetRange
from streamproc.kafka.progress import committed
from streamproc.kafka.reading import TopicReader
from streamproc.settings import Settings
from streamproc.transport.flight.progress import Progress

MOST_RECORDS = 100_000
"""Offsets that one look reads, of all partitions together."""
MOST_BYTES = 256 << 20
"""Bytes of records, after which it reads no further: activities may hold their recordings."""


@dataclass(frozen=True, slots=True)
class Lag:
    """Of one partition: its records without a committed outcome.

    oldest_s: seconds since the timestamp of the first of them, by its publisher's clock and ours, not below 0; None:
    there is none, or it has no timestamp. exact: else ``unfinished`` is an upper bound, which counts offsets that hold
    no record.
    """

    topic: str
    partition: int
    unfinished: int
    oldest_s: float | None
    exact: bool


def lags(
    settings: Settings,
    group: str,
    topics: Sequence[str],
    *,
    records: int = MOST_RECORDS,
    size: int = MOST_BYTES,
    without: Collection[TP] = (),
) -> list[Lag]:
    """How much each partition has left, but for those ``without``; it reads ``records`` and about ``size`` bytes.

    What workers finish meanwhile counts as unfinished. A group that has committed nothing has everything left.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED, TOPIC_MISSING.
    """
    with TopicReader(settings) as reader:
        spans = [(topic, span) for topic in topics for span in reader.bounds(topic)]
        looks = [Look(topic, span) for topic, span in spans if (topic, span.partition) not in without]
        if not looks:
            return []
        progress = committed(settings, group, [TP(look.topic, look.span.partition) for look in looks])
        ends = {(topic, span.partition): span.end for topic in topics for span in reader.bounds(topic)}
        now, found = time.time(), []
        for look in looks:
            tp = TP(look.topic, look.span.partition)
            look.stand(progress.get(tp, Progress.at(look.span.begin)), ends[tp] or 0)
        # The small ones first: one that is too large takes nothing from them.
        for look in sorted(looks, key=lambda look: look.left):
            if look.left:
                whole = look.left <= records
                batches = reader.read(look.topic, [OffsetRange(look.span.partition, look.begin, look.end)])
                size -= look.read(batches, whole, size)
                records -= look.left if whole else 0
            found.append(look.result(now))
    return sorted(found, key=lambda lag: (lag.topic, lag.partition))


class Look:
    """One partition, looked at from where its work begins to its end."""

    def __init__(self, topic: str, span: OffsetRange) -> None:
        self.topic = topic
        self.span = span
        self.begin = self.end = 0
        self._progress = Progress.at(0)
        self._counted = 0
        self._position = 0
        self._oldest_ms: int | None = None

    def stand(self, progress: Progress, end: int) -> None:
        """This is finished, and here the log ends."""
        self._progress = progress.below(end)
        self.begin = self._position = max(self._progress.base, self.span.begin)
        self.end = end

    @property
    def left(self) -> int:
        """Offsets from the first unfinished one to the end."""
        return max(0, self.end - self.begin)

    def read(self, batches: Iterable[Sequence[Message]], whole: bool, size: int) -> int:
        """Count what is unfinished, in about ``size`` bytes; only the first one unless ``whole``. Returns the bytes."""
        taken = 0
        for batch in batches:
            for message in batch:
                offset = message.offset() or 0
                taken += len(message)
                self._position = offset + 1
                if not self._progress.is_done(offset):
                    if not self._counted:
                        milliseconds = message.timestamp()[1]
                        self._oldest_ms = milliseconds if milliseconds > 0 else None
                    self._counted += 1
                if self._counted and (not whole or taken >= size):
                    return taken
        self._position = self.end  # what is left are markers
        return taken

    def result(self, now: float) -> Lag:
        """What was found; what was not read is bounded by its offsets."""
        begun = sum(offset >= self._position for offset in self._progress.unfinished)
        rest = begun + max(0, self.end - max(self._position, self._progress.top))
        oldest = None if self._oldest_ms is None else round(max(0.0, now - self._oldest_ms / 1000), 3)
        return Lag(self.topic, self.span.partition, self._counted + rest, oldest, self._position >= self.end)
