"""Fixtures of what a worker knows of learners over time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.worker_fixtures import clips, schema_id, settings, topics, worker
from support.worker_process import WorkerProcess

__all__ = ["clips", "schema_id", "settings", "topics", "worker"]


@pytest.fixture
def started(settings: dict[str, str], tmp_path: Path) -> Iterator[Callable[[], WorkerProcess]]:
    """Starts workers, and ends them."""
    workers: list[WorkerProcess] = []

    def start() -> WorkerProcess:
        worker = WorkerProcess(settings, tmp_path / f"worker-{len(workers)}.log")
        workers.append(worker)
        worker.wait_ready()
        return worker

    try:
        yield start
    finally:
        for worker in workers:
            worker.kill()
