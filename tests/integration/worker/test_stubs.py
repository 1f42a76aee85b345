"""Records that Kafka took compressed, and letters that it does not take: nothing stops, nothing is lost."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from support.holes import hole
from support.topics_of_test import Headers, Record, TestTopics
from support.worker_process import WorkerProcess

from streamproc.cli import cli
from streamproc.contracts.generated.events import SourcePosition

SILENCE = b"\x00" * 3_000_000
"""Not in Confluent's wire format, whose schema id 0 nobody has; compressed it is a hundred bytes."""

NO_DATES = (1_772_357_400_123_000, -(10**15))


def command(settings: dict[str, str], *arguments: str) -> Result:
    cleared: dict[str, str | None] = {name: None for name in os.environ if name.startswith("STREAMPROC_")}
    return CliRunner().invoke(cli, arguments, env={**cleared, **settings})


def said(settings: dict[str, str], *arguments: str, code: int = 0) -> Any:
    result = command(settings, *arguments, "--json")
    assert result.exit_code == code, f"{result.output}{result.exception!r}"
    return json.loads(result.stdout)


def configure(topics: TestTopics, topic: str, **changed: str) -> None:
    entries = [
        ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
        for name, value in changed.items()
    ]
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=entries)
    admin = AdminClient({"bootstrap.servers": topics.bootstrap})  # must outlive the future
    admin.incremental_alter_configs([resource])[resource].result(10)


def publish(topics: TestTopics, value: bytes, headers: Headers | None = None, **more: Any) -> SourcePosition:
    producer = Producer(
        {"bootstrap.servers": topics.bootstrap, "message.max.bytes": 20_000_000, "compression.type": "zstd"}
    )
    written: list[Any] = []

    def delivered(error: Any, message: Any) -> None:
        assert error is None, error
        written.append(message)

    made: Any = headers or []
    producer.produce(topics.activities, value=value, key=b"learner", headers=made, on_delivery=delivered, **more)
    assert producer.flush(30) == 0
    (message,) = written
    return SourcePosition(topic=topics.activities, partition=message.partition(), offset=message.offset())


def letter_of(topics: TestTopics, place: SourcePosition, count: int = 1) -> Record:
    def is_its(record: Record) -> bool:
        error = dict(record.headers)
        return (
            error.get("streamproc.error.source.partition") == b"%d" % place.partition
            and error.get("streamproc.error.source.offset") == b"%d" % place.offset
        )

    found = topics.read(topics.letters, count, 60, is_its)
    assert len(found) == count, "it became no letter"
    return found[-1]


@contextmanager
def small_letters(topics: TestTopics) -> Iterator[None]:
    """The dead letter topic takes little meanwhile."""
    configure(topics, topics.letters, max_message_bytes="20000")
    try:
        yield
    finally:
        configure(topics, topics.letters, max_message_bytes="2000000")


@hole("B5")
def test_three_megabytes_of_silence_become_a_letter_and_go_back(
    worker: WorkerProcess, settings: dict[str, str], topics: TestTopics
) -> None:
    place = publish(topics, SILENCE)
    record = letter_of(topics, place)
    assert record.value == SILENCE
    assert record.key == b"learner"
    wanted = ("--offset", position_of(settings, place))
    assert said(settings, "dlq", "replay", *wanted)["replayed"] == 1
    assert worker.is_alive


def position_of(settings: dict[str, str], place: SourcePosition) -> str:
    page = said(settings, "dlq", "list", "--state", "any")["letters"]
    (position,) = [
        row["position"]
        for row in page
        if (row["error"]["source.partition"], row["error"]["source.offset"])
        == (str(place.partition), str(place.offset))
    ]
    return str(position)


