"""What no Kafka client could send is refused by the send itself."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from typing import Any
from unittest.mock import Mock

import faust
import pytest
from confluent_kafka import KafkaError, KafkaException
from support.holes import hole

from streamproc.transport import Unsendable
from streamproc.transport.flight.sendable import Outcome, outcome_of

GOOD: dict[str, Any] = {
    "topic": "out",
    "key": b"k",
    "value": b"v",
    "partition": 3,
    "timestamp": 1.5,
    "headers": [("a", b"1")],
}

BAD: dict[str, dict[str, Any]] = {
    "key of text": {"key": "k"},
    "value of a number": {"value": 7},
    "value of a mapping": {"value": {}},
    "partition below all": {"partition": -1},
    "partition beyond 32 bits": {"partition": 2**31},
    "partition of text": {"partition": "1"},
    "partition of a fraction": {"partition": 1.0},
    "timestamp before 1970": {"timestamp": -1.0},
    "timestamp beyond 64 bits": {"timestamp": 2.0**63},
    "timestamp that is no number": {"timestamp": math.nan},
    "timestamp without end": {"timestamp": math.inf},
    "timestamp of text": {"timestamp": "now"},
    "header value of a number": {"headers": [("a", 1)]},
    "header value of a list": {"headers": {"a": [b"1"]}},
    "header value of half a pair": {"headers": {"a": "\ud83d"}},
    "header name of half a pair": {"headers": {"a\ud83d": b"1"}},
    "header name as it was read": {"headers": [("\udcff", b"1")]},
    "header name of bytes": {"headers": [(b"a", b"1")]},
    "header name of bytes beyond ASCII": {"headers": [(b"\xff", b"1")]},
    "header name of nothing": {"headers": {None: b"1"}},
    "header name that would be cut off": {"headers": {"a\0b": b"1"}},
    "header without a value": {"headers": [("a",)]},
    "headers of text": {"headers": "ab"},
    "headers of a number": {"headers": 1},
    "topic without a name": {"topic": ""},
    "topic with a blank": {"topic": "a b"},
    "topic with a line": {"topic": "a\n"},
    "topic of dots": {"topic": ".."},
    "topic of half a pair": {"topic": "\ud83d"},
    "topic too long": {"topic": "a" * 250},
}


@hole("B6")
@pytest.mark.parametrize("case", BAD)
def test_it_is_refused(case: str) -> None:
    with pytest.raises(Unsendable, match="Nothing was sent to topic"):
        outcome_of(**GOOD | BAD[case])


def test_what_can_be_sent_is_taken_as_it_is() -> None:
    assert outcome_of(**GOOD) == Outcome("out", b"k", b"v", 3, 1500, [("a", b"1")])
    assert outcome_of("a.b_c-1", None, None, None, None, None) == Outcome("a.b_c-1", None, None, None, None, None)
    assert outcome_of("out", bytearray(b"k"), memoryview(b"v"), 0, 2, {}) == Outcome("out", b"k", b"v", 0, 2000, None)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"é": "é", "b": None, "": b""}, [("é", "é".encode()), ("b", None), ("", b"")]),
        ((["a", b"1"], ("a", bytearray(b"2"))), [("a", b"1"), ("a", b"2")]),
        (OrderedDict(a=b"1"), [("a", b"1")]),
        (iter([("a", b"1")]), [("a", b"1")]),
    ],
)
def test_headers_are_made_what_the_binding_takes(headers: Any, expected: Any) -> None:
    assert outcome_of(**GOOD | {"headers": headers}).headers == expected


def test_the_epoch_is_a_time_and_not_now() -> None:
    assert outcome_of(**GOOD | {"timestamp": 0}).timestamp == 1
    assert outcome_of(**GOOD | {"timestamp": None}).timestamp is None


def test_a_record_without_a_timestamp_can_be_copied() -> None:
    assert outcome_of(**GOOD | {"timestamp": -0.001}).timestamp is None


def test_headers_count_to_what_is_in_flight() -> None:
    assert outcome_of(**GOOD | {"headers": {"name": b"12345", "x": None}}).size == 1 + 1 + 4 + 5 + 1


def producer_of(guarantee: Any) -> Any:
    """The producer of an app that no broker serves."""
    app: Any = faust.App(
        "sends", broker="rdkafka://127.0.0.1:1", processing_guarantee=guarantee, topic_disable_leader=True
    )
    app.in_transaction = guarantee == "exactly_once"  # as in a worker
    app.transport.topics = Mock(known=Mock(return_value=4), look_up=Mock(return_value=5))
    return app.producer


@hole("B6")
@pytest.mark.parametrize("guarantee", ["exactly_once", "at_least_once"])
async def test_sends_outside_events_are_refused_too(guarantee: str) -> None:
    producer = producer_of(guarantee)
    with pytest.raises(Unsendable, match="header"):
        await producer.send("out", b"k", b"v", None, None, {"\ud83d": b""})
    with pytest.raises(Unsendable, match="it has 5 partitions, and partition 99"):
        await producer.send("out", b"k", b"v", 99, None, None)


@hole("B6")
async def test_the_partitions_of_a_topic_are_asked_for_again_where_there_may_be_more() -> None:
    producer = producer_of("exactly_once")
    topics = producer.transport.topics
    await producer.send("out", b"k", b"v", 3, None, None)
    assert not topics.look_up.called
    await producer.send("out", b"k", b"v", 4, None, None)
    assert topics.look_up.called
    topics.look_up = Mock(side_effect=KafkaException(KafkaError(KafkaError._TRANSPORT)))
    await producer.send("out", b"k", b"v", 9, None, None)  # nobody knows


@hole("B6")
async def test_a_send_that_cannot_be_awaited_is_refused_alone() -> None:
    app = producer_of("exactly_once").app
    buffer = app.producer.buffer
    await buffer.start()
    try:
        topic = app.topic("out", value_serializer="raw")
        app.maybe_start_producer = lambda: asyncio.sleep(0, app.producer)
        bad = topic.send_soon(value=b"v", headers={"\ud83d": b""})
        with pytest.raises(Unsendable):
            await asyncio.wait_for(bad, 5)
        topic.send_soon(value=b"good")
        async with asyncio.timeout(5):
            while not app.transport.ledger.loose:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)
        assert not buffer.crashed
    finally:
        await buffer.stop()
