"""20,000 mutated events in a real worker: each ends as a result or a dead letter, and the worker lives on."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from support import faults
from support.activities import result
from support.mutations import mutated
from support.object_store import serving
from support.set_up import prepare
from support.topics_of_test import PARTITIONS, TestTopics

from streamproc.deadletter.envelope import split_headers
from streamproc.errors import ErrorClass, ErrorCode

EVENTS = int(os.environ.get("FUZZ_EVENTS", "20000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
SECONDS = 900.0
RSS_GROWTH = 300 << 20
"""Bytes that the worker may grow by from its first thousand events on."""


@pytest.mark.timeout(1200)
def test_every_mutated_event_has_one_outcome(kafka_bootstrap: str, registry_url: str, tmp_path: Path) -> None:
    began = time.monotonic()
    (tmp_path / "clips").mkdir()
    topics = TestTopics(kafka_bootstrap)
    with serving() as store, faults.failing_triton(tmp_path) as triton:
        settings = faults.worker_settings(topics, registry_url, triton.address, store, tmp_path / "clips")
        settings |= {"STREAMPROC_QUARANTINE__PERCENT": "100", "STREAMPROC_AUDIO__NOT_FOUND_GRACE": "0"}
        settings |= {"STREAMPROC_TRITON__TIMEOUT": "60"}
        schema_id = prepare(settings, topics)
        published = publish(kafka_bootstrap, topics.activities, schema_id)
        with faults.running(settings, tmp_path / "worker.log") as worker:
            process = psutil.Process(worker.pid)
            memory: list[int] = []

            def watch(count: int) -> None:
                assert worker.is_alive, worker.log_text()[-4000:]
                if count > EVENTS // 20:
                    memory.append(family_rss(process))

            outcomes = read_outcomes(kafka_bootstrap, topics, watch)
            assert worker.is_alive
    assert sorted(outcomes) == sorted(published), "an event is lost, or has two outcomes"
    codes = list(outcomes.values())
    assert {code for code in codes if code} <= {c.name for c in ErrorCode if c.error_class is ErrorClass.POISON}
    assert "UNEXPECTED" not in codes, "a bug: see the worker's log"
    assert codes.count("") > 0, "no mutation left an event that can be scored"
    assert max(memory) - memory[0] < RSS_GROWTH
    figures = {code or "result": codes.count(code) for code in sorted(set(codes))}
    print(
        json.dumps(
            {
                "events": EVENTS,
                "seed": SEED,
                "outcomes": figures,
                "rss_first_mib": memory[0] >> 20,
                "rss_max_mib": max(memory) >> 20,
                "seconds": round(time.monotonic() - began, 1),
            }
        )
    )


def publish(bootstrap: str, topic: str, schema_id: int) -> list[tuple[int, int]]:
    """Publish the mutated events; their places."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20})
    places: list[tuple[int, int]] = []

    def delivered(error: Any, message: Any) -> None:
        assert error is None, error
        places.append((message.partition(), message.offset()))

    for number, content in enumerate(mutated(EVENTS, SEED, schema_id)):
        producer.produce(topic, key=b"learner-%d" % (number % 500), value=content, on_delivery=delivered)
        producer.poll(0)
    assert producer.flush(60) == 0
    return places


def read_outcomes(bootstrap: str, topics: TestTopics, watch: Any) -> dict[tuple[int, int], str]:
    """The activity's place -> its letter's code, "" for a result. A second outcome fails."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "fuzz", "isolation.level": "read_committed"})
    names = (topics.results, topics.letters)
    consumer.assign([TopicPartition(name, partition, 0) for name in names for partition in range(PARTITIONS)])
    outcomes: dict[tuple[int, int], str] = {}
    deadline = time.monotonic() + SECONDS
    quiet = 0
    while quiet < 10 and time.monotonic() < deadline:
        batch = consumer.consume(1000, timeout=0.3)
        watch(len(outcomes))
        quiet = quiet + 1 if not batch and len(outcomes) >= EVENTS else 0
        for message in batch:
            assert message.error() is None, message.error()
            if message.topic() == topics.results:
                source = result(message.value() or b"").source
                place, code = (source.partition, source.offset), ""
            else:
                headers: Any = message.headers()
                _, error = split_headers(headers)
                place, code = (int(error["source.partition"]), int(error["source.offset"])), error["code"]
            assert place not in outcomes, f"a second outcome of {place}"
            outcomes[place] = code
    consumer.close()
    return outcomes


def family_rss(process: psutil.Process) -> int:
    """Resident bytes of a process and its children."""
    return sum(one.memory_info().rss for one in [process, *process.children(recursive=True)])
