"""A part of a topic's history that another group reads again: where it begins and ends, and how much of it is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from faust.types import TP

from streamproc.kafka.lag import Look
from streamproc.kafka.places import OffsetRange
from streamproc.kafka.progress import committed
from streamproc.kafka.reading import TopicReader
from streamproc.settings import Settings
from streamproc.transport.flight.progress import Progress

_LOOKED_AT = 1000
"""Offsets, at the end of a partition, whose records are counted: what is left there may be markers alone."""


@dataclass(frozen=True, slots=True)
class History:
    """Of each partition of ``topic`` the offsets between two times."""

    topic: str
    spans: Sequence[OffsetRange]

    @property
    def ends(self) -> Mapping[int, int]:
        """Partition -> the offset before which it ends."""
        return {span.partition: span.end or 0 for span in self.spans}

    @property
    def size(self) -> int:
        """Offsets in all."""
        return sum(max(0, (span.end or 0) - span.begin) for span in self.spans)


def history(settings: Settings, topic: str, since_ms: int | None, until_ms: int) -> History:
    """The records from the first one at or after ``since_ms`` to the one before the first at or after ``until_ms``.

    As long as neither time is in the future and records are not deleted, it is the same whenever it is asked for, but
    for records that are written late with a timestamp before ``until_ms``.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED, TOPIC_MISSING.
    """
    with TopicReader(settings) as reader:
        return History(topic, reader.bounds(topic, since_ms, until_ms))


def cut_off(settings: Settings, what: History) -> list[int]:
    """The partitions in which it begins where the log does, whose older records are deleted: some of it may have been.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED, TOPIC_MISSING.
    """
    with TopicReader(settings) as reader:
        begins = {span.partition: span.begin for span in reader.bounds(what.topic)}
    return [span.partition for span in what.spans if span.begin <= begins.get(span.partition, 0) > 0]


def lost(settings: Settings, group: str, what: History) -> list[int]:
    """The partitions in which records are deleted that the group had not finished; perhaps markers alone.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED, TOPIC_MISSING.
    """
    progress = committed(settings, group, _partitions(what))
    with TopicReader(settings) as reader:
        begins = {span.partition: span.begin for span in reader.bounds(what.topic)}
    found = []
    for span in what.spans:
        first = progress.get(TP(what.topic, span.partition), Progress.at(span.begin)).base
        if max(first, span.begin) < min(begins.get(span.partition, 0), span.end or 0):
            found.append(span.partition)
    return found


def is_begun(settings: Settings, group: str, what: History) -> bool:
    """Whether the group has committed anything."""
    return bool(committed(settings, group, _partitions(what)))


def left(settings: Settings, group: str, what: History) -> int:
    """How many records the group has still to finish; an upper bound, which counts markers, until few are left.

    What is deleted is nobody's work any more: ``lost`` tells of it.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED, TOPIC_MISSING.
    """
    progress = committed(settings, group, _partitions(what))
    found = 0
    with TopicReader(settings) as reader:
        begins = {span.partition: span.begin for span in reader.bounds(what.topic)}
        for span in what.spans:
            begin = max(span.begin, begins.get(span.partition, 0))
            look = Look(what.topic, OffsetRange(span.partition, begin, span.end))
            end = span.end or 0
            look.stand(progress.get(TP(what.topic, span.partition), Progress.at(span.begin)), end)
            if 0 < look.left <= _LOOKED_AT:
                look.read(reader.read(what.topic, [OffsetRange(span.partition, look.begin, end)]), True, 1 << 30)
            found += look.result(0.0).unfinished if look.left else 0
    return found


def _partitions(what: History) -> list[TP]:
    return [TP(what.topic, span.partition) for span in what.spans]
