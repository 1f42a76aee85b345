"""A worker with two real Tritons behind proxies: one of them dead, silent or of another model, both dead, both back."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.activities import activity, clip, inline, phrase, result, value
from support.engine_suite import MODEL, REPOSITORY
from support.proxy import Proxy
from support.topics_of_test import Record, TestTopics
from support.worker_fixtures import Start
from support.worker_process import WorkerProcess

from streamproc.contracts.generated.events import Result, SourcePosition
from streamproc.localstack.stack import Addresses, LocalStack
from streamproc.localstack.triton import MODELS, TritonPart

CPU_SECONDS = 5.0
"""Within so much the CPU scores, once no Triton does."""

REPAIRED_SECONDS = 10.0


class Pair:
    """Two Tritons, each behind a proxy."""

    def __init__(self, folder: Path) -> None:
        self.tritons = [TritonPart(folder / f"triton-{number}") for number in range(2)]
        self.proxies = [Proxy(), Proxy()]
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(TritonPart.start, self.tritons))
        for proxy, triton in zip(self.proxies, self.tritons, strict=True):
            proxy.target = triton.address

    @property
    def addresses(self) -> list[str]:
        return [f"127.0.0.1:{proxy.port}" for proxy in self.proxies]

    def kill(self, number: int) -> None:
        self.tritons[number].kill()

    def start(self, number: int) -> None:
        self.tritons[number].start()

    def freeze(self, number: int) -> None:
        self.proxies[number].freeze(requests=True, answers=True)

    def thaw(self, number: int) -> None:
        self.proxies[number].thaw(cut=True)

    def refuse(self, number: int) -> None:
        self.proxies[number].turn_away(True)

    def admit(self, number: int) -> None:
        self.proxies[number].turn_away(False)

    def stop(self) -> None:
        for proxy in self.proxies:
            proxy.close()
        for triton in self.tritons:
            triton.stop()


FAULTS: dict[str, tuple[Callable[[Pair, int], None], Callable[[Pair, int], None]]] = {
    "killed": (Pair.kill, Pair.start),
    "hanging": (Pair.freeze, Pair.thaw),
    "refusing": (Pair.refuse, Pair.admit),
}
"""What happens to a Triton, and how it is mended."""


@pytest.fixture(scope="module")
def stack(local_stack: LocalStack) -> Addresses:
    """No Triton among it: these tests have their own."""
    return local_stack.up(("kafka", "registry"))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both are up before each test, and after it."""
    pair = Pair(tmp_path_factory.mktemp("pair"))
    try:
        yield pair
    finally:
        pair.stop()


@pytest.fixture(scope="module")
def settings(settings: dict[str, str], pair: Pair) -> dict[str, str]:
    """A worker's environment."""
    return {
        **settings,
        "STREAMPROC_TRITON__URLS": ",".join(pair.addresses),
        "STREAMPROC_ONNX__REPOSITORY": str(REPOSITORY),
    }


class Readings:
    """Good activities, and the results that they have."""

    def __init__(self, topics: TestTopics, schema_id: int) -> None:
        self._topics = topics
        self._content = value(activity(phrase(inline(clip(0.5, container="FLAC")))), schema_id)
        self._published = 0

    def publish(self, count: int) -> list[SourcePosition]:
        """So many, of as many learners."""
        first, self._published = self._published, self._published + count
        names = (f"learner-{number}".encode() for number in range(first, first + count))
        return self._topics.publish([Record(name, self._content, []) for name in names])

    def results(self, published: list[SourcePosition], seconds: float = 60.0) -> list[Result]:
        """All results of these, once there are as many."""
        wanted = set(published)
        records = self._topics.read(
            self._topics.results,
            len(published),
            seconds,
            lambda record: result(record.value or b"").source in wanted,
        )
        return [result(record.value or b"") for record in records]


@pytest.fixture
def readings(topics: TestTopics, schema_id: int) -> Readings:
    """Of this module's topics."""
    return Readings(topics, schema_id)


def usable(worker: WorkerProcess, address: str) -> bool:
    return worker.metric("streamproc_endpoint_usable", endpoint=address) == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_one_that_fails_is_left_and_taken_in_again_and_every_activity_has_its_result(
    start: Start, pair: Pair, readings: Readings, topics: TestTopics, fault: str
) -> None:
    break_it, mend = FAULTS[fault]
    worker = start()
    published = readings.publish(20)
    assert len(readings.results(published)) == 20
    assert all(usable(worker, address) for address in pair.addresses)

    with ThreadPoolExecutor(1) as threads:
        feeding = threads.submit(readings.publish, 300)
        break_it(pair, 0)
        published += feeding.result()
    broken = pair.addresses[0]
    worker.wait_for(lambda: not usable(worker, broken), "notice of the fault", 5)
    try:
        meanwhile = readings.publish(50)
        assert len(readings.results(meanwhile, seconds=20)) == 50
        published += meanwhile
    finally:
        mend(pair, 0)
    worker.wait_for(lambda: usable(worker, broken), "the mended one's return", REPAIRED_SECONDS)
    published += readings.publish(50)
    found = Counter(one.source for one in readings.results(published))
    assert found == Counter(published)
    assert topics.read(topics.letters, 1, seconds=1) == []
    events = {(record["event"], record.get("endpoint")) for record in worker.log_records()}
    assert ("an inference endpoint is out of use", broken) in events
    assert ("an inference endpoint is in use", broken) in events
    assert not [event for event, endpoint in events if "out of use" in event and endpoint == pair.addresses[1]]
    assert worker.metric("streamproc_intake_paused") == 0
    assert worker.metric("streamproc_endpoint_ejections_total", endpoint=broken) >= 1


