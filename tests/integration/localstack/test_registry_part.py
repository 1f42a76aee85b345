"""A real registry that speaks Confluent's API and holds schemas to their compatibility rule."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError

from streamproc.localstack.registry import RegistryPart, answers


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RegistryPart]:
    """A running registry of the test's own."""
    part = RegistryPart(tmp_path / "registry")
    part.start()
    yield part
    part.stop()


def test_it_registers_schemas_and_refuses_incompatible_ones(registry: RegistryPart) -> None:
    client = SchemaRegistryClient({"url": registry.address, "timeout": 10})
    first = client.register_schema("s-value", _record("a"))
    assert client.register_schema("s-value", _record("a")) == first
    assert client.get_schema(first).schema_str == _record("a").schema_str
    # No rule was set on this subject: the registry's default refuses it.
    with pytest.raises(SchemaRegistryError) as refused:
        client.register_schema("s-value", _record("b"))
    assert refused.value.http_status_code == 409


def test_a_crashed_registry_comes_back_empty_at_the_same_address(registry: RegistryPart) -> None:
    address = registry.address
    SchemaRegistryClient({"url": address, "timeout": 10}).register_schema("s-value", _record("a"))
    registry.kill()
    assert not answers(address)
    registry.start()
    assert registry.address == address
    assert SchemaRegistryClient({"url": address, "timeout": 10}).get_subjects() == []


def _record(field: str) -> Schema:
    fields = [{"name": field, "type": "string"}]
    return Schema(json.dumps({"type": "record", "name": "R", "fields": fields}), "AVRO")
