"""A dead letter topic of a test's own, filled as a worker fills it, and what lies in the topics around it."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from click.testing import CliRunner, Result
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.cimpl import NewTopic

from streamproc import settings
from streamproc.cli import cli
from streamproc.contracts.generated.events import SourcePosition
from streamproc.deadletter.envelope import Failure, Headers, Source, WorkerIdentity, error_headers
from streamproc.errors import ErrorCode
from streamproc.kafka import topics
from streamproc.kafka.reading import TopicReader

PARTITIONS = 2
BEGIN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
"""The time of the first letter; each later one comes a minute after."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record's content and place."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class LetterTopics:
    """The topics of one test, all with names of their own; ``activity_bytes`` bounds the activity topic's records."""

    def __init__(self, bootstrap: str, activity_bytes: int = topics.ACTIVITY_MAX_BYTES) -> None:
        self.bootstrap = bootstrap
        name = f"test-dlq-{secrets.token_hex(4)}"
        self.activities = f"{name}.activity"
        self.letters = f"{name}.activity.dlq"
        self.environment = {
            "STREAMPROC_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "STREAMPROC_KAFKA__GROUP_ID": name,
            "STREAMPROC_KAFKA__ACTIVITY_TOPIC": self.activities,
            "STREAMPROC_KAFKA__RESULT_TOPIC": f"{name}.result",
            "STREAMPROC_KAFKA__DEAD_LETTER_TOPIC": self.letters,
            "STREAMPROC_KAFKA__CONTROL_TOPIC": f"{name}.control",
            "STREAMPROC_KAFKA__PARTITIONS": str(PARTITIONS),
        }
        small = NewTopic(self.activities, PARTITIONS, config={"max.message.bytes": str(activity_bytes)})
        admin = AdminClient({"bootstrap.servers": bootstrap})
        admin.create_topics([small])[self.activities].result(10)
        _wait_until_complete(admin, [self.activities])
        with self.settings() as tree:
            topics.create(tree)
            names = [one for one in topics.configurations(tree.kafka) if one != tree.kafka.control_topic]
        # A producer that hears of a topic before all its partitions are there gives its records up.
        _wait_until_complete(admin, names)

    @contextmanager
    def settings(self) -> Iterator[settings.Settings]:
        """The settings that name the topics, with the environment that makes them."""
        before = dict(os.environ)
        for name in [name for name in before if name.startswith("STREAMPROC_")]:
            del os.environ[name]
        os.environ.update(self.environment)
        try:
            yield settings.load()
        finally:
            os.environ.clear()
            os.environ.update(before)

    def run(self, *arguments: str, more: Mapping[str, str] | None = None) -> Result:
        """Run ``streamproc`` with these arguments in this process."""
        cleared: dict[str, str | None] = {name: None for name in os.environ if name.startswith("STREAMPROC_")}
        return CliRunner().invoke(cli, arguments, env={**cleared, **self.environment, **(more or {})})

    def run_json(self, *arguments: str) -> Any:
        """Run ``streamproc … --json``, which must succeed; what it printed."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, f"{result.output}{result.exception!r}"
        return json.loads(result.stdout)

    def write(self, letters: list[Record]) -> None:
        """Write records to the dead letter topic, in order; the offsets given are not used.

        They are old, and stay nevertheless: the broker would delete them whenever it looks.
        """
        keep = ConfigEntry("retention.ms", "-1", incremental_operation=AlterConfigOpType.SET)
        topic = ConfigResource(ConfigResource.Type.TOPIC, self.letters, incremental_configs=[keep])
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        admin.incremental_alter_configs([topic])[topic].result(10)
        producer = Producer({"bootstrap.servers": self.bootstrap, "message.max.bytes": 2_000_000})
        failures: list[Any] = []

        def delivered(error: Any, message: Any) -> None:
            if error is not None:
                failures.append(error)

        for index, letter in enumerate(letters):
            headers: Any = letter.headers
            producer.produce(
                self.letters,
                key=letter.key,
                value=letter.value,
                partition=letter.partition,
                headers=headers,
                timestamp=int((BEGIN + timedelta(minutes=index)).timestamp() * 1000),
                on_delivery=delivered,
            )
        assert producer.flush(30) == 0
        assert not failures, failures

    def expire(self, partition: int, offset: int) -> None:
        """Delete the letters before this offset, as retention does."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        place = TopicPartition(self.letters, partition, offset)
        for deleted in admin.delete_records([place]).values():
            deleted.result(10)

    def begins(self) -> dict[int, int]:
        """Where each partition of the letters begins."""
        with self.settings() as tree, TopicReader(tree) as reader:
            return {span.partition: span.begin for span in reader.bounds(self.letters)}

    def entries(self) -> dict[str, str]:
        """The ledger as compaction would leave it: position -> state."""
        latest = {record.key or b"": record.value for record in self.read(topics.ledger_topic(self.letters))}
        return {key.decode(): json.loads(value)["state"] for key, value in latest.items() if value is not None}

    def read(self, topic: str) -> list[Record]:
        """Every committed record of a topic, by partition and offset."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": f"{self.letters}-reader",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "enable.auto.commit": False,
            }
        )
        count = _partitions(topic)
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(count)])
        records: list[Record] = []
        ended = 0
        try:
            while ended < count:
                message = consumer.poll(10)
                assert message is not None, f"no answer about {topic}"
                error = message.error()
                if error is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    ended += 1
                    continue
                key: Any = message.key()
                value: Any = message.value()
                headers: Any = message.headers() or []
                records.append(Record(message.partition() or 0, message.offset() or 0, key, value, list(headers)))
        finally:
            consumer.close()
        return sorted(records, key=lambda record: (record.partition, record.offset))


def _wait_until_complete(admin: AdminClient, names: Iterable[str]) -> None:
    deadline = time.monotonic() + 30
    while not all(_complete(admin, topic) for topic in names):
        assert time.monotonic() < deadline, "the topics do not come up"
        time.sleep(0.02)


def _partitions(topic: str) -> int:
    return 1 if topic.endswith(".ledger") else PARTITIONS


def _complete(admin: AdminClient, topic: str) -> bool:
    """Whether every partition of the topic has a leader."""
    partitions = admin.list_topics(topic, timeout=10).topics[topic].partitions
    return len(partitions) == _partitions(topic) and all(one.leader >= 0 for one in partitions.values())


def letter(
    index: int,
    code: ErrorCode = ErrorCode.AUDIO_EMPTY,
    *,
    value: bytes | None = b"value",
    key: bytes | None = b"learner",
    headers: Headers | None = None,
    topic: str,
    tenant: str = "school-1",
) -> Record:
    """A letter of the activity at partition index % 2, offset index."""
    place = SourcePosition(topic=topic, partition=index % PARTITIONS, offset=index)
    failure = Failure(code, code.meaning, "a.Type", f"{code.name.lower():.12}", 1, BEGIN, BEGIN, tenant)
    block = error_headers(Source(place, 1_772_000_000_000, headers or []), failure, WorkerIdentity("group", "model/1"))
    return Record(index % PARTITIONS, index // PARTITIONS, key, value, block)
