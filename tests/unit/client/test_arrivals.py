"""A client takes what is there: one result does not wait for a batch of them."""

from __future__ import annotations

from typing import Any, cast

from support.holes import hole

from streamproc.client.arrivals import arrived


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
