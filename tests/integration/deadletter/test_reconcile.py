"""`streamproc reconcile` on a real Kafka."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from support.holes import hole
from support.letter_topics import PARTITIONS, LetterTopics, letter
from support.worker_process import environment, streamproc

from streamproc.contracts.cloudevents import RESULT_TYPE, event_headers
from streamproc.transport.flight.progress import Progress, encode

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def publish(there: LetterTopics, count: int) -> None:
    producer = Producer({"bootstrap.servers": there.bootstrap})
    for index in range(count):
        producer.produce(there.activities, value=b"activity", partition=index % PARTITIONS)
    assert producer.flush(30) == 0


def result(there: LetterTopics, partition: int, offset: int, *, aborted: bool = False) -> None:
    settings = {"transactional.id": f"test-{there.letters}"} if aborted else {}
    producer = Producer({"bootstrap.servers": there.bootstrap, **settings})
    headers: Any = event_headers(RESULT_TYPE, f"{there.activities}/{partition}/{offset}", "/streamproc", "id", NOW)
    if aborted:
        producer.init_transactions(30)
        producer.begin_transaction()
    producer.produce(there.environment["STREAMPROC_KAFKA__RESULT_TOPIC"], value=b"result", headers=headers)
    assert producer.flush(30) == 0
    if aborted:
        producer.abort_transaction(30)


def commit(there: LetterTopics, *progress: Progress) -> None:
    group = there.environment["STREAMPROC_KAFKA__GROUP_ID"]
    consumer = Consumer({"bootstrap.servers": there.bootstrap, "group.id": group})
    consumer.commit(
        offsets=[
            TopicPartition(there.activities, partition, one.base, encode(one) or "")
            for partition, one in enumerate(progress)
        ],
        asynchronous=False,
    )
    consumer.close()


def reconciled(there: LetterTopics, *arguments: str) -> Any:
    outcome = there.run("reconcile", *arguments, "--json")
    assert outcome.exit_code in (0, 1), repr(outcome.exception)
    found = json.loads(outcome.stdout)
    assert outcome.exit_code == (1 if found["difference"] else 0)
    return found


def test_every_activity_with_one_outcome_is_no_difference(there: LetterTopics) -> None:
    publish(there, 6)
    for offset in range(3):
        result(there, 0, offset)
    there.write([letter(index, topic=there.activities) for index in (1, 3, 5)])
    # The letters name the offsets 1, 3 and 5 of partition 1, which has but three records.
    commit(there, Progress.at(3), Progress.at(3))
    found = reconciled(there)
    assert found["partitions"][0] == {
        "partition": 0,
        "inputs": 3,
        "results": 3,
        "letters": 0,
        "pending": 0,
        "missing": [],
        "duplicated": [],
        "unknown": [],
    }
    assert found["partitions"][1]["letters"] == 1
    assert found["partitions"][1]["missing"] == [0, 2]
    assert found["difference"] == 2


def test_what_is_lost_doubled_and_pending_is_named(there: LetterTopics) -> None:
    publish(there, 12)
    result(there, 0, 0)
    result(there, 0, 0)
    result(there, 0, 3)
    result(there, 0, 1, aborted=True)
    commit(there, Progress.of([2], 5), Progress.at(0))
    found = reconciled(there)
    first, second = found["partitions"]
    assert (first["missing"], first["duplicated"], first["pending"]) == ([1, 4], [0], 2)
    assert (second["inputs"], second["pending"], second["missing"]) == (6, 6, [])
    text = there.run("reconcile").stdout
    assert "missing: partition 0, offsets 1, 4" in text
    assert "difference: 3" in text


def test_before_the_first_commit_everything_is_pending(there: LetterTopics) -> None:
    publish(there, 4)
    found = reconciled(there)
    assert [row["pending"] for row in found["partitions"]] == [2, 2]
    assert found["difference"] == 0


def test_the_window_leaves_out_what_is_older(there: LetterTopics) -> None:
    publish(there, 4)
    time.sleep(1.1)
    assert [row["inputs"] for row in reconciled(there, "--since", "1s")["partitions"]] == [0, 0]
    assert [row["inputs"] for row in reconciled(there, "--since", "1h")["partitions"]] == [2, 2]


def test_a_running_one_serves_its_figures_as_metrics(there: LetterTopics, free_port: int) -> None:
    publish(there, 4)
    result(there, 0, 0)
    commit(there, Progress.at(2), Progress.at(0))
    process = subprocess.Popen(
        streamproc("reconcile", "--since", "1h", "--every", "1", "--json"),
        env=environment({**there.environment, "STREAMPROC_WEB__PORT": str(free_port)}),
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        # Two rounds: the figures of the first are there when the second is printed.
        rounds = [json.loads(process.stdout.readline())["difference"] for _ in range(2)]
        with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    finally:
        process.kill()
        process.wait(10)
    assert rounds == [1, 1]
    assert 'streamproc_reconcile_missing{partition="0"} 1.0' in text
    assert 'streamproc_reconcile_pending{partition="1"} 2.0' in text
    assert 'streamproc_reconcile_inputs{partition="0"} 2.0' in text


@hole("D7")
def test_a_transaction_that_is_open_is_waited_for(there: LetterTopics) -> None:
    publish(there, 2)
    group = there.environment["STREAMPROC_KAFKA__GROUP_ID"]
    consumer = Consumer({"bootstrap.servers": there.bootstrap, "group.id": group})
    producer = Producer({"bootstrap.servers": there.bootstrap, "transactional.id": f"test-{there.letters}"})
    producer.init_transactions(30)
    producer.begin_transaction()
    for partition in range(PARTITIONS):
        headers: Any = event_headers(RESULT_TYPE, f"{there.activities}/{partition}/0", "/streamproc", "id", NOW)
        producer.produce(there.environment["STREAMPROC_KAFKA__RESULT_TOPIC"], value=b"result", headers=headers)
    offsets = [TopicPartition(there.activities, partition, 1) for partition in range(PARTITIONS)]
    producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), 30)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(reconciled, there)
        time.sleep(1.0)
        assert not running.done(), "it has not waited"
        producer.commit_transaction(30)
        found = running.result(60)
    consumer.close()
    assert [(row["results"], row["pending"]) for row in found["partitions"]] == [(1, 0), (1, 0)]


@hole("D7")
def test_the_group_is_not_asked_for_by_the_call_that_can_end_the_process(
    there: LetterTopics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """librdkafka 5040: the admin client crashes when a broker answers that it coordinates the group no more."""

    def crashes(*_: object, **__: object) -> None:
        raise AssertionError("list_consumer_group_offsets")

    monkeypatch.setattr(AdminClient, "list_consumer_group_offsets", crashes)
    publish(there, 2)
    assert reconciled(there)["difference"] == 0
