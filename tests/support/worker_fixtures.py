"""Fixtures of what tests a worker: topics and schemas of their own, one running worker for many cases."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streamproc.localstack.stack import Addresses
from support.set_up import prepare
from support.topics_of_test import TestTopics
from support.worker_process import WorkerProcess

Start = Callable[..., WorkerProcess]


@pytest.fixture(scope="module")
def topics(stack: Addresses) -> TestTopics:
    """Topics of this module, not created yet."""
    return TestTopics(stack.kafka_bootstrap)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that this module's workers may read clips from."""
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def settings(stack: Addresses, topics: TestTopics, clips: Path) -> dict[str, str]:
    """A worker's environment."""
    return {
        **topics.settings,
        "STREAMPROC_REGISTRY__URL": stack.registry_url,
        "STREAMPROC_TRITON__URLS": stack.triton_url,
        "STREAMPROC_AUDIO__ALLOWED_PREFIXES": json.dumps([clips.as_uri() + "/"]),
        "STREAMPROC_AUDIO__NOT_FOUND_GRACE": "0.2",
        # Within the usual limit no result is larger than its topic accepts.
        "STREAMPROC_SCORING__MAX_ACTIVITY_PHONEMES": "1000000",
        "STREAMPROC_LOG__FORMAT": "json",
    }


@pytest.fixture(scope="module")
def schema_id(settings: dict[str, str], topics: TestTopics) -> int:
    """The id of the newest activity schema, after topics and schemas were set up as an operator does it."""
    return prepare(settings, topics)


@pytest.fixture(scope="module")
def worker(
    settings: dict[str, str],
    schema_id: int,
    clips: Path,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[WorkerProcess]:
    """A worker that is ready: a process, or with STREAMPROC_TEST_PROVIDER=docker a container of the image."""
    if os.environ.get("STREAMPROC_TEST_PROVIDER", "process") == "docker":
        from support.worker_container import WorkerContainer

        request.getfixturevalue("worker_image")
        clips.chmod(0o755)  # the container's user is another one
        process: WorkerProcess = WorkerContainer(settings, clips)
    else:
        process = WorkerProcess(settings, tmp_path_factory.mktemp("worker") / "worker.log")
    try:
        process.wait_ready()
        yield process
    finally:
        process.kill()


@pytest.fixture
def start(settings: dict[str, str], schema_id: int, tmp_path: Path) -> Iterator[Start]:
    """Start workers, with changed settings; those that still run at the test's end are ended."""
    started: list[WorkerProcess] = []

    def one(**changed: str) -> WorkerProcess:
        process = WorkerProcess({**settings, **changed}, tmp_path / f"worker-{len(started)}.log")
        started.append(process)
        process.wait_ready()
        return process

    yield one
    for process in started:
        process.end()
