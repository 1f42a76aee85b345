"""Topics and subjects of one test's own on the shared stack."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streamproc.client import Connection
from streamproc.contracts import files
from streamproc.contracts.majors import V2
from streamproc.contracts.registry import Registry
from streamproc.localstack.stack import Addresses
from streamproc.settings import RegistrySettings


@dataclass(frozen=True, slots=True)
class Topics:
    """Names that no other test has."""

    activity: str
    result: str
    result_v2: str
    control: str

    def of(self, contract: str) -> str:
        """The topic of a contract."""
        return {
            files.ACTIVITY: self.activity,
            files.RESULT: self.result,
            V2.contract: self.result_v2,
            files.CONTROL: self.control,
        }.get(contract, f"{contract}.{self.activity}")


@pytest.fixture
def topics() -> Topics:
    tag = uuid.uuid4().hex[:8]
    names = ("reading.activity.v1", "reading.result.v1", "reading.result.v2", "streamproc.control.v1")
    return Topics(*(f"{name}.{tag}" for name in names))


@pytest.fixture
async def registry(stack: Addresses) -> AsyncIterator[Registry]:
    registry = Registry(RegistrySettings(url=stack.registry_url))
    yield registry
    await registry.close()


@pytest.fixture
async def registered(registry: Registry, topics: Topics) -> Topics:
    """The topics, with every version of every contract registered for them."""
    for contract in files.contracts():
        for file in files.versions(contract.name):
            await registry.register(files.subject(topics.of(contract.name)), file.text)
    return topics


@pytest.fixture
def kafka_topics(stack: Addresses, topics: Topics) -> Iterator[Topics]:
    """The topics, made in Kafka with two partitions each."""
    admin = AdminClient({"bootstrap.servers": stack.kafka_bootstrap, "log_level": 0})
    names = [topics.activity, topics.result, topics.result_v2]
    for future in admin.create_topics([NewTopic(name, num_partitions=2) for name in names]).values():
        future.result(20)
    yield topics
    for future in admin.delete_topics(names).values():
        future.result(20)


@pytest.fixture
def connection(stack: Addresses) -> Connection:
    return Connection(bootstrap_servers=stack.kafka_bootstrap, registry_url=stack.registry_url)