@pytest.mark.parametrize("fault", FAULTS)
def test_both_dead_the_cpu_scores_within_five_seconds_until_one_is_back(
    start: Start, pair: Pair, readings: Readings, topics: TestTopics, fault: str
) -> None:
    break_it, mend = FAULTS[fault]
    worker = start(STREAMPROC_INFERENCE__FALLBACK="onnx")
    published = readings.publish(20)
    assert {one.engine for one in readings.results(published)} == {"triton"}
    assert worker.metric("streamproc_fallback_active") == 0

    for number in range(2):
        break_it(pair, number)
    try:
        dead = time.time()
        meanwhile = readings.publish(100)
        scored = readings.results(meanwhile)
        by_cpu = [one.scored_at.timestamp() - dead for one in scored if one.engine == "onnx"]
        assert len(scored) == 100
        assert min(by_cpu) < CPU_SECONDS
        assert worker.metric("streamproc_fallback_active") == 1
        assert {one.model.sha256 for one in scored} == {hashlib.sha256(MODEL.read_bytes()).hexdigest()}
        published += meanwhile
        # It is ready all the time: it gets on.
        assert worker.is_ready()
    finally:
        for number in range(2):
            mend(pair, number)
    worker.wait_for(lambda: worker.metric("streamproc_fallback_active") == 0, "the way back", REPAIRED_SECONDS)
    last = readings.publish(20)
    assert {one.engine for one in readings.results(last)} == {"triton"}
    found = Counter(one.source for one in readings.results(published + last))
    assert found == Counter(published + last)
    assert topics.read(topics.letters, 1, seconds=1) == []
    events = [record["event"] for record in worker.log_records()]
    assert "no inference endpoint can be used: this worker scores on its CPU" in events
    assert "an inference endpoint can be used again: this worker's CPU scores no more" in events


def test_a_worker_with_a_fallback_starts_while_all_are_dead(start: Start, pair: Pair, readings: Readings) -> None:
    for number in range(2):
        pair.refuse(number)
    try:
        worker = start(STREAMPROC_INFERENCE__FALLBACK="onnx")
        assert {one.engine for one in readings.results(readings.publish(5))} == {"onnx"}
    finally:
        for number in range(2):
            pair.admit(number)
    worker.wait_for(lambda: worker.metric("streamproc_fallback_active") == 0, "the way back", REPAIRED_SECONDS)
    assert {one.engine for one in readings.results(readings.publish(5))} == {"triton"}


def test_one_with_another_model_is_left_out_and_stops_no_worker(
    start: Start, pair: Pair, readings: Readings, tmp_path: Path
) -> None:
    folder = tmp_path / "models/phonemes"
    (folder / "1").mkdir(parents=True)
    (folder / "1/model.py").write_text((Path(__file__).parent / "odd_models/model.py").read_text())
    configuration = (MODELS / "phonemes/config.pbtxt").read_text()
    (folder / "config.pbtxt").write_text(configuration.replace('"AUDIO"', '"SOUND"'))
    other = TritonPart(tmp_path / "triton", models=tmp_path / "models")
    try:
        other.start()
        worker = start(STREAMPROC_TRITON__URLS=f"{other.address},{pair.addresses[0]}")
        assert len(readings.results(readings.publish(20))) == 20
        assert not usable(worker, other.address)
        # Once before the worker joins its group, and once when it starts.
        lines = [record for record in worker.log_records() if "out of use" in record["event"]]
        assert 1 <= len(lines) <= 2
        for line in lines:
            assert (line["endpoint"], line["why"]) == (other.address, "model")
            assert "SOUND" in line["reason"]
            assert "AUDIO" in line["reason"]
    finally:
        other.stop()


def test_a_name_stands_for_all_of_its_addresses(start: Start, pair: Pair, readings: Readings) -> None:
    port = pair.proxies[0].port
    worker = start(STREAMPROC_TRITON__URLS=f"dns:///localhost:{port}")
    assert len(readings.results(readings.publish(20))) == 20
    assert usable(worker, f"127.0.0.1:{port}")
