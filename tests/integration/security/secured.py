"""A secured Kafka as its users see it: each with a login, and with the documented permissions alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

from click.testing import CliRunner, Result
from confluent_kafka import Consumer, KafkaError, TopicPartition
from support.logins import Logins
from support.worker_process import run

from streamproc import settings
from streamproc.cli import cli
from streamproc.client import Receipt
from streamproc.localstack.kafka import KafkaPart
from streamproc.settings import Settings

from .acls import Acls, Permission, documented

ACTIVITIES, RESULTS, LETTERS = "reading.activity.v1", "reading.result.v1", "reading.activity.v1.dlq"
GROUP = "streamproc"


class Secured(Logins):
    """The broker and its users; ``passwords``: user -> password."""

    def __init__(self, part: KafkaPart, passwords: Mapping[str, str], registry_url: str) -> None:
        super().__init__(part, passwords, registry_url, "SCRAM-SHA-256")
        self.acls = Acls(part.address)

    def set_up(self) -> None:
        """Make the topics and schemas, then grant what the documentation grants."""
        plain = {
            "STREAMPROC_KAFKA__BOOTSTRAP_SERVERS": self.part.address,
            "STREAMPROC_KAFKA__PARTITIONS": "1",
            "STREAMPROC_REGISTRY__URL": self.registry_url,
        }
        for command in (("topics", "create"), ("schemas", "register", "--json")):
            done = run(plain, *command)
            assert done.returncode == 0, done.stderr
        rows = json.loads(done.stdout.splitlines()[-1])["schemas"]
        self.schema_id = max(int(row["id"]) for row in rows if row["subject"] == f"{ACTIVITIES}-value")
        self.acls.grant(documented())

    @contextmanager
    def without(self, permission: Permission) -> Iterator[None]:
        """As if the permission had been left out of the documentation."""
        self.acls.revoke(permission)
        try:
            yield
        finally:
            self.acls.grant([permission])

    @contextmanager
    def settings(self, user: str) -> Iterator[Settings]:
        """This user's settings, in the environment that makes them."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STREAMPROC_")}
        with mock.patch.dict(os.environ, {**kept, **self.environment(user)}, clear=True):
            yield settings.load()

    def command(self, user: str, *arguments: str) -> Result:
        """Run ``streamproc`` as this user, in this process."""
        with self.settings(user):
            result = CliRunner().invoke(cli, arguments)
        self.assert_silent(result.output)
        return result

    def assert_silent(self, output: str) -> None:
        """No output may hold a password."""
        assert not [user for user, password in self.passwords.items() if password in output]

    def read(self, topic: str) -> list[Any]:
        """Every committed record of a topic."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.part.address,
                "group.id": "reader",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "enable.auto.commit": False,
            }
        )
        consumer.assign([TopicPartition(topic, 0, 0)])
        records: list[Any] = []
        try:
            while True:
                message = consumer.poll(10)
                assert message is not None, f"no answer about {topic}"
                error = message.error()
                if error is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    return records
                records.append(message)
        finally:
            consumer.close()

    def outcomes(self, activities: Iterable[Receipt]) -> dict[int, list[str]]:
        """Offset of each of these activities -> its committed outcomes, each as the name of its topic."""
        found: dict[int, list[str]] = {activity.offset: [] for activity in activities}
        for record in self.read(RESULTS):
            source = dict(record.headers())["ce_id"].decode().rpartition("/")[2]
            found.get(int(source), []).append(RESULTS)
        for record in self.read(LETTERS):
            source = dict(record.headers())["streamproc.error.source.offset"].decode()
            found.get(int(source), []).append(LETTERS)
        return found

    def committed(self) -> int:
        """The workers' committed offset."""
        consumer = Consumer({"bootstrap.servers": self.part.address, "group.id": GROUP})
        try:
            (place,) = consumer.committed([TopicPartition(ACTIVITIES, 0)], timeout=10)
        finally:
            consumer.close()
        return int(place.offset)
