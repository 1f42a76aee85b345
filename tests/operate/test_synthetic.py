"""Synthetic activities on a real stack: they become results, are counted, and are nobody's reading."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.activities import activity, clip, inline, phrase, value
from support.topics_of_test import Record, TestTopics
from support.worker_fixtures import clips, schema_id, settings, topics
from support.worker_process import WorkerProcess, run

from streamproc.client import SYNTHETIC_TENANT, Connection, ResultSubscriber
from streamproc.localstack.stack import Addresses

__all__ = ["clips", "schema_id", "settings", "topics"]


@pytest.fixture(scope="module")
def worker(
    settings: dict[str, str], schema_id: int, topics: TestTopics, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerProcess]:
    process = WorkerProcess(settings, tmp_path_factory.mktemp("worker") / "worker.log")
    try:
        process.wait_ready()
        topics.publish([Record(b"a child", value(activity(phrase(inline(clip(0.5)))), schema_id), [])])
        yield process
    finally:
        process.end()


def test_one_becomes_a_result(settings: dict[str, str], worker: WorkerProcess) -> None:
    probed = run(settings, "synthetic", "--once", "--json")
    assert probed.returncode == 0, probed.stderr
    assert json.loads(probed.stdout)["outcome"] == "result"
    counted = {"success": "true", "tenant": SYNTHETIC_TENANT}
    assert worker.metric("streamproc_activity_success_total", **counted) == 1


@pytest.mark.parametrize("synthetic", [False, True])
def test_a_subscriber_tells_of_it_only_if_asked(
    synthetic: bool, settings: dict[str, str], worker: WorkerProcess, stack: Addresses, topics: TestTopics
) -> None:
    assert run(settings, "synthetic", "--once").returncode == 0
    connection = Connection(bootstrap_servers=stack.kafka_bootstrap, registry_url=stack.registry_url)
    group = f"{topics.name}-{synthetic}"
    subscriber = ResultSubscriber(connection, group, topics.results, synthetic=synthetic)
    ends = threading.Timer(10, subscriber.close)
    ends.start()
    tenants = [result.tenant for result in subscriber]
    assert tenants.count("school-1") == 1
    assert (SYNTHETIC_TENANT in tenants) is synthetic


def test_without_a_worker_there_is_none(settings: dict[str, str], worker: WorkerProcess, tmp_path: Path) -> None:
    worker.terminate()
    probed = run({**settings, "STREAMPROC_SYNTHETIC__TIMEOUT": "3"}, "synthetic", "--once")
    assert probed.returncode == 1
    assert "no outcome in 3." in probed.stdout
