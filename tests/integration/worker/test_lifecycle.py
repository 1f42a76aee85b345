"""A worker's life: it drains on SIGTERM, outlives its Triton, and stops when it must not go on."""

from __future__ import annotations

import asyncio
import copy
import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from support.activities import activity, clip, inline, phrase, result, value
from support.topics_of_test import Record, TestTopics
from support.worker_fixtures import Start
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from streamproc.contracts import files
from streamproc.contracts.generated.events import SourcePosition
from streamproc.contracts.registry import Registry
from streamproc.contracts.wire import HEADER, header
from streamproc.localstack.triton import MODELS, TritonPart
from streamproc.settings import RegistrySettings


def readings(count: int, schema_id: int, phrases: int = 1) -> list[Record]:
    """Good activities of as many learners."""
    audio = inline(clip(0.5, container="FLAC"))
    content = value(activity(*(phrase(audio, index=index) for index in range(phrases))), schema_id)
    return [Record(f"learner-{number}".encode(), content, []) for number in range(count)]


def results_of(topics: TestTopics, published: list[SourcePosition], seconds: float = 60.0) -> Counter[SourcePosition]:
    """How many results each of these activities has, once there are as many results as activities."""

    def source(record: Record) -> SourcePosition:
        return result(record.value or b"").source

    wanted = set(published)
    records = topics.read(topics.results, len(published), seconds, lambda record: source(record) in wanted)
    return Counter(map(source, records))


def test_sigterm_drains_and_the_next_worker_goes_on_where_it_ended(
    start: Start, topics: TestTopics, schema_id: int
) -> None:
    worker = start()
    published: list[SourcePosition] = []
    ended = threading.Event()

    def feed() -> None:
        """Activities come as long as the worker runs, and after its end: whatever its speed, it leaves some of them."""
        while not ended.is_set():
            published.extend(topics.publish(readings(1, schema_id, phrases=2)))
        published.extend(topics.publish(readings(5, schema_id)))

    with ThreadPoolExecutor(1) as pool:
        feeding = pool.submit(feed)
        try:
            worker.wait_for(lambda: worker.metric("streamproc_results_total") >= 5, "the first results", 60)
            assert worker.terminate() == 0
        finally:
            ended.set()
        feeding.result()
    assert "Traceback" not in worker.log_text()
    (stopped,) = [record for record in worker.log_records() if record["event"] == "stopped"]
    drained = Counter(
        result(record.value or b"").source for record in topics.read(topics.results, stopped["events"], 60.0)
    )
    assert 5 <= drained.total() == stopped["events"] < len(published)
    assert set(drained.values()) == {1}

    start()
    assert results_of(topics, published) == Counter(published)
    assert topics.read(topics.letters, 1, seconds=1) == []


@contextmanager
def rivals(address: str, count: int) -> Iterator[None]:
    """So many others ask the same Triton, one request after the other each."""
    ended = threading.Event()

    def ask() -> None:
        audio = InferInput("AUDIO", [1, 320], "FP32").set_data_from_numpy(np.zeros((1, 320), np.float32))
        lengths = InferInput("LENGTHS", [1, 1], "INT32").set_data_from_numpy(np.array([[320]], np.int32))
        with InferenceServerClient(address) as client:
            while not ended.is_set():
                try:
                    client.infer("phonemes", [audio, lengths], client_timeout=30)
                except InferenceServerException:  # its queue is full
                    ended.wait(0.05)

    with ThreadPoolExecutor(count) as threads:
        asking = [threads.submit(ask) for _ in range(count)]
        try:
            yield
        finally:
            ended.set()
    for each in asking:
        each.result()


def test_a_full_queue_pauses_nothing_and_makes_no_letter(
    start: Start, topics: TestTopics, schema_id: int, tmp_path: Path
) -> None:
    """The model takes 1.5 s a request, two may wait, and four others ask for a while: a worker is turned away."""
    folder = tmp_path / "models/phonemes"
    (folder / "1").mkdir(parents=True)
    (folder / "1/model.py").write_text((Path(__file__).parent / "odd_models/model.py").read_text())
    (folder / "mood").write_text("slow")
    configuration = (MODELS / "phonemes/config.pbtxt").read_text()
    for before, after in ("max_batch_size: 32", "max_batch_size: 1"), ("max_queue_size: 256", "max_queue_size: 2"):
        assert before in configuration
        configuration = configuration.replace(before, after)
    (folder / "config.pbtxt").write_text(configuration)
    triton = TritonPart(tmp_path / "triton", models=tmp_path / "models")
    try:
        triton.start()
        worker = start(STREAMPROC_TRITON__URLS=triton.address, STREAMPROC_EVENT__DEADLINE="1")
        with rivals(triton.address, 4):
            published = topics.publish(readings(6, schema_id))
            worker.wait_for(lambda: worker.metric("streamproc_endpoint_refusals_total") >= 3, "refusals", 30)
        assert results_of(topics, published) == Counter(published)
        assert "consumption is paused" not in {record["event"] for record in worker.log_records()}
        assert worker.metric("streamproc_endpoint_ejections_total") == 0
        assert topics.read(topics.letters, 1, seconds=1) == []
        worker.terminate()
    finally:
        triton.stop()


