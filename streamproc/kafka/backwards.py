"""Reading topics from their ends backwards: the newest first, until enough is found or a budget is used up."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from confluent_kafka import Message

from streamproc.kafka.places import OffsetRange, Position
from streamproc.kafka.reading import TopicReader

T = TypeVar("T")

MOST_RECORDS, MOST_BYTES = 20_000, 64 << 20
"""What one look reads at the most, about."""

_FIRST_STEP, _LONGEST_STEP = 32, 1_024
"""Offsets of a partition that are read at once: doubled while records are small."""


@dataclass(frozen=True, slots=True)
class Looked(Generic[T]):
    """What was found, the newest first; how many records were read; and where older ones begin (None: there are none).

    ``older``: the end, exclusive, of what is left of each partition.
    """

    found: list[T]
    records: int
    older: dict[int, int] | None


def backwards(
    reader: TopicReader,
    topic: str,
    wanted: Callable[[Message], T | None],
    limit: int,
    *,
    below: Mapping[int, int] | None = None,
    since_ms: int | None = None,
    records: int = MOST_RECORDS,
    size: int = MOST_BYTES,
) -> Looked[T]:
    """Look for the newest records by their timestamps, in each partition by their offsets.

    Args:
        reader: reads.
        topic: what is looked through.
        wanted: what to keep of a record; None: nothing. It should be small: a record may hold a recording.
        limit: enough.
        below: ``older`` of an earlier look, to go on from there.
        since_ms: nothing older, in milliseconds since 1970.
        records: offsets that are read at the most.
        size: bytes after which nothing more is begun.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED, TOPIC_MISSING.
    """
    spans = reader.bounds(topic, since_ms)
    begins = {span.partition: span.begin for span in spans}
    ends = {span.partition: span.end or 0 for span in spans}
    if below is not None:
        ends = {partition: min(end, below.get(partition, begins[partition])) for partition, end in ends.items()}
    found: dict[int, list[tuple[int, int, T]]] = {partition: [] for partition in ends}
    read = taken = count = 0
    step = _FIRST_STEP
    while count < limit and read < records and taken < size:
        left = [partition for partition in sorted(ends) if ends[partition] > begins[partition]]
        if not left:
            break
        before = taken
        for partition in left:
            end = ends[partition]
            begin = ends[partition] = max(begins[partition], end - step)
            here = []
            for batch in reader.read(topic, [OffsetRange(partition, begin, end)]):
                for message in batch:
                    read, taken = read + 1, taken + len(message)
                    if (kept := wanted(message)) is not None:
                        here.append((message.timestamp()[1] or 0, message.offset() or 0, kept))
            found[partition] += reversed(here)
            count += len(here)
        if taken - before < size // 16:
            step = min(2 * step, _LONGEST_STEP)
    return _newest(found, limit, begins, ends, read)


def _newest(
    found: Mapping[int, list[tuple[int, int, T]]],
    limit: int,
    begins: Mapping[int, int],
    ends: dict[int, int],
    read: int,
) -> Looked[T]:
    """The newest ones of all partitions; whoever goes on begins with the first that is left out."""
    nexts = {partition: 0 for partition, rows in found.items() if rows}
    heap = [(-rows[0][0], partition) for partition, rows in found.items() if rows]
    heapq.heapify(heap)
    chosen: list[T] = []
    while heap and len(chosen) < limit:
        _, partition = heapq.heappop(heap)
        rows, place = found[partition], nexts[partition]
        chosen.append(rows[place][2])
        nexts[partition] = place + 1
        if place + 1 < len(rows):
            heapq.heappush(heap, (-rows[place + 1][0], partition))
    for partition, place in nexts.items():
        if place < len(found[partition]):
            ends[partition] = found[partition][place][1] + 1
    more = any(end > begins[partition] for partition, end in ends.items())
    return Looked(chosen, read, ends if more else None)


def write_cursor(older: Mapping[int, int]) -> str:
    """``older`` as a text: PARTITION:OFFSET, separated by commas."""
    return ",".join(str(Position(partition, end)) for partition, end in sorted(older.items()))


def read_cursor(text: str) -> dict[int, int]:
    """What ``write_cursor`` has written. Raises ValueError."""
    return dict(Position.parse(part) for part in text.split(","))
