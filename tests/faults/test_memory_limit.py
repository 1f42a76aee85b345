"""A worker at its memory limit (ulimit -v) ends with a reason or goes on; it is never ready and does nothing."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.activities import activity, clip, inline, phrase, value
from support.topics_of_test import Record, TestTopics
from support.worker_fixtures import clips, schema_id, settings, topics
from support.worker_process import WorkerProcess

__all__ = ["clips", "schema_id", "settings", "topics"]

pytestmark = pytest.mark.timeout(400)

BOUND_S = 30
LOG_BYTES = 300_000
EVENTS = 120


@pytest.fixture
def worker(settings: dict[str, str], tmp_path: Path) -> Iterator[WorkerProcess]:
    changed = {"STREAMPROC_WORKER__STALLED_AFTER": str(BOUND_S)}
    process = WorkerProcess({**settings, **changed}, tmp_path / "worker.log")
    yield process
    process.kill()


@pytest.mark.parametrize("room", [2 << 20, 16 << 20, 64 << 20, 160 << 20], ids=lambda room: f"{room >> 20} MB")
def test_with_little_room(worker: WorkerProcess, topics: TestTopics, schema_id: int, room: int) -> None:
    worker.wait_ready()
    limit = psutil.Process(worker.pid).memory_info().vms + room
    resource.prlimit(worker.pid, resource.RLIMIT_AS, (limit, limit))
    audio = inline(clip(4.0, container="FLAC"))
    content = value(activity(*(phrase(audio, index=index) for index in range(4))), schema_id)
    published = topics.publish(Record(f"learner-{number}".encode(), content, []) for number in range(EVENTS))
    ends = {place.partition: place.offset + 1 for place in published}

    def finished() -> bool:
        return topics.committed() == ends

    deadline = time.monotonic() + 3 * BOUND_S
    while worker.is_alive and not finished() and time.monotonic() < deadline:
        time.sleep(1)
    assert not worker.is_alive or finished() or not worker.is_ready(), worker.log_text()[-4000:]
    if not worker.is_alive:
        assert worker.wait(1) != 0
        assert worker.log_text().strip()
    assert len(worker.log_text()) < LOG_BYTES
    assert "UNEXPECTED" not in worker.log_text(), "no event is blamed for it"
