"""The integration suite's main path with the worker in a container: read-only, without root, without capabilities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.activities import activity, clip, inline, phrase, value
from support.topics_of_test import Record, TestTopics
from support.worker_container import WorkerContainer

Start = Callable[..., WorkerContainer]


@pytest.fixture
def start(worker_image: str, settings: dict[str, str], schema_id: int, clips: Path) -> Iterator[Start]:
    started: list[WorkerContainer] = []

    def one(*, ready: bool = True, **changed: str) -> WorkerContainer:
        container = WorkerContainer({**settings, **changed}, clips)
        started.append(container)
        if ready:
            container.wait_ready()
        return container

    yield one
    for container in started:
        container.end()


def readings(count: int, schema_id: int) -> list[Record]:
    audio = inline(clip(0.5, container="FLAC"))
    learners = [f"learner-{number}" for number in range(count)]
    return [Record(who.encode(), value(activity(phrase(audio), learner_id=who), schema_id), []) for who in learners]


def keys(records: list[Record]) -> Counter[bytes | None]:
    return Counter(record.key for record in records)


def test_activities_have_one_outcome_each_however_often_the_container_is_replaced(
    start: Start, topics: TestTopics, schema_id: int
) -> None:
    worker = start()
    published = readings(150, schema_id)
    topics.publish([*published[:50], Record(b"odd", b"no Avro", [])])
    assert keys(topics.read(topics.results, 50)) == keys(published[:50])
    assert len(topics.read(topics.letters, 1)) == 1
    worker.wait_for(lambda: worker.wrapped.attrs["State"]["Health"]["Status"] == "healthy", "its health", 40)

    topics.publish(published[50:])
    assert worker.terminate(30) == 0, "it drains within the grace period"
    assert '"event": "stopped"' in worker.log_text()
    start()
    assert keys(topics.read(topics.results, 150)) == keys(published), "each one once"


def test_service_links_of_kubernetes_do_not_stop_it(start: Start) -> None:
    worker = start(
        STREAMPROC_PORT="tcp://10.96.0.17:6066",
        STREAMPROC_SERVICE_HOST="10.96.0.17",
        STREAMPROC_TRITON_PORT_8001_TCP="tcp://10.96.0.18:8001",
    )
    assert worker.is_ready()


def test_a_wrong_setting_is_one_message(start: Start) -> None:
    worker = start(ready=False, STREAMPROC_WORKER__MAX_IN_FLIGHT="none")
    assert worker.wait(30) == 2
    first, second = worker.log_text().splitlines()
    assert first == "streamproc: SETTINGS_INVALID"
    assert "STREAMPROC_WORKER__MAX_IN_FLIGHT" in second
