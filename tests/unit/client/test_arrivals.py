"""A client takes what is there: one result does not wait for a batch, and a slow reader of many keeps its place."""

from __future__ import annotations

from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, Message, TopicPartition
from support.holes import hole

from streamproc.client import arrivals
from streamproc.client.arrivals import Pending, arrived


class Consumer:
    """Has some records, and counts the seconds that it would wait for more."""

    def __init__(self, *records: int) -> None:
        self._records = list(records)
        self.waited = 0.0

    def poll(self, seconds: float) -> Any:
        if self._records:
            return self._records.pop(0)
        self.waited += seconds
        return None

    def consume(self, count: int, seconds: float) -> list[Any]:
        found, self._records = self._records[:count], self._records[count:]
        if len(found) < count:
            self.waited += seconds
        return found


def take(consumer: Consumer, most: int) -> list[Any]:
    return cast(list[Any], arrived(cast(Any, consumer), most, 0.2))


@hole("D1")
def test_what_is_there_is_taken_at_once() -> None:
    consumer = Consumer(1, 2, 3)
    assert take(consumer, 500) == [1, 2, 3]
    assert consumer.waited == 0


def test_at_most_so_many_are_taken() -> None:
    consumer = Consumer(1, 2, 3)
    assert take(consumer, 2) == [1, 2]
    assert take(consumer, 2) == [3]


def test_nothing_is_waited_for_once() -> None:
    consumer = Consumer()
    assert take(consumer, 500) == []
    assert consumer.waited == 0.2


class Record:
    def __init__(self, partition: int, offset: int, error: KafkaError | None = None) -> None:
        self._place, self._error = (partition, offset), error

    def topic(self) -> str:
        return "results"

    def partition(self) -> int:
        return self._place[0]

    def offset(self) -> int:
        return self._place[1]

    def error(self) -> KafkaError | None:
        return self._error


def offset_of(message: Message | None) -> int | None:
    assert message is not None
    return message.offset()


def pending_of(*records: Record) -> Pending:
    return Pending(cast(Any, Consumer(*cast(Any, records))))


@hole("D6")
def test_a_slow_reader_of_many_results_still_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    pending = pending_of(*(Record(0, offset) for offset in range(1200)))
    read: list[int | None] = []
    longest, polled = 0.0, now
    while len(read) < 1200:
        if pending.due:
            pending.poll()
            longest, polled = max(longest, now - polled), now
        read.append(offset_of(pending.pop()))
        assert len(pending._messages) <= arrivals._BATCH
        now += 0.7
    assert read == list(range(1200))
    assert longest < 3


@hole("D6")
def test_what_took_too_long_does_not_end_the_reading(caplog: pytest.LogCaptureFixture) -> None:
    late = KafkaError(KafkaError._MAX_POLL_EXCEEDED, "Application maximum poll interval (300000ms) exceeded by 4ms")
    pending = pending_of(Record(0, 0, late), Record(0, 0, KafkaError(KafkaError._ALL_BROKERS_DOWN)), Record(0, 7))
    pending.poll()
    assert offset_of(pending.pop()) == 7
    assert "maximum poll interval" in caplog.text
    assert pending.pop() is None


@hole("D6")
def test_what_another_member_reads_is_not_handed_out() -> None:
    pending = pending_of(Record(0, 1), Record(1, 2), Record(0, 3))
    pending.poll()
    pending.forget(cast(Any, None), [TopicPartition("results", 0), TopicPartition("letters", 1)])
    assert offset_of(pending.pop()) == 2
    assert pending.pop() is None
