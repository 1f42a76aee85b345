"""`streamproc topics grow` on a real Kafka: learners move to other partitions, and none overtakes herself."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from support.activities import activity, clip, inline, phrase, value
from support.feeding import LiveFeed
from support.topics_of_test import PARTITIONS, TestTopics
from support.waiting import wait_for
from support.worker_process import WorkerProcess, run

from streamproc.kafka.topics import ledger_topic

GROWN = 5
LEARNERS = 12
SOUND = activity(phrase(inline(clip(0.5))))


def partitions(topics: TestTopics) -> dict[str, int]:
    found = AdminClient({"bootstrap.servers": topics.bootstrap}).list_topics(timeout=10).topics
    return {
        name: len(found[name].partitions)
        for name in (topics.activities, topics.results, topics.letters, ledger_topic(topics.letters))
    }


def publish(topics: TestTopics, schema_id: int, number: int) -> set[int]:
    """One activity of each learner, by a publisher that was started now; where they went to."""
    producer = Producer({"bootstrap.servers": topics.bootstrap, "partitioner": "murmur2_random"})
    went: set[int] = set()
    for learner in range(LEARNERS):
        name = f"learner-{learner}"
        one = replace(SOUND, activity_id=f"{learner}/{number}", learner_id=name)
        producer.produce(
            topics.activities,
            key=name.encode(),
            value=value(one, schema_id),
            on_delivery=lambda _, message: went.add(message.partition() or 0),
        )
    assert producer.flush(30) == 0
    return went


def results(topics: TestTopics, count: int) -> Mapping[str, Sequence[int]]:
    """Learner -> the numbers of her activities in the order in which their results were made."""
    consumer = Consumer({"bootstrap.servers": topics.bootstrap, "group.id": topics.name, "enable.auto.commit": False})
    consumer.assign([TopicPartition(topics.results, partition, 0) for partition in range(GROWN)])
    found = defaultdict(list)

    def read() -> bool:
        for message in consumer.consume(1000, 0.2):
            headers: Any = message.headers()
            learner, number = dict(headers)["ce_subject"].decode().split("/")
            if learner != "other":
                found[learner].append((message.timestamp()[1], int(number)))
        return sum(map(len, found.values())) >= count

    try:
        wait_for(read, f"{count} results", 60)
    finally:
        consumer.close()
    return {learner: [number for _, number in sorted(rows)] for learner, rows in found.items()}


def test_nothing_is_added_while_activities_wait(settings: dict[str, str], topics: TestTopics, schema_id: int) -> None:
    publish(topics, schema_id, 0)
    refused = run(settings, "topics", "grow", str(GROWN), "--still", "0.1", "--timeout", "1")
    assert refused.returncode == 1
    assert f"wait: {LEARNERS} for {topics.name}" in refused.stderr
    assert "no partition was added" in refused.stderr
    assert set(partitions(topics).values()) == {PARTITIONS, 1}


def test_nothing_is_added_while_somebody_publishes(
    settings: dict[str, str], topics: TestTopics, schema_id: int, worker: WorkerProcess
) -> None:
    results(topics, LEARNERS)
    other = value(replace(SOUND, activity_id="other/0", learner_id="other"), schema_id)
    with LiveFeed(topics.bootstrap, topics.activities, range(10**6), 10, lambda _: (b"other", other)):
        refused = run(settings, "topics", "grow", str(GROWN), "--still", "2", "--timeout", "5")
    assert refused.returncode == 1
    assert "no partition was added" in refused.stderr
    assert set(partitions(topics).values()) == {PARTITIONS, 1}


def test_learners_move_and_none_overtakes_herself(
    settings: dict[str, str], topics: TestTopics, schema_id: int, worker: WorkerProcess
) -> None:
    for number in (1, 2):
        publish(topics, schema_id, number)
    done = run(settings, "topics", "grow", str(GROWN), "--still", "1", "--timeout", "50", "--json")
    assert done.returncode == 0, done.stderr
    grown = json.loads(done.stdout)["grown"]
    assert {topics.activities, topics.results, topics.letters} < set(grown)
    assert partitions(topics) == {
        topics.activities: GROWN, topics.results: GROWN, topics.letters: GROWN, ledger_topic(topics.letters): 1
    }  # fmt: skip
    went: set[int] = set()
    for number in (3, 4):
        went |= publish(topics, schema_id, number)
    assert max(went) >= PARTITIONS, "learners have moved"
    assert results(topics, 5 * LEARNERS) == {str(learner): [0, 1, 2, 3, 4] for learner in range(LEARNERS)}
    again = run(settings, "topics", "grow", str(GROWN))
    assert (again.returncode, again.stdout.strip()) == (0, f"all have {GROWN} partitions already")


def test_fewer_partitions_are_refused(settings: dict[str, str], topics: TestTopics, schema_id: int) -> None:
    refused = run(settings, "topics", "grow", "1")
    assert refused.returncode == 2
    assert "a topic never gets fewer" in refused.stderr


def test_where_state_is_kept_by_partition_none_is_added(
    settings: dict[str, str], topics: TestTopics, schema_id: int
) -> None:
    refused = run({**settings, "STREAMPROC_DUPLICATES__WINDOW": "60"}, "topics", "grow", "9", "--timeout", "1")
    assert refused.returncode == 2
    assert "-duplicates-changelog: state is kept by partition" in refused.stderr
    assert 9 not in partitions(topics).values()
