"""Activities that are published twice, on a real worker: one result and one letter that names it, whatever happens.

And what is no duplicate: another learner's, a replayed letter, and what another partition holds.
"""

from __future__ import annotations

import signal
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.activities import activity, behind, phrase, reading, value
from support.topics_of_test import PARTITIONS, Record, TestTopics
from support.worker_process import WorkerProcess, run

from streamproc.contracts.generated.events import Activity

QUARANTINED_AFTER = 10
EVENTS, TWICE = 40, 4
"""So many activities, and how many of them are published a second time: a tenth."""


@pytest.fixture(scope="module")
def settings(settings: dict[str, str]) -> dict[str, str]:
    quarantine = {"STREAMPROC_QUARANTINE__EVENTS": str(QUARANTINED_AFTER), "STREAMPROC_QUARANTINE__PERCENT": "50"}
    return {**settings, **quarantine, "STREAMPROC_DUPLICATES__WINDOW": "3600"}


@pytest.fixture(scope="module")
def first(
    settings: dict[str, str], schema_id: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerProcess]:
    """The module's first worker; it is killed."""
    yield from working(settings, tmp_path_factory.mktemp("first") / "worker.log")


def working(settings: dict[str, str], log: Path) -> Iterator[WorkerProcess]:
    process = WorkerProcess(settings, log)
    try:
        process.wait_ready()
        yield process
    finally:
        process.kill()


def some(number: int, prefix: str) -> list[Activity]:
    return [
        activity(phrase(), activity_id=f"{prefix}-{index}", learner_id=f"learner-{index % 7}")
        for index in range(number)
    ]


def record(event: Activity, schema_id: int, key: bytes | None = None) -> Record:
    return Record(
        event.learner_id.encode() if key is None else key,
        value(event, schema_id),
        [("ce_subject", event.activity_id.encode())],
    )


def subjects(topics: TestTopics, topic: str, prefix: str, count: int) -> Counter[str]:
    """The activities with this prefix that a topic has outcomes of, and how many."""
    found = topics.read(topic, count, 60, lambda record: header(record.headers, "ce_subject").startswith(prefix))
    return Counter(header(record.headers, "ce_subject") for record in found)


def header(headers: Sequence[tuple[str, Any]], name: str) -> str:
    return next(((value or b"").decode() for key, value in headers if key == name), "")


def codes(topics: TestTopics, name: str, count: int) -> list[str]:
    """Of an activity's letters, in their order."""
    found = topics.read(topics.letters, count, 60, lambda one: header(one.headers, "ce_subject") == name)
    return [header(one.headers, "streamproc.error.code") for one in found]


def test_a_tenth_published_twice_has_one_result_and_one_letter_each_though_the_worker_is_killed(
    topics: TestTopics, schema_id: int, first: WorkerProcess, settings: dict[str, str], tmp_path: Path
) -> None:
    events = some(EVENTS, "tenth")
    topics.publish([record(event, schema_id) for event in events])
    first.wait_for(lambda: bool(topics.read(topics.results, 5, 1)), "some results", 60)
    first.signal(signal.SIGKILL)
    first.wait(10)
    for worker in working(settings, tmp_path / "worker.log"):
        topics.publish([record(event, schema_id) for event in events[:TWICE]])
        assert subjects(topics, topics.letters, "tenth", TWICE) == Counter(one.activity_id for one in events[:TWICE])
        # One more would be there by now: the letters are behind it.
        assert subjects(topics, topics.results, "tenth", EVENTS) == Counter(one.activity_id for one in events)
        assert not topics.read(topics.results, EVENTS + 1, 2)[EVENTS:]
        [letter] = [one for one in topics.read_letters(TWICE) if header(one.record.headers, "ce_subject") == "tenth-0"]
        [result] = topics.read(topics.results, 1, 30, lambda one: header(one.headers, "ce_subject") == "tenth-0")
        assert letter.error["code"] == "DUPLICATE_ACTIVITY"
        assert letter.error["first"] == header(result.headers, "ce_id")
        assert letter.error["first.result.topic"] == topics.results
        assert (letter.record.key, result.key) == (b"learner-0", b"learner-0")
        assert worker.metric("streamproc_dead_letters_total", code="DUPLICATE_ACTIVITY") == TWICE
        assert worker.metric("streamproc_activity_success_total", success="false") == 0


@pytest.fixture(scope="module")
def second(
    settings: dict[str, str], schema_id: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerProcess]:
    yield from working(settings, tmp_path_factory.mktemp("second") / "worker.log")


@pytest.mark.usefixtures("second")
def test_a_letter_that_is_replayed_has_its_result_and_what_is_published_after_that_has_none(
    topics: TestTopics, schema_id: int, settings: dict[str, str], clips: Path
) -> None:
    """The recording comes late: the first attempt fails."""
    event = activity(phrase(behind(f"{clips.as_uri()}/late.ogg")), activity_id=f"late-{uuid.uuid4()}")
    name = event.activity_id
    topics.publish([record(event, schema_id)])
    assert codes(topics, name, 1) == ["AUDIO_NOT_FOUND"]
    (clips / "late.ogg").write_bytes(reading(container="OGG"))
    assert run(settings, "dlq", "replay").returncode == 0
    assert subjects(topics, topics.results, name, 1) == {name: 1}
    topics.publish([record(event, schema_id)])
    assert codes(topics, name, 2) == ["AUDIO_NOT_FOUND", "DUPLICATE_ACTIVITY"]


def test_many_at_once_are_no_cause_for_a_quarantine(topics: TestTopics, schema_id: int, second: WorkerProcess) -> None:
    """A publisher that sends all of its day once more is not a bad deploy of ours."""
    event = activity(phrase(), activity_id=f"many-{uuid.uuid4()}")
    count = 2 * QUARANTINED_AFTER
    topics.publish([record(event, schema_id)] * (count + 1))
    assert subjects(topics, topics.letters, event.activity_id, count) == {event.activity_id: count}
    assert second.is_ready()
    another = activity(phrase(), activity_id=f"behind-{uuid.uuid4()}")
    topics.publish([record(another, schema_id)])
    assert subjects(topics, topics.results, another.activity_id, 1) == {another.activity_id: 1}


@pytest.mark.usefixtures("second")
def test_under_another_key_in_another_partition_it_has_a_result_of_its_own(topics: TestTopics, schema_id: int) -> None:
    """State belongs to a partition; streamproc's publisher keys by learner, and so meets itself again."""
    event = activity(phrase(), activity_id=f"elsewhere-{uuid.uuid4()}")
    places = topics.publish([record(event, schema_id, key=b"%d" % number) for number in range(8)])
    partitions = {place.partition for place in places}
    assert len(partitions) == PARTITIONS
    assert subjects(topics, topics.results, event.activity_id, PARTITIONS) == {event.activity_id: PARTITIONS}
    assert subjects(topics, topics.letters, event.activity_id, 8 - PARTITIONS) == {event.activity_id: 8 - PARTITIONS}
