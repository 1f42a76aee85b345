"""streamproc's own worker with Triton, at the log's end: killed and restarted while children go on reading."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from support.activities import activity, clip, inline, phrase, result, value
from support.feeding import LiveFeed
from support.topics_of_test import TestTopics
from support.worker_process import WorkerProcess, run

from streamproc.contracts import files
from streamproc.localstack.stack import Addresses

ACTIVITIES = int(os.environ.get("CHAOS_LIVE_ACTIVITIES", "1000"))
#: A second.
RATE = 20
LEARNERS = 50
#: Seconds from one fault to the next.
PERIOD_S = 3.0


@pytest.mark.timeout(600)
def test_restarts_and_kills_while_activities_come(stack: Addresses, tmp_path: Path) -> None:
    """SIGTERM and a new start of the two workers in turn, and now and then kill -9: each activity has one result."""
    topics = TestTopics(stack.kafka_bootstrap)
    settings = {
        **topics.settings,
        "STREAMPROC_REGISTRY__URL": stack.registry_url,
        "STREAMPROC_TRITON__URLS": stack.triton_url,
        "STREAMPROC_TRANSPORT__SESSION_TIMEOUT": "3",
        "STREAMPROC_LOG__FORMAT": "json",
    }
    assert run(settings, "topics", "create").returncode == 0
    registered = json.loads(run(settings, "schemas", "register", "--json").stdout.splitlines()[-1])["schemas"]
    subject = files.subject(topics.activities)
    schema_id = max(int(row["id"]) for row in registered if row["subject"] == subject)
    phrases = tuple(phrase(inline(clip(2.0, container="FLAC")), index=index) for index in range(2))

    def record(number: int) -> tuple[bytes, bytes]:
        learner = f"learner-{number % LEARNERS}"
        event = activity(*phrases, activity_id=f"reading-{number}", learner_id=learner)
        return learner.encode(), value(event, schema_id)

    numbers = itertools.count()

    def start() -> WorkerProcess:
        return WorkerProcess(settings, tmp_path / f"worker-{next(numbers)}.log")

    workers = [start(), start()]
    faults: Counter[str] = Counter()
    try:
        for worker in workers:
            worker.wait_ready()
        with LiveFeed(stack.kafka_bootstrap, topics.activities, range(ACTIVITIES), RATE, record) as feed:
            for turn in itertools.count(1):
                time.sleep(PERIOD_S)
                if not feed.running:
                    break
                worker = workers.pop(0)
                worker.wait_ready()
                if turn % 4:
                    assert worker.terminate() == 0, worker.log_text()[-4000:]
                    faults["SIGTERM"] += 1
                else:
                    worker.kill()
                    faults["SIGKILL"] += 1
                workers.append(start())
            feed.finish(60)
        topics.read(topics.results, ACTIVITIES)
        # One too many would come late.
        outcomes = [result(one.value or b"") for one in topics.read(topics.results, ACTIVITIES + 1, 5.0)]
    finally:
        for worker in workers:
            worker.end()
    seen = Counter(one.activity_id for one in outcomes)
    missing = {f"reading-{number}" for number in range(ACTIVITIES)} - seen.keys()
    assert not missing
    assert set(seen.values()) == {1}
    order = defaultdict(list)
    for one in outcomes:
        order[one.learner_id].append(int(one.activity_id.removeprefix("reading-")))
    assert all(numbers == sorted(numbers) for numbers in order.values())
    print(f"{ACTIVITIES} activities at {RATE}/s, {dict(faults)}")
