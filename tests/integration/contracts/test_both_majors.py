"""A worker publishes both major versions of every result in one transaction, whatever kills it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.topics_of_test import TestTopics
from support.worker_process import WorkerProcess

from streamproc.contracts.casts import upcast
from streamproc.contracts.codec import ResultDecoder
from streamproc.contracts.majors import V1, V2
from streamproc.contracts.registry import Registry
from streamproc.localstack.stack import Addresses

from .releases import this_release

COUNT = 30


@pytest.fixture
def names(stack: Addresses) -> TestTopics:
    return TestTopics(stack.kafka_bootstrap)


@pytest.fixture
def settings(stack: Addresses, names: TestTopics) -> dict[str, str]:
    """A worker of both majors, with its topics made and its schemas registered."""
    own = {
        **names.settings,
        "STREAMPROC_KAFKA__RESULT_V2_TOPIC": f"{names.name}.result.v2",
        "STREAMPROC_KAFKA__RESULT_MAJORS": "[1, 2]",
        "STREAMPROC_REGISTRY__URL": stack.registry_url,
        "STREAMPROC_TRITON__URLS": stack.triton_url,
        "STREAMPROC_LOG__FORMAT": "json",
    }
    for arguments in (("topics", "create"), ("schemas", "register")):
        done = this_release().streamproc(*arguments, settings=own)
        assert done.returncode == 0, done.stderr
    return own


@pytest.fixture
def first_worker(settings: dict[str, str], tmp_path: Path) -> Iterator[WorkerProcess]:
    worker = WorkerProcess({**settings, **this_release().environment}, tmp_path / "first.log")
    yield worker
    worker.kill()


@pytest.fixture
def second_worker(settings: dict[str, str], tmp_path: Path) -> Iterator[WorkerProcess]:
    worker = WorkerProcess({**settings, **this_release().environment}, tmp_path / "second.log")
    yield worker
    worker.kill()


@pytest.mark.timeout(240)
async def test_both_topics_hold_the_same_results(
    registry: Registry,
    settings: dict[str, str],
    names: TestTopics,
    first_worker: WorkerProcess,
    second_worker: WorkerProcess,
) -> None:
    for worker in (first_worker, second_worker):
        await asyncio.to_thread(worker.wait_ready)
    publishing = asyncio.to_thread(this_release().client, "publish", str(COUNT), settings=settings)
    task = asyncio.create_task(publishing)
    await asyncio.sleep(2)
    first_worker.kill()
    published = await task
    topic_v2 = settings["STREAMPROC_KAFKA__RESULT_V2_TOPIC"]
    as_v1, as_v2 = [await asyncio.to_thread(names.read, topic, COUNT) for topic in (names.results, topic_v2)]
    # Longer than both took together: what is doubled would be here by now.
    assert len(await asyncio.to_thread(names.read, topic_v2, COUNT + 1, 2.0)) == COUNT
    decode_v1, decode_v2 = (
        ResultDecoder(registry, names.results, V1).decode,
        ResultDecoder(registry, topic_v2, V2).decode,
    )
    results = {str(result.source): result for result in [await decode_v1(record.value) for record in as_v1]}
    results_v2 = {str(result.source): result for result in [await decode_v2(record.value) for record in as_v2]}
    assert sorted(result.activity_id for result in results.values()) == sorted(published)
    assert results_v2 == {source: upcast(result) for source, result in results.items()}
    assert {dict(record.headers)["ce_type"] for record in as_v2} == {b"streamproc.reading.v2.Result"}
    assert names.read(names.letters, 1, seconds=0.5) == []
