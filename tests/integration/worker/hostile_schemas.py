"""Schemas that no activity should have been written with, and bodies that make the most of them."""

from __future__ import annotations

import copy
import json
from typing import Any

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from streamproc.contracts import files, wire

NODE = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
NESTED = json.loads('{"type": "array", "items": ' * 400 + '"string"' + "}" * 400)
JSON_SCHEMA = '{"$schema": "http://json-schema.org/draft-07/schema#", "title": "Activity", "type": "object"}'
FOREVER = b"\x80\x80\x80\x80\x80\x80\x01"
"""A count of 2**41 items, in zigzag code."""


def with_first(extra: Any, name: str = "extra", **default: Any) -> str:
    """The activity's schema with one more field before all others."""
    schema = copy.deepcopy(files.newest(files.ACTIVITY).schema)
    schema["fields"].insert(0, {"name": name, "type": extra, **default})
    return json.dumps(schema)


def hostile_records(registry_url: str, topic: str) -> dict[str, bytes]:
    """Values of records, by a name that begins with the code that they must get; their schemas are registered."""
    own, somebody, key = files.subject(topic), f"somebodys-{topic}-value", f"{topic}-key"
    array_of_null = {"type": "array", "items": "null"}
    cases = {
        "SCHEMA_FOREIGN primitive, a key's": (key, Schema('"string"', "AVRO"), b"\x06abc"),
        "SCHEMA_FOREIGN array": (f"{key}-1", Schema('{"type": "array", "items": "string"}', "AVRO"), b"\x00"),
        "SCHEMA_FOREIGN union": (f"{key}-2", Schema('["null", "string"]', "AVRO"), b"\x00"),
        "SCHEMA_FOREIGN JSON Schema": (f"{key}-3", Schema(JSON_SCHEMA, "JSON"), b"{}"),
        "SCHEMA_FOREIGN Protobuf": (
            f"{key}-4",
            Schema('syntax = "proto3"; message Activity { string id = 1; }', "PROTOBUF"),
            b"\x00",
        ),
        "SCHEMA_FOREIGN ours, recursive": (somebody, Schema(with_first(["null", NODE]), "AVRO"), b"\x02" * 800_000),
        "SCHEMA_FOREIGN ours, an array of null": (
            f"{somebody}-1",
            Schema(with_first(array_of_null), "AVRO"),
            FOREVER + bytes(20),
        ),
        "SCHEMA_FOREIGN ours, 400 arrays": (f"{somebody}-2", Schema(with_first(NESTED), "AVRO"), b"\x02" * 500),
        "SCHEMA_INVALID recursive": (
            own,
            Schema(with_first(["null", NODE], "node", default=None), "AVRO"),
            b"\x02" * 800_000,
        ),
        "SCHEMA_INVALID an array of null": (
            own,
            Schema(with_first(array_of_null, "nulls", default=[]), "AVRO"),
            FOREVER + bytes(20),
        ),
        "SCHEMA_INVALID 400 arrays": (own, Schema(with_first(NESTED, "deep", default=[]), "AVRO"), b"\x02" * 500),
    }
    client = SchemaRegistryClient({"url": registry_url, "timeout": 10})
    return {
        name: wire.header(client.register_schema(subject, schema)) + body
        for name, (subject, schema, body) in cases.items()
    }