def test_without_triton_the_worker_waits_and_goes_on_when_it_is_back(
    start: Start, topics: TestTopics, schema_id: int, tmp_path: Path
) -> None:
    triton = TritonPart(tmp_path / "triton", tie=True)
    try:
        triton.start()
        worker = start(STREAMPROC_TRITON__URLS=triton.address)
        before = topics.publish(readings(1, schema_id))
        assert results_of(topics, before) == Counter(before)

        triton.kill()
        meanwhile = topics.publish(readings(20, schema_id))
        worker.wait_for(lambda: "INFERENCE_UNAVAILABLE" in worker.log_text(), "notice of the outage", 30)
        assert worker.page("/health/live")
        assert results_of(topics, meanwhile, seconds=3) == Counter()
        assert topics.read(topics.letters, 1, seconds=1) == []

        triton.start()
        assert results_of(topics, meanwhile) == Counter(meanwhile)
        assert topics.read(topics.letters, 1, seconds=1) == []
        assert worker.metric("streamproc_dead_letters_total") == 0
    finally:
        triton.stop()


@pytest.mark.parametrize("deadline", ["1", "600"], ids=["paused", "trying again"])
def test_sigterm_does_not_wait_for_events_that_wait_for_triton(
    start: Start, topics: TestTopics, schema_id: int, tmp_path: Path, deadline: str
) -> None:
    triton = TritonPart(tmp_path / "triton", tie=True)
    try:
        triton.start()
        address = triton.address
        worker = start(
            STREAMPROC_TRITON__URLS=address,
            STREAMPROC_EVENT__DEADLINE=deadline,
            STREAMPROC_TRANSPORT__STOP_TIMEOUT="120",
        )
        before = topics.publish(readings(1, schema_id))
        assert results_of(topics, before) == Counter(before)

        triton.kill()
        waiting = topics.publish(readings(20, schema_id))
        notice = "consumption is paused" if deadline == "1" else "trying again"
        worker.wait_for(lambda: notice in worker.log_text(), notice, 30)
        assert worker.terminate(20) == 0
        assert "given up" in worker.log_text()
        assert "Traceback" not in worker.log_text()
        assert results_of(topics, waiting, seconds=2) == Counter()

        triton.start()
        start(STREAMPROC_TRITON__URLS=triton.address)
        assert results_of(topics, waiting) == Counter(waiting)
        assert topics.read(topics.letters, 1, seconds=1) == []
    finally:
        triton.stop()


def test_a_schema_that_this_release_cannot_read_stops_the_worker_and_costs_no_event(
    start: Start, topics: TestTopics, schema_id: int, settings: dict[str, str]
) -> None:
    # At its start it would be refused at once; here it comes while the worker runs.
    worker = start()
    future_id = asyncio.run(_register(settings["STREAMPROC_REGISTRY__URL"], topics))
    (good,) = readings(1, schema_id)
    (place,) = topics.publish([Record(b"learner", value_with_id(good, future_id), [])])
    assert worker.wait(60) == 1
    (fatal,) = [record for record in worker.log_records() if record["level"] == "critical" and "code" in record]
    assert fatal["code"] == "SCHEMA_UNREADABLE"
    assert f"schema id {future_id}" in fatal["reason"]
    assert topics.read(topics.letters, 1, seconds=1) == []
    assert topics.committed().get(place.partition, 0) <= place.offset


async def _register(url: str, topics: TestTopics) -> int:
    """A schema of the topic's activities that this release cannot read: a field is gone that it needs; its id."""
    newer = copy.deepcopy(files.newest(files.ACTIVITY).schema)
    newer["fields"] = [field for field in newer["fields"] if field["name"] != "story_id"]
    subject = files.subject(topics.activities)
    registry = Registry(RegistrySettings(url=url))
    try:
        await registry.set_compatibility(subject, "NONE")
        return await registry.register(subject, json.dumps(newer))
    finally:
        await registry.close()


def value_with_id(record: Record, schema_id: int) -> bytes:
    """A record's value, said to be written with another schema."""
    assert record.value is not None
    return header(schema_id) + record.value[HEADER.size :]
