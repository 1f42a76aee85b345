"""`streamproc lag` on a real Kafka, with no worker alive."""

from __future__ import annotations

import time
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from support.letter_topics import LetterTopics

from streamproc.kafka import lag
from streamproc.transport.flight.progress import Progress, encode

AGE_S = 60


def publish(there: LetterTopics, count: int, *, transactions: int) -> None:
    """Records of partition 0, AGE_S old, each transaction with its marker."""
    producer = Producer({"bootstrap.servers": there.bootstrap, "transactional.id": there.activities})
    producer.init_transactions(30)
    for _ in range(transactions):
        producer.begin_transaction()
        for _ in range(count):
            stamp = int((time.time() - AGE_S) * 1000)
            producer.produce(there.activities, value=b"activity", partition=0, timestamp=stamp)
        producer.commit_transaction(30)


def commit(there: LetterTopics, group: str, progress: Progress) -> None:
    consumer = Consumer({"bootstrap.servers": there.bootstrap, "group.id": group})
    place = TopicPartition(there.activities, 0, progress.base, encode(progress) or "")
    consumer.commit(offsets=[place], asynchronous=False)
    consumer.close()


def found(there: LetterTopics, *arguments: str) -> tuple[dict[str, Any], dict[str, Any]]:
    first, second = there.run_json("lag", *arguments)
    return first, second


def test_records_are_counted_and_nothing_else(there: LetterTopics) -> None:
    publish(there, 3, transactions=2)  # 0 1 2, a marker, 4 5 6, a marker
    group = there.environment["STREAMPROC_KAFKA__GROUP_ID"]
    first, second = found(there)
    assert (first["topic"], first["partition"], first["unfinished"], first["exact"]) == (there.activities, 0, 6, True)
    assert AGE_S <= first["oldest_s"] < AGE_S + 60
    assert second == {"topic": there.activities, "partition": 1, "unfinished": 0, "oldest_s": None, "exact": True}
    # All but 1 and 5 is done; then all, but for a marker, which is a lag of 1 for the brokers.
    commit(there, group, Progress(1, 7, (1, 5)))
    assert found(there)[0]["unfinished"] == 2
    commit(there, group, Progress.at(7))
    assert found(there)[0]["unfinished"] == 0
    assert found(there, "--group", "another")[0]["unfinished"] == 6
    assert there.run("lag").stdout.splitlines()[1].split() == [there.activities, "0", "0"]


def test_too_many_are_bounded(there: LetterTopics, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(there, 3, transactions=2)
    monkeypatch.setattr(lag.lags, "__kwdefaults__", (lag.lags.__kwdefaults__ or {}) | {"records": 7})
    first, _ = found(there)
    assert (first["unfinished"], first["exact"]) == (8, False)
    assert first["oldest_s"] >= AGE_S
    assert "<= 8" in there.run("lag").stdout


def test_a_topic_that_is_not_there_is_one_clear_error(there: LetterTopics) -> None:
    failed = there.run("lag", "--topic", "nowhere", "--json")
    assert failed.exit_code == 2
    assert '"TOPIC_MISSING"' in failed.stdout
