"""Our offline check, a real registry and fastavro's real reading, on the same pairs of schemas.

Where they differ is a table in docs/reference/events-compatibility.md; any other difference fails.
"""

from __future__ import annotations

import asyncio
import io
import json
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import fastavro
from fastavro.utils import generate_many

from streamproc.contracts.compatibility import compatible, parse_schema, violations
from streamproc.contracts.registry import Registry
from streamproc.localstack.stack import Addresses
from streamproc.settings import RegistrySettings

from .pairs import Pair, Schema, generate

PAIRS = generate(deeper=30, mixtures=26, seed=20250314)
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "events-compatibility.md"

OUR_RULE = ("timestamp-micros to timestamp-millis", "drop the logical type")
"""We refuse; Avro's rules and the registry do not."""
DATA_DECIDE = ("bytes to string",)
"""Avro's rules allow it; reading fails where the bytes are not UTF-8."""


def ours(reader: Schema, writer: Schema) -> bool:
    return not violations(parse_schema(reader), parse_schema(writer))


def fastavro_reads(reader: Schema, writer: Schema) -> bool:
    """Whether fastavro reads 50 random events."""
    parsed_writer, parsed_reader = fastavro.parse_schema(writer), fastavro.parse_schema(reader)
    for datum in generate_many(parsed_writer, 50):
        body = io.BytesIO()
        fastavro.schemaless_writer(body, parsed_writer, datum)
        body.seek(0)
        try:
            fastavro.schemaless_reader(body, parsed_writer, parsed_reader)
        except (fastavro.read.SchemaResolutionError, UnicodeDecodeError):
            return False
    return True


async def registrys(registry: Registry, pair: Pair, level: str) -> bool:
    subject = f"differential-{uuid.uuid4().hex}"
    await registry.register(subject, json.dumps(pair.old))
    await registry.set_compatibility(subject, level)
    return await registry.is_compatible(subject, json.dumps(pair.new))


def expected(pair: Pair, verdict: bool) -> bool:
    """What somebody without our own rule says where we say ``verdict``."""
    if verdict or not any(change in pair.name for change in OUR_RULE):
        return verdict
    return compatible(parse_schema(pair.new), parse_schema(pair.old))


def test_there_are_enough_pairs_of_both_kinds() -> None:
    assert len(PAIRS) == 100
    assert 30 < sum(ours(pair.new, pair.old) for pair in PAIRS) < 70


async def test_the_registry_says_what_we_say(stack: Addresses) -> None:
    registry = Registry(RegistrySettings(url=stack.registry_url))
    backward = await _differences(registry, "BACKWARD", lambda pair: expected(pair, ours(pair.new, pair.old)))
    forward = await _differences(
        registry, "FORWARD", lambda pair: compatible(parse_schema(pair.old), parse_schema(pair.new))
    )
    await registry.close()
    assert backward == []
    assert forward == []


async def _differences(registry: Registry, level: str, ours_says: Callable[[Pair], bool]) -> list[str]:
    places = asyncio.Semaphore(8)

    async def differs(pair: Pair) -> bool:
        async with places:
            return await registrys(registry, pair, level) != ours_says(pair)

    asked: list[Awaitable[bool]] = [differs(pair) for pair in PAIRS]
    return [pair.name for pair, different in zip(PAIRS, await asyncio.gather(*asked), strict=True) if different]


def test_every_violation_is_explained() -> None:
    for pair in PAIRS:
        reader, writer = parse_schema(pair.new), parse_schema(pair.old)
        rules = {violation.rule for violation in violations(reader, writer)} - {"logical_type_changed"}
        assert bool(rules) != compatible(reader, writer), pair.name


def test_fastavro_reads_what_we_say_it_can() -> None:
    differences = [
        pair.name for pair in PAIRS if fastavro_reads(pair.new, pair.old) != expected(pair, ours(pair.new, pair.old))
    ]
    assert differences
    assert all(any(change in name for change in DATA_DECIDE) for name in differences), differences


def test_the_differences_are_documented() -> None:
    page = PAGE.read_text("utf-8")
    assert all(f"| {change} |" in page for change in (*OUR_RULE, *DATA_DECIDE))
