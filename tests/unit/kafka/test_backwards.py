"""Looking through a topic from its end: the newest first, page by page, within a budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st

from streamproc.kafka.backwards import Looked, backwards, read_cursor, write_cursor
from streamproc.kafka.places import OffsetRange


class ReaderOfLists:
    """Stands in for a TopicReader: a topic whose partitions are lists of records, None where an offset has none."""

    def __init__(self, *partitions: list[Message | None]) -> None:
        self._partitions = partitions
        self.read_offsets = self.reads = 0

    def bounds(self, topic: str, since_ms: int | None = None, until_ms: int | None = None) -> list[OffsetRange]:
        found = []
        for number, records in enumerate(self._partitions):
            late = (at for at, one in enumerate(records) if one and (one.timestamp()[1] or 0) >= (since_ms or 0))
            found.append(OffsetRange(number, next(late, len(records)), len(records)))
        return found

    def read(self, topic: str, spans: Iterable[OffsetRange]) -> Iterator[list[Message]]:
        for span in spans:
            records = self._partitions[span.partition][span.begin : span.end]
            self.reads += 1
            self.read_offsets += len(records)
            yield [one for one in records if one is not None]
            yield []


def record(partition: int, offset: int, time: int, size: int = 1) -> Message:
    return Message(topic="t", partition=partition, offset=offset, value=b"v" * size, timestamp=(1, time))


def partition(number: int, times: Iterable[int | None], size: int = 1) -> list[Message | None]:
    return [None if time is None else record(number, at, time, size) for at, time in enumerate(times)]


def place(message: Message) -> tuple[int, int]:
    return message.partition() or 0, message.offset() or 0


def look(reader: ReaderOfLists, limit: int, **more: Any) -> Looked[tuple[int, int]]:
    unchecked: Any = reader
    return backwards(unchecked, "t", place, limit, **more)


def test_the_newest_of_all_partitions_come_first() -> None:
    reader = ReaderOfLists(partition(0, [10, 30]), partition(1, [20, 40]))
    assert look(reader, 3).found == [(1, 1), (0, 1), (1, 0)]


def test_an_empty_topic() -> None:
    assert look(ReaderOfLists([], []), 5) == Looked([], 0, None)


def test_the_last_page_says_so() -> None:
    reader = ReaderOfLists(partition(0, range(5)))
    assert look(reader, 5).older is None
    assert look(reader, 4).older == {0: 1}


def test_it_stops_where_enough_is_found() -> None:
    reader = ReaderOfLists(partition(0, range(100_000)))
    assert look(reader, 10).found == [(0, 99_999 - number) for number in range(10)]
    assert reader.read_offsets < 100


def test_it_reads_no_more_than_its_budget() -> None:
    reader = ReaderOfLists(partition(0, range(100_000)))
    unchecked: Any = reader
    nothing: Looked[int] = backwards(unchecked, "t", lambda _: None, 10, records=5_000)
    assert nothing.found == []
    assert 5_000 <= nothing.records < 7_000
    assert nothing.older == {0: 100_000 - nothing.records}
    assert reader.reads < 12, "each is a request of its own"


def test_large_records_are_counted_by_their_bytes() -> None:
    reader = ReaderOfLists(partition(0, range(2_000), size=10_000))
    unchecked: Any = reader
    nothing: Looked[int] = backwards(unchecked, "t", lambda _: None, 10, size=1_000_000)
    assert nothing.records < 200


def test_nothing_older_than_asked_for() -> None:
    reader = ReaderOfLists(partition(0, range(0, 1_000, 10)))
    assert len(look(reader, 1_000, since_ms=900).found) == 10


@given(
    st.lists(st.lists(st.one_of(st.none(), st.integers(0, 50)), max_size=40), min_size=1, max_size=4),
    st.integers(1, 7),
)
def test_page_by_page_every_record_comes_once(times: list[list[int | None]], limit: int) -> None:
    reader = ReaderOfLists(*[partition(number, column) for number, column in enumerate(times)])
    pages = [look(reader, limit)]
    while (older := pages[-1].older) is not None:
        pages.append(look(reader, limit, below=read_cursor(write_cursor(older))))
    found = [one for page in pages for one in page.found]
    assert len(found) == len(set(found))
    there = {(number, at) for number, column in enumerate(times) for at, one in enumerate(column) if one is not None}
    assert set(found) == there


def test_cursors() -> None:
    assert write_cursor({1: 5, 0: 7}) == "0:7,1:5"
    with pytest.raises(ValueError, match="PARTITION:OFFSET"):
        read_cursor("0:1,x")
