"""A worker that runs out of file descriptors says so and stops: it never stands there, ready, doing nothing."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.holes import hole
from support.worker_process import WorkerProcess

from . import limited

DESCRIPTORS = 120
"""Enough for a worker to start."""


@pytest.fixture
def worker(settings: dict[str, str], schema_id: int, tmp_path: Path) -> Iterator[WorkerProcess]:
    """A worker that may open few files; it is ready."""
    del schema_id
    program = [limited.__file__, "RLIMIT_NOFILE", str(DESCRIPTORS)]
    process = WorkerProcess(settings, tmp_path / "worker.log", program)
    process.wait_ready()
    yield process
    process.kill()


@hole("C8")
def test_a_worker_without_file_descriptors_stops_and_says_why(worker: WorkerProcess) -> None:
    with contextlib.ExitStack() as connections:
        for _ in range(DESCRIPTORS):
            with contextlib.suppress(OSError):
                connections.enter_context(socket.create_connection(("127.0.0.1", worker.port), timeout=1))
        assert worker.wait(30) not in (0, None)
    (reason,) = [record for record in worker.log_records() if record.get("code") == "RESOURCES_EXHAUSTED"]
    assert "file descriptors (ulimit -n)" in reason["reason"]
    assert reason["level"] == "critical"
    assert len(worker.log_text()) < 60_000