@hole("B5")
def test_what_no_topic_takes_is_a_stub_whose_replay_reads_the_original(
    worker: WorkerProcess, settings: dict[str, str], topics: TestTopics, tmp_path: Path
) -> None:
    value = b"\x01" + os.urandom(60_000)
    headers: Headers = [("large", b"x" * 5000), ("x", None)]
    with small_letters(topics):
        place = publish(topics, value, headers)
        stub = letter_of(topics, place)
        assert stub.value is None
        assert stub.key == b"learner"
        position = position_of(settings, place)
        error = said(settings, "dlq", "show", position)["error"]
        assert error["code"] == "VALUE_UNREADABLE"
        assert error["original.bytes"] == str(len(value))
        assert error["original.sha256"] == hashlib.sha256(value).hexdigest()

        assert "a stub: the original has 60,001 bytes" in command(settings, "dlq", "show", position).stdout
        assert "a stub: the original has 60,001 bytes" in command(settings, "dlq", "list").stdout
        said(settings, "dlq", "export", "--offset", position, str(tmp_path / "letters.jsonl"))
        row = json.loads((tmp_path / "letters.jsonl").read_text())
        assert (row["stub"], row["original.bytes"]) == (True, "60001")
        counted = said(settings, "reconcile")["partitions"][place.partition]
        assert place.offset not in counted["missing"] + counted["unknown"] + counted["duplicated"]

        assert said(settings, "dlq", "replay", "--offset", position, "--dry-run")["replayed"] == 1
        assert said(settings, "dlq", "replay", "--offset", position)["replayed"] == 1
        copies = topics.read(topics.activities, 2, 60, lambda record: record.value == value)
        assert copies[0].headers == headers
        assert copies[1].headers[:2] == headers
        assert dict(copies[1].headers)["streamproc.replay.count"] == b"1"

        # What fails again is a stub again, which knows that it was replayed.
        (again,) = [
            row
            for row in wait_for_open(settings, topics)
            if row["error"].get("original.sha256") == hashlib.sha256(value).hexdigest()
        ]
        assert again["replays"] == 1
        parked = said(settings, "dlq", "replay", "--offset", again["position"], "--max-replays", "1")
        assert parked["parked"] == 1
    assert worker.is_alive


def wait_for_open(settings: dict[str, str], topics: TestTopics) -> list[Any]:
    topics.read(topics.letters, 2, 60, lambda record: b"original.sha256" in repr(record.headers).encode())
    page: list[Any] = said(settings, "dlq", "list")["letters"]
    return page


@hole("B5")
def test_a_stub_whose_original_is_gone_says_so_and_stays_open(
    worker: WorkerProcess, settings: dict[str, str], topics: TestTopics
) -> None:
    with small_letters(topics):
        place = publish(topics, b"\x01" + os.urandom(60_000))
        letter_of(topics, place)
    position = position_of(settings, place)
    admin = AdminClient({"bootstrap.servers": topics.bootstrap})
    for deleted in admin.delete_records(
        [TopicPartition(topics.activities, place.partition, place.offset + 1)]
    ).values():
        deleted.result(10)
    found = said(settings, "dlq", "replay", "--offset", position, code=1)
    assert found["replayed"] == 0
    (refused,) = found["refused"]
    assert refused["position"] == position
    assert "gone" in refused["reason"]
    assert said(settings, "dlq", "list", "--offset", position)["letters"], "it is open no more"
    assert worker.is_alive


@hole("B4")
@pytest.mark.parametrize("timestamp", NO_DATES)
def test_a_record_with_a_timestamp_of_no_date_becomes_a_letter(
    worker: WorkerProcess, settings: dict[str, str], topics: TestTopics, timestamp: int
) -> None:
    configure(topics, topics.activities, message_timestamp_after_max_ms=str(2**63 - 1))
    place = publish(topics, b"\x01", timestamp=timestamp)
    error = dict(letter_of(topics, place).headers)
    assert error["streamproc.error.source.timestamp"] == b"%d" % timestamp
    assert worker.is_alive
    assert str(timestamp) in command(settings, "dlq", "show", position_of(settings, place)).stdout
