"""Six clips that would unpack to two gigabytes and more: a worker takes them as it takes any other."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from support.activities import activity, inline, phrase, result, value
from support.holes import hole
from support.topics_of_test import Record, TestTopics
from support.worker_fixtures import clips, schema_id, settings, topics
from support.worker_process import WorkerProcess

__all__ = ["clips", "schema_id", "settings", "topics"]

pytestmark = [pytest.mark.timeout(400), hole("C2")]

EVENTS = 6
SECONDS, RATE, CHANNELS = 120, 96_000, 8
ROOM_KB = 500_000
"""As wholes in float32 the clips would be 2.2 GB, and were 4.8 GB with what was made of them."""


@pytest.fixture
def worker(settings: dict[str, str], tmp_path: Path) -> Iterator[WorkerProcess]:
    process = WorkerProcess(settings, tmp_path / "worker.log")
    yield process
    process.kill()


def bomb() -> bytes:
    """Two minutes of silence on eight channels."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", RATE, CHANNELS, format="FLAC") as out:
        for _ in range(SECONDS):
            out.write(np.zeros((RATE, CHANNELS), np.int16))
    return file.getvalue()


def peak_kb(pid: int) -> int:
    """The most memory that a process and its children have had."""
    family = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    lines = [line for one in family for line in Path(f"/proc/{one}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def test_clips_that_unpack_to_gigabytes_take_little_memory(
    worker: WorkerProcess, topics: TestTopics, schema_id: int
) -> None:
    worker.wait_ready()
    before = peak_kb(worker.pid)
    clip = bomb()
    assert len(clip) < 512 * 1024
    content = value(activity(phrase(inline(clip))), schema_id)
    topics.publish(Record(f"learner-{number}".encode(), content, []) for number in range(EVENTS))
    results = [result(record.value or b"") for record in topics.read(topics.results, EVENTS, 300)]
    assert [scored.audio_ms for scored in results] == [SECONDS * 1000] * EVENTS
    taken = peak_kb(worker.pid) - before
    assert 0 < taken < ROOM_KB
