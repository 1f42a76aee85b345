"""What is kept of a learner is deleted on real workers: after its time, whoever is killed, and when one says so."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
from support.activities import activity, phrase, value
from support.progress import settings_of, told
from support.topics_of_test import Record, TestTopics
from support.worker_fixtures import Start
from support.worker_process import WorkerProcess, run

from streamproc.client import read_progress

TOKEN = "a-token-for-tests-of-progress"
TENANT, LEARNERS = "school-1", [f"learner-{number}" for number in range(6)]
FORGET_AFTER = 12.0


@pytest.fixture(scope="module")
def settings(settings: dict[str, str], topics: TestTopics) -> dict[str, str]:
    return {
        **settings,
        **settings_of(topics, TOKEN, 3),
        "STREAMPROC_PROGRESS__FORGET_AFTER": str(FORGET_AFTER),
        "STREAMPROC_TRANSPORT__SESSION_TIMEOUT": "3",
    }


def reads(topics: TestTopics, schema_id: int, learner: str, activity_id: str) -> None:
    event = replace(activity(phrase(), activity_id=activity_id, learner_id=learner), tenant_id=TENANT)
    topics.publish([Record(learner.encode(), value(event, schema_id), [])])


def knows(worker: WorkerProcess, learner: str) -> bool | None:
    """None: nobody can tell now."""
    try:
        return read_progress(f"http://127.0.0.1:{worker.port}", TOKEN, tenant_id=TENANT, learner_id=learner) is not None
    except ConnectionError:
        return None


def changelog(topics: TestTopics) -> list[tuple[str, bool]]:
    """Whose state was written, in its order, and whether that was its deletion."""
    records = topics.read(f"{topics.name}-progress-changelog", 1_000, 3)
    return [(json.loads(record.key or b"")[1], record.value is None) for record in records]


def forgotten(topics: TestTopics) -> Counter[str]:
    return Counter(learner for learner, deleted in changelog(topics) if deleted)


def test_it_is_deleted_once_after_its_time_though_nobody_reads_any_more_and_workers_are_killed(
    topics: TestTopics, schema_id: int, start: Start
) -> None:
    first, second = start(), start()
    for number, learner in enumerate(LEARNERS):
        reads(topics, schema_id, learner, f"old-{number}")
    assert set(told(topics, len(LEARNERS))) == {(TENANT, learner) for learner in LEARNERS}
    assert not forgotten(topics)
    first.kill()
    third = start()
    for worker in (second, third):
        worker.wait_for(lambda: [knows(worker, one) for one in LEARNERS] == [False] * len(LEARNERS), "oblivion", 60)  # noqa: B023
    assert forgotten(topics) == Counter(LEARNERS)
    second.kill()
    fourth = start()
    assert fourth.is_alive
    assert forgotten(topics) == Counter(LEARNERS), "what is deleted is not restored and deleted again"
    reads(topics, schema_id, LEARNERS[0], "new")
    again = told(topics, len(LEARNERS) + 1)[TENANT, LEARNERS[0]]
    assert [event.revision for event in again] == [1, 1]
    assert [one.activity_id for one in again[-1].readings] == ["new"]


def test_it_is_deleted_when_an_operator_says_so_whichever_worker_is_asked(
    topics: TestTopics, schema_id: int, settings: dict[str, str], start: Start
) -> None:
    workers = [start(), start()]
    before = len(topics.read(f"{topics.name}.progress", 100, 3))
    learners = [f"erased-{number}" for number in range(4)]
    for number, learner in enumerate(learners):
        reads(topics, schema_id, learner, f"reading-{number}")
    told(topics, before + len(learners))
    for number, learner in enumerate(learners):
        worker = workers[number % 2]
        worker.wait_for(lambda: knows(worker, learner) is not None, "an answer", 30)  # noqa: B023
        command = ["progress", learner, "--tenant", TENANT, "--worker", f"http://127.0.0.1:{worker.port}"]
        done = run(settings, *command, "--forget", "--yes", "--json")
        assert (done.returncode, done.stdout.strip()) == (0, '{"forgotten": true}'), done.stderr
        assert knows(workers[1 - number % 2], learner) is False
        again = run(settings, *command, "--forget", "--yes")
        assert again.returncode == 1
        assert "no progress of such a learner" in again.stderr
    assert {learner: forgotten(topics)[learner] for learner in learners} == dict.fromkeys(learners, 1)
    for worker in workers:
        assert not any(learner in worker.log_text() for learner in learners)
    audit = [
        line
        for worker in workers
        for line in worker.log_records()
        if line["event"] == "a learner's progress is to be forgotten" and not line["forwarded"]
    ]
    assert Counter(line["http_status"] for line in audit) == {200: len(learners), 404: len(learners)}
