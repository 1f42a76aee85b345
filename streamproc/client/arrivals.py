"""Taking records as they come."""

from __future__ import annotations

from confluent_kafka import Consumer, Message


def arrived(consumer: Consumer, most: int, seconds: float) -> list[Message]:
    """What has arrived, ``most`` records at most; if nothing has, the first that comes within so many seconds.

    ``consume`` alone waits until there are ``most``, or for all of that time: a single result would be told late.
    """
    first = consumer.poll(seconds)
    return [] if first is None else [first, *consumer.consume(most - 1, 0)]
