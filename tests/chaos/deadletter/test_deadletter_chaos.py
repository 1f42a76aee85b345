"""The whole promise of the dead letters at once: bad events, kill -9, a replay that is killed, and 0 difference."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from support import faults, worker_with_a_bug
from support.activities import result, value
from support.object_store import serving
from support.set_up import prepare
from support.topics_of_test import PARTITIONS, TestTopics
from support.worker_process import WorkerProcess, environment, run, streamproc

from streamproc.deadletter.envelope import split_headers

from .ways import LIMITS, good, ways

EVENTS = int(os.environ.get("CHAOS_EVENTS", "10000"))
BAD = EVENTS * 7 // 100
KEYS = 400
KILLS = 6
SECONDS = 600.0


@dataclass
class Judge:
    """A read_committed reader of both outcome topics, from their beginning."""

    topics: TestTopics
    bootstrap: str
    results: Counter[str] = field(default_factory=Counter)
    """By activity id."""
    letters: Counter[tuple[int, int]] = field(default_factory=Counter)
    """By the activity's partition and offset."""
    codes: dict[tuple[int, int], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": "judge", "isolation.level": "read_committed"}
        )
        outcomes = (self.topics.results, self.topics.letters)
        self._consumer.assign([TopicPartition(t, p, 0) for t in outcomes for p in range(PARTITIONS)])

    @property
    def count(self) -> int:
        """All outcomes so far."""
        return self.results.total() + self.letters.total()

    def read(self, seconds: float) -> None:
        """Take in what comes within this time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            for message in self._consumer.consume(500, timeout=min(left, 0.2)):
                assert message.error() is None, message.error()
                if message.topic() == self.topics.results:
                    self.results[result(message.value() or b"").activity_id] += 1
                    continue
                headers: Any = message.headers()
                _, error = split_headers(headers)
                place = (int(error["source.partition"]), int(error["source.offset"]))
                self.letters[place] += 1
                self.codes[place] = error["code"]

    def read_until(self, count: int, seconds: float = SECONDS, then: float = 3.0) -> None:
        """Read until there are as many outcomes, and ``then`` seconds longer: one too many would come, too."""
        deadline = time.monotonic() + seconds
        while self.count < count and time.monotonic() < deadline:
            self.read(0.5)
        self.read(then)


class Fleet:
    """Workers that are killed and started again."""

    def __init__(self, settings: dict[str, str], folder: Path, count: int) -> None:
        self._settings = settings
        self._folder = folder
        self._numbers = itertools.count()
        self._workers = [self._start() for _ in range(count)]
        self._random = random.Random(7)

    def _start(self) -> WorkerProcess:
        log = self._folder / f"worker-{next(self._numbers)}.log"
        return WorkerProcess(self._settings, log, (worker_with_a_bug.__file__,))

    def wait_ready(self) -> None:
        """Wait for all."""
        for worker in self._workers:
            worker.wait_ready()

    def kill_one(self) -> None:
        """kill -9, and another one takes its place."""
        index = self._random.randrange(len(self._workers))
        self._workers[index].kill()
        self._workers[index] = self._start()

    def end(self) -> None:
        """End all, at once if need be."""
        for worker in self._workers:
            worker.end()


@contextmanager
def fleet(settings: dict[str, str], folder: Path, count: int) -> Iterator[Fleet]:
    folder.mkdir()
    one = Fleet(settings, folder, count)
    try:
        one.wait_ready()
        yield one
    finally:
        one.end()


def publish(bootstrap: str, topic: str, values: dict[str, bytes]) -> dict[str, tuple[int, int]]:
    """Publish activities by id; where each is."""
    producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 2_000_000, "linger.ms": 20})
    places: dict[str, tuple[int, int]] = {}

    def delivered(activity_id: str) -> Callable[[Any, Any], None]:
        def done(error: Any, message: Any) -> None:
            assert error is None, error
            places[activity_id] = (message.partition(), message.offset())

        return done

    for number, (activity_id, content) in enumerate(values.items()):
        while True:
            try:
                producer.produce(
                    topic, key=b"learner-%d" % (number % KEYS), value=content, on_delivery=delivered(activity_id)
                )
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0
    return places


@pytest.mark.timeout(1500)
def test_each_bad_event_is_one_letter_and_after_the_mending_one_result(
    kafka_bootstrap: str, registry_url: str, tmp_path: Path
) -> None:
    began = time.monotonic()
    (tmp_path / "clips").mkdir()
    topics = TestTopics(kafka_bootstrap)
    with serving() as store, faults.failing_triton(tmp_path) as triton:
        right = faults.worker_settings(topics, registry_url, triton.address, store, tmp_path / "clips")
        right |= {"STREAMPROC_TRANSPORT__SESSION_TIMEOUT": "3", "STREAMPROC_TRITON__TIMEOUT": "30"}
        right |= {"STREAMPROC_EVENT__DEADLINE": "60", worker_with_a_bug.FIXED: str(tmp_path / "fixed")}
        wrong = {**right, **LIMITS}
        prefixes = json.loads(right["STREAMPROC_AUDIO__ALLOWED_PREFIXES"])
        right["STREAMPROC_AUDIO__ALLOWED_PREFIXES"] = json.dumps([*prefixes, f"{(tmp_path / 'new-clips').as_uri()}/"])
        schema_id = prepare(right, topics)
        every = ways(tmp_path, store)
        names = list(every)
        bad = {f"bad-{number}": names[number % len(names)] for number in range(BAD)}
        ids = [*bad, *(f"good-{number}" for number in range(EVENTS - BAD))]
        random.Random(3).shuffle(ids)
        values = {one: value((every[bad[one]].make if one in bad else good)(one), schema_id) for one in ids}
        judge = Judge(topics, kafka_bootstrap)

        with fleet(wrong, tmp_path / "wrong", 2) as workers:
            places = publish(kafka_bootstrap, topics.activities, values)
            for kill in range(KILLS):
                judge.read_until(EVENTS * (kill + 1) // (KILLS + 2), then=0)
                workers.kill_one()
            judge.read_until(EVENTS)
        scored_in = time.monotonic() - began
        expected = {places[one]: every[way].code.name for one, way in bad.items()}
        assert judge.codes == expected, "a letter has the wrong code, is missing, or is one of a good event"
        assert set(judge.letters.values()) == {1}
        assert judge.results == Counter(one for one in ids if one not in bad)
        assert difference(right) == 0

        for way in every.values():
            way.mend()
        with fleet(right, tmp_path / "right", 2):
            for least in (1, BAD // 3):
                kill_a_replay(right, judge, EVENTS - BAD + least)
            rest = json.loads(run(right, "dlq", "replay", "--json").stdout)
            assert 0 < rest["replayed"] < BAD
            judge.read_until(EVENTS + BAD)
        assert judge.results == Counter(ids)
        assert judge.letters.total() == BAD, "a replayed letter died again"
        assert difference(right) == 0
        states = json.loads(run(right, "dlq", "stats", "--state", "any", "--json").stdout)["ledger"]
        assert states == {"replayed": BAD}
    print(
        json.dumps(
            {
                "events": EVENTS,
                "bad": BAD,
                "ways": len(every),
                "worker_kills": KILLS,
                "replay_kills": 2,
                "scored_seconds": round(scored_in, 1),
                "seconds": round(time.monotonic() - began, 1),
                "missing": 0,
                "duplicated": 0,
                "difference": 0,
            }
        )
    )


def kill_a_replay(settings: dict[str, str], judge: Judge, results: int) -> None:
    """Start a slow replay and kill it when there are so many results."""
    process = subprocess.Popen(
        streamproc("dlq", "replay", "--rate", str(max(BAD // 15, 5)), program=("-m", "streamproc")),
        env=environment(settings),
        stdout=sys.stderr,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 120
        while judge.results.total() < results:
            assert process.poll() is None, "the replay was over before it could be killed"
            assert time.monotonic() < deadline, "no replayed event is scored"
            judge.read(0.1)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)


def difference(settings: dict[str, str]) -> int:
    """What `streamproc reconcile` finds, pending activities among it."""
    outcome = run(settings, "reconcile", "--json")
    assert outcome.returncode in (0, 1), outcome.stderr
    found = json.loads(outcome.stdout)
    return int(found["difference"]) + sum(int(row["pending"]) for row in found["partitions"])
