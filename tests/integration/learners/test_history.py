"""`streamproc replay`: a part of the activities is scored again, each once, though it is killed, beside live work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.activities import activity, inline, phrase, reading, result, value
from support.topics_of_test import Record, TestTopics
from support.waiting import wait_for
from support.worker_process import WorkerProcess, environment, run, streamproc

BEFORE, WITHIN, AFTER = 10, 60, 10
"""Activities before the part that is read again, in it, and after it."""

Again = Callable[..., list[str]]


class Replay:
    """The command in a process of its own."""

    def __init__(self, settings: dict[str, str], arguments: list[str], log: Path) -> None:
        self._log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                streamproc("replay", *arguments),
                env=environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End it as the kernel would."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)

    def end(self) -> dict[str, object]:
        """Wait for its end: what it says then."""
        told, _ = self._process.communicate(timeout=200)
        assert self._process.returncode == 0, self._log.read_text()[-4000:]
        said: dict[str, object] = json.loads(told.splitlines()[-1])
        return said


@contextmanager
def replaying(settings: dict[str, str], arguments: list[str], log: Path) -> Iterator[Replay]:
    process = Replay(settings, arguments, log)
    try:
        yield process
    finally:
        process.kill()


def moment() -> str:
    """A time between what was published and what will be."""
    time.sleep(0.05)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    time.sleep(0.05)
    return now


@pytest.fixture(scope="module")
def part(topics: TestTopics, schema_id: int, worker: WorkerProcess) -> list[str]:
    """Everything was scored once; the options that name the part."""
    clip = inline(reading())

    def publish(kind: str, count: int) -> None:
        events = [
            activity(phrase(clip), activity_id=f"{kind}-{n}", learner_id=f"learner-{n % 7}") for n in range(count)
        ]
        topics.publish(Record(event.learner_id.encode(), value(event, schema_id), []) for event in events)

    publish("before", BEFORE)
    since = moment()
    publish("within", WITHIN - 1)
    topics.publish([Record(b"learner-1", b"junk", [])])
    until = moment()
    publish("after", AFTER)
    assert len(topics.read(topics.results, BEFORE + WITHIN - 1 + AFTER)) == BEFORE + WITHIN - 1 + AFTER
    assert worker.is_alive
    return ["--from", since, "--to", until]


def scored(topics: TestTopics, topic: str, count: int, seconds: float = 60) -> Counter[str]:
    """The activities of a topic's results, and how many each has."""
    return Counter(result(record.value or b"").activity_id for record in topics.read(topic, count, seconds))


def test_each_activity_of_the_part_is_scored_once_and_no_other_though_it_is_killed(
    topics: TestTopics, part: list[str], settings: dict[str, str], tmp_path: Path
) -> None:
    again = f"{topics.name}.again"
    arguments = ["second-look", *part, "--results", again, "--json"]
    with replaying(settings, [*arguments, "--rate", "5"], tmp_path / "first.log") as first:
        wait_for(lambda: _count(topics, again) >= 5, "some results", 60)
        first.kill()
    assert _count(topics, again) < WITHIN
    with replaying(settings, arguments, tmp_path / "second.log") as second:
        said = second.end()
    assert said["left"] == 0
    assert said["results"] == again
    assert scored(topics, again, WITHIN + 1, 3) == Counter({f"within-{n}": 1 for n in range(WITHIN - 1)})
    [letter] = topics.read(f"{again}.dlq", 2, 3)
    assert letter.value == b"junk"
    # The live topics have what they had.
    assert len(topics.read(topics.results, 200, 3)) == BEFORE + WITHIN - 1 + AFTER
    assert len(topics.read(topics.letters, 2, 3)) == 1
    with replaying(settings, arguments, tmp_path / "third.log") as third:
        said = third.end()
    assert (said["scored"], said["left"]) == (0, 0), "it was done already"


def test_results_into_the_live_topic_have_the_ids_of_the_first_ones(
    topics: TestTopics, part: list[str], settings: dict[str, str], tmp_path: Path
) -> None:
    with replaying(settings, ["live", *part, "--into-live", "--json"], tmp_path / "replay.log") as process:
        assert process.end()["left"] == 0
    count = BEFORE + 2 * (WITHIN - 1) + AFTER
    ids = Counter(dict(record.headers)["ce_id"] for record in topics.read(topics.results, count + 1, 3))
    assert Counter(ids.values()) == {2: WITHIN - 1, 1: BEFORE + AFTER}


@pytest.mark.usefixtures("part")
def test_one_that_was_begun_goes_on_to_the_end_that_it_had(settings: dict[str, str]) -> None:
    refused = run(settings, "replay", "live", "--from", "1h", "--into-live")
    assert refused.returncode == 2
    assert "say the --to that it said then" in refused.stderr


def _count(topics: TestTopics, topic: str) -> int:
    try:
        return len(topics.read(topic, 1000, 1))
    except AssertionError:  # the topic is not there yet
        return 0
