"""`streamproc topics grow`, killed at its worst moments: the next one finishes, and no learner overtakes herself."""

from __future__ import annotations

import json
import subprocess

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions
from support.topics_of_test import PARTITIONS, TestTopics
from support.waiting import wait_for
from support.worker_process import WorkerProcess, environment, run, streamproc

from .test_growth import GROWN, LEARNERS, partitions, publish, results


def growing(settings: dict[str, str]) -> subprocess.Popen[str]:
    """One that is at work."""
    command = streamproc("topics", "grow", str(GROWN), "--still", "1")
    return subprocess.Popen(command, env=environment(settings), stderr=subprocess.PIPE, text=True)


def test_one_that_is_killed_while_activities_wait_has_changed_nothing(
    settings: dict[str, str], topics: TestTopics, schema_id: int
) -> None:
    publish(topics, schema_id, 0)
    with growing(settings) as killed:
        assert killed.stderr is not None
        assert f"wait: {LEARNERS} for" in killed.stderr.readline()
        killed.kill()
    assert set(partitions(topics).values()) == {PARTITIONS, 1}


def test_one_that_is_killed_while_it_adds_is_finished_by_the_next(
    settings: dict[str, str], topics: TestTopics, schema_id: int, worker: WorkerProcess
) -> None:
    publish(topics, schema_id, 1)
    with growing(settings) as killed:
        wait_for(lambda: GROWN in partitions(topics).values(), "a topic that has grown", 60)
        killed.kill()
    again = run(settings, "topics", "grow", str(GROWN), "--still", "1", "--timeout", "50")
    assert again.returncode == 0, again.stderr
    assert set(partitions(topics).values()) == {GROWN, 1}
    publish(topics, schema_id, 2)
    assert results(topics, 3 * LEARNERS) == {str(learner): [0, 1, 2] for learner in range(LEARNERS)}


def test_of_topics_that_have_grown_in_part_the_others_grow(
    settings: dict[str, str], topics: TestTopics, schema_id: int, worker: WorkerProcess
) -> None:
    """Which no kill can be timed to leave for certain."""
    client, more = AdminClient({"bootstrap.servers": topics.bootstrap}), GROWN + 1
    client.create_partitions([NewPartitions(topics.results, more)])[topics.results].result(10)
    done = run(settings, "topics", "grow", str(more), "--still", "0.1", "--timeout", "50", "--json")
    assert done.returncode == 0, done.stderr
    assert topics.results not in json.loads(done.stdout)["grown"]
    assert set(partitions(topics).values()) == {more, 1}
