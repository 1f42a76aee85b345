"""A real worker whose Kafka or registry goes says so, and is ready again when it is back."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.set_up import prepare
from support.topics_of_test import TestTopics
from support.worker_process import WorkerProcess

from streamproc.localstack import state
from streamproc.localstack.stack import KINDS, Addresses, LocalStack

pytestmark = pytest.mark.timeout(240)
PARTS = ("registry", "kafka")


def status(worker: WorkerProcess) -> str:
    """What /health/ready says."""
    try:
        body = worker.page("/health/ready")
    except urllib.error.HTTPError as refused:
        body = refused.read().decode()
    return str(json.loads(body)["status"])


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalStack]:
    """A Kafka and a registry that may be killed."""
    for part in PARTS:
        monkeypatch.delenv(KINDS[part].variable, raising=False)
    mine = LocalStack(tmp_path / "stack", tie=True, report=lambda _: None)
    yield mine
    mine.down()


def test_what_goes_is_named_within_seconds_and_readiness_comes_back_with_it(
    own: LocalStack, stack: Addresses, tmp_path: Path
) -> None:
    addresses = own.up(PARTS)
    topics = TestTopics(addresses.kafka_bootstrap)
    settings = {
        **topics.settings,
        "STREAMPROC_REGISTRY__URL": addresses.registry_url,
        "STREAMPROC_TRITON__URLS": stack.triton_url,
    }
    prepare(settings, topics)
    worker = WorkerProcess(settings, tmp_path / "worker.log")
    try:
        worker.wait_ready()
        for part in PARTS:
            state.read(own.folder)[part].process.kill()
            # The bound of 8 s is that of a machine with time for its own: here others work beside.
            worker.wait_for(lambda part=part: status(worker) == f"no {part}", f"no {part}", 30)  # type: ignore[misc]
            own.up((part,))
            worker.wait_for(worker.is_ready, f"readiness after {part} is back", 60)
    finally:
        worker.kill()
