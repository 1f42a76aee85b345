"""Learners' progress on real workers: what it tells equals a recomputation from all results, whatever is killed.

Two workers share the partitions. One is killed with SIGKILL while activities are scored, another joins later, teachers
overrule verdicts; then every learner is asked for at both workers.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.activities import activity, phrase, value
from support.progress import Learner, corrected, results_of, settings_of, states_of, summaries, told
from support.topics_of_test import Record, TestTopics
from support.worker_fixtures import Start
from support.worker_process import WorkerProcess, environment, run

from streamproc.client import Connection, Correction, CorrectionPublisher, read_progress
from streamproc.contracts.corrections import overrule
from streamproc.contracts.generated.events import Activity, Verdict
from streamproc.contracts.generated.events_progress import Progress
from streamproc.contracts.progress_json import from_json
from streamproc.contracts.synthetic import TENANT
from streamproc.contracts.upkeep.examples import CORRECTION
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.localstack.stack import Addresses
from streamproc.training.people.clips import PersonClip, read_folder

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
LEARNERS, READINGS, KEPT = 6, 6, 4
TOKEN = "a-token-for-tests-of-progress"
BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def settings(settings: dict[str, str], topics: TestTopics) -> dict[str, str]:
    return {**settings, **settings_of(topics, TOKEN, KEPT)}


def readings() -> list[Activity]:
    """Some of each learner's, on days that do not come in order; one has the identifier of another tenant's."""
    found = []
    for number in range(READINGS):
        for learner in range(LEARNERS):
            day = (number * 5 + learner) % 7
            made = activity(
                phrase(), activity_id=f"r{number}-l{learner}", learner_id=f"learner-{learner % (LEARNERS - 1)}"
            )
            tenant = "school-2" if learner == LEARNERS - 1 else "school-1"
            started_at = BEGIN + timedelta(days=day, minutes=number)
            found.append(replace(made, tenant_id=tenant, started_at=started_at, submitted_at=started_at))
    return found


def published(topics: TestTopics, schema_id: int, events: list[Activity]) -> None:
    topics.publish(Record(event.learner_id.encode(), value(event, schema_id), []) for event in events)


def asked(worker: WorkerProcess, learner: Learner) -> Progress | None:
    url = f"http://127.0.0.1:{worker.port}"
    return read_progress(url, TOKEN, tenant_id=learner[0], learner_id=learner[1])


def everybody_is_told(worker: WorkerProcess, wanted: dict[Learner, Progress]) -> bool:
    try:
        return all(asked(worker, learner) == progress for learner, progress in wanted.items())
    except ConnectionError:  # a rebalance is under way
        return False


def _words(clip: PersonClip) -> int:
    return len(clip.words)


def test_progress_equals_a_recomputation_from_all_results_and_corrections_after_a_kill_and_rebalances(
    topics: TestTopics, settings: dict[str, str], schema_id: int, stack: Addresses, start: Start, tmp_path: Path
) -> None:
    events = readings()
    first, second = start(), start()
    published(topics, schema_id, events[: len(events) // 2])
    first.wait_for(lambda: bool(topics.read(topics.results, 4, 1)[3:]), "some results", 60)
    first.signal(signal.SIGKILL)
    published(topics, schema_id, events[len(events) // 2 :])
    ours = replace(events[0], activity_id="synthetic", tenant_id=TENANT)
    published(topics, schema_id, [ours, events[0]])  # nobody's child; and an activity that comes twice
    results = results_of(topics, len(events) + 2)
    assert Counter(one.activity_id for found in results.values() for one in found) == Counter(
        [*(event.activity_id for event in events), "synthetic", events[0].activity_id]
    )
    del results[TENANT, ours.learner_id]
    third = start()

    # Teachers overrule a word of the newest result of each learner, twice the same: once it counts.
    states = states_of(results, KEPT)
    corrections: list[Correction] = []
    by: dict[str, Any] = {"corrected_by": "teacher-1", "corrected_at": datetime.now(UTC)}
    connection = Connection(bootstrap_servers=stack.kafka_bootstrap, registry_url=stack.registry_url)
    with CorrectionPublisher(
        connection, source="/tests", topic=settings["STREAMPROC_PROGRESS__CORRECTION_TOPIC"]
    ) as publisher:
        for learner, found in results.items():
            by_id = {f"{one.source.topic}/{one.source.partition}/{one.source.offset}": one for one in found}
            kept = by_id[states[learner].readings[-1].result_id]
            correction = overrule(kept, 0, 0, Verdict.OMITTED, correction_id=f"correction-{len(corrections)}", **by)
            corrections.append(correction)
            for _ in range(2):
                publisher.send(correction).result(30)
    applied = corrected(states, corrections)
    assert applied == LEARNERS

    wanted = summaries(states)
    second.wait_for(lambda: everybody_is_told(second, wanted), "the answers of one worker", 60)
    third.wait_for(lambda: everybody_is_told(third, wanted), "the answers of the other one", 60)
    events_told = told(topics, len(events) + 1 + applied)
    for learner, progress in wanted.items():
        assert events_told[learner][-1] == progress
        assert [one.revision for one in events_told[learner]] == list(range(1, progress.revision + 1))

    # Both were asked for all: each has answered some itself, and passed the others on.
    for worker in (second, third):
        lines = [line for line in worker.log_records() if line["event"] == "progress is asked for"]
        assert {line["forwarded"] for line in lines} == {True, False}
        assert not any(learner in worker.log_text() for _, learner in wanted)

    shown = run(
        settings,
        "progress",
        "learner-0",
        "--tenant",
        "school-1",
        "--json",
        "--worker",
        f"http://127.0.0.1:{third.port}",
    )
    assert shown.returncode == 0, shown.stderr
    assert from_json(json.loads(shown.stdout)) == wanted["school-1", "learner-0"]
    assert asked(third, ("school-1", "nobody")) is None
    # What the teachers said is labelled data, with its recordings.
    folder = tmp_path / "labelled"
    exported = run(settings, "corrections", "export", str(folder), "--json")
    assert exported.returncode == 0, exported.stderr
    clips = read_folder(folder)
    assert len(clips) == json.loads(exported.stdout)["clips"] == LEARNERS
    assert {clip.words[0].marks for clip in clips} == {(0.0,)}
    assert all(len(clip.audio()) > 16_000 for clip in clips)
    assert len({clip.speaker for clip in clips}) == LEARNERS
    evaluated = run(settings, "models", "evaluate", str(folder), "--json")
    assert evaluated.returncode == 0, evaluated.stderr
    judged = json.loads(evaluated.stdout)
    assert (judged["clips"], judged["words"], judged["unreadable"]) == (LEARNERS, sum(map(_words, clips)), {})

    with pytest.raises(PermissionError, match="STREAMPROC_PROGRESS__TOKEN"):
        read_progress(f"http://127.0.0.1:{third.port}", "guessed", tenant_id="school-1", learner_id="learner-0")
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"http://127.0.0.1:{third.port}/progress", timeout=5)

    for example, said in (("read_progress.py", "no readings yet"), ("overrule_a_verdict.py", "overruled: ")):
        there = {**settings, "WORKER_URL": f"http://127.0.0.1:{third.port}"}
        command = [sys.executable, str(EXAMPLES / example)]
        shown_by = subprocess.run(
            command, env=environment(there), capture_output=True, text=True, timeout=60, check=True
        )
        assert shown_by.stdout.startswith(said)


@pytest.mark.usefixtures("schema_id")
def test_corrections_are_refused_before_they_are_sent(
    topics: TestTopics, settings: dict[str, str], stack: Addresses
) -> None:
    connection = Connection(bootstrap_servers=stack.kafka_bootstrap, registry_url=stack.registry_url)
    with pytest.raises(StreamprocError) as unknown, CorrectionPublisher(connection, source="/t", topic=topics.letters):
        pass
    assert unknown.value.code is ErrorCode.CORRECTION_SCHEMA_MISSING
    topic = settings["STREAMPROC_PROGRESS__CORRECTION_TOPIC"]
    with CorrectionPublisher(connection, source="/t", topic=topic) as publisher:
        with pytest.raises(StreamprocError) as invalid:
            publisher.send(replace(CORRECTION, correction_id=""))
        assert invalid.value.code is ErrorCode.CORRECTION_INVALID
