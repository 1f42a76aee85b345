"""Which schemas a topic's records may have been written with, and what becomes of all others."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from support.fake_registry import FakeRegistry, serving
from support.holes import hole

from streamproc.contracts import files, wire
from streamproc.contracts.codec import ActivityDecoder
from streamproc.contracts.registry import Registry
from streamproc.contracts.schema_cache import SchemaCache
from streamproc.contracts.subjects import SubjectIds
from streamproc.contracts.upkeep.examples import ACTIVITY
from streamproc.errors import ErrorClass, ErrorCode, StreamprocError

TOPIC = "reading.activity.v1"
SUBJECT = files.subject(TOPIC)
NEWEST = files.newest(files.ACTIVITY)
OURS, NEW = 1, 7

pytestmark = hole("B1")


@pytest.fixture
async def fake() -> AsyncIterator[FakeRegistry]:
    async with serving() as fake:
        fake.hold(SUBJECT, OURS, NEWEST.text)
        yield fake


@pytest.fixture
async def registry(fake: FakeRegistry) -> AsyncIterator[Registry]:
    registry = Registry(fake.settings())
    yield registry
    await registry.close()


def cache_of(registry: Registry, grace: float = 0.0, negative: float = 60.0) -> SchemaCache:
    return SchemaCache(registry, SUBJECT, NEWEST.schema, grace=grace, negative=negative)


async def code_of(cache: SchemaCache, schema_id: int) -> ErrorCode:
    with pytest.raises(StreamprocError) as caught:
        await cache.get(schema_id)
    return caught.value.code


NO_RECORDS = {
    "primitive": ('"string"', "AVRO"),
    "primitive, as an object": ('{"type": "bytes"}', "AVRO"),
    "array": ('{"type": "array", "items": "string"}', "AVRO"),
    "map": ('{"type": "map", "values": "int"}', "AVRO"),
    "union": ('["null", "string"]', "AVRO"),
    "enum of our name": ('{"type": "enum", "name": "streamproc.reading.Activity", "symbols": ["A"]}', "AVRO"),
    "fixed": ('{"type": "fixed", "name": "F", "size": 4}', "AVRO"),
    "JSON Schema": ('{"type": "object", "title": "Activity"}', "JSON"),
    "JSON Schema that is called Avro": ('{"type": "object", "title": "Activity"}', "AVRO"),
    "Protobuf": ('syntax = "proto3"; message Activity { string id = 1; }', "PROTOBUF"),
    "our record, called JSON": (NEWEST.text, "JSON"),
    "another record": ('{"type": "record", "name": "Mood", "fields": []}', "AVRO"),
    "nested beyond Python's stack": ("[" * 100_000 + "]" * 100_000, "AVRO"),
}


@pytest.mark.parametrize("kind", NO_RECORDS)
@pytest.mark.parametrize("subject", [None, SUBJECT, f"{TOPIC}-key"])
async def test_what_is_no_record_of_ours_is_a_letter(
    fake: FakeRegistry, registry: Registry, kind: str, subject: str | None
) -> None:
    fake.hold(subject, NEW, *NO_RECORDS[kind])
    assert await code_of(cache_of(registry, grace=60), NEW) is ErrorCode.SCHEMA_FOREIGN


@hole("B2")
@pytest.mark.parametrize("subject", [None, "somebody-value"])
async def test_our_name_under_another_subject_is_a_letter(
    fake: FakeRegistry, registry: Registry, subject: str | None
) -> None:
    fake.hold(subject, NEW, json.dumps({"type": "record", "name": "streamproc.reading.Activity", "fields": []}))
    assert await code_of(cache_of(registry), NEW) is ErrorCode.SCHEMA_FOREIGN


async def test_an_id_that_the_subject_comes_to_hold_is_awaited(fake: FakeRegistry, registry: Registry) -> None:
    newer = copy.deepcopy(NEWEST.schema)
    newer["fields"].append({"name": "mood", "type": "string", "default": ""})
    fake.hold(None, NEW, json.dumps(newer))
    task = asyncio.create_task(cache_of(registry, grace=60).get(NEW))
    while f"/subjects/{SUBJECT}/versions/1" not in fake.paths:  # noqa: ASYNC110
        await asyncio.sleep(0)
    fake.subjects[SUBJECT][2] = NEW
    assert (await task).schema["name"] == "streamproc.reading.Activity"


async def test_the_subject_is_asked_afresh_past_every_cache(fake: FakeRegistry, registry: Registry) -> None:
    """The subject was deleted for good and made anew, so that version 1 is another schema."""
    cache = cache_of(registry)
    await cache.get(OURS)
    fake.hold(None, NEW, NEWEST.text)
    fake.subjects[SUBJECT] = {1: OURS, 2: NEW}
    await cache.get(NEW)
    fake.hold(None, 8, NEWEST.text)
    fake.subjects[SUBJECT] = {1: 8, 2: NEW, 3: OURS}
    await cache.get(8)


NONSENSE: dict[str, tuple[str, Callable[[], web.StreamResponse]]] = {
    "no such subject": ("/versions", lambda: web.json_response({"error_code": 40401}, status=404)),
    "the subject holds nothing": ("/versions", lambda: web.json_response([])),
    "an object in place of the list": ("/versions", lambda: web.json_response({"versions": [1]})),
    "a list of texts": ("/versions", lambda: web.json_response(["1"])),
    "HTML in place of the list": ("/versions", lambda: web.Response(text="<html>", content_type="text/html")),
    "500 in place of the list": ("/versions", lambda: web.json_response({"error_code": 50001}, status=500)),
    "nothing in place of the list": ("/versions", lambda: web.Response()),
    "the list is of another mind": ("/versions/1", lambda: web.json_response({"error_code": 40402}, status=404)),
    "a list in place of the version": ("/versions/1", lambda: web.json_response([])),
    "a version without id": ("/versions/1", lambda: web.json_response({"schema": NEWEST.text})),
    "a version without text": ("/versions/1", lambda: web.json_response({"id": 1})),
    "HTML in place of the schema": ("ids/7", lambda: web.Response(text="<html>", content_type="text/html")),
    "an empty object in place of the schema": ("ids/7", lambda: web.json_response({})),
    "a list in place of the schema": ("ids/7", lambda: web.json_response([])),
    "a number in place of the text": ("ids/7", lambda: web.json_response({"schema": 7})),
    "an empty text": ("ids/7", lambda: web.json_response({"schema": ""})),
    "a path that is none": ("ids/7", lambda: web.json_response({"error_code": 404}, status=404)),
    "not authorised": ("ids/7", lambda: web.json_response({"error_code": 40301}, status=403)),
    "nested beyond Python's stack": ("ids/7", lambda: web.Response(text="[" * 100_000)),
}


@pytest.mark.parametrize("case", NONSENSE)
async def test_a_lagging_or_senseless_registry_costs_no_event(fake: FakeRegistry, case: str) -> None:
    end, answer = NONSENSE[case]
    fake.hold(SUBJECT if end == "ids/7" else None, NEW, NEWEST.text)
    fake.faults.append((end, answer))
    registry = Registry(fake.settings())
    registry._configuration["max.retries"] = 0
    cache = cache_of(registry)
    assert await code_of(cache, NEW) is ErrorCode.REGISTRY_UNAVAILABLE
    fake.faults.clear()
    fake.subjects[SUBJECT][2] = NEW
    await cache.get(NEW)
    await registry.close()


@hole("C4", "C6")
@pytest.mark.parametrize("case", [case for case, (end, _) in NONSENSE.items() if end == "ids/7"])
async def test_an_id_that_the_registry_fails_on_is_awaited_only_where_it_is_the_topics(
    fake: FakeRegistry, case: str
) -> None:
    """Confluent's registry answers ids of more than 31 bits as paths that it does not know."""
    fake.faults.append(NONSENSE[case])
    registry = Registry(fake.settings())
    registry._configuration["max.retries"] = 0
    assert await code_of(cache_of(registry), NEW) is ErrorCode.SCHEMA_FOREIGN
    # Where the list is not to be had either, the registry is to blame.
    fake.faults.append(("/versions", lambda: web.json_response({"error_code": 50001}, status=500)))
    assert await code_of(cache_of(registry), NEW) is ErrorCode.REGISTRY_UNAVAILABLE
    await registry.close()


async def test_a_list_that_has_become_shorter_is_doubted_for_a_while(fake: FakeRegistry, registry: Registry) -> None:
    ids = SubjectIds(registry, SUBJECT, doubt=0.2)
    fake.hold(SUBJECT, 2, NEWEST.text)
    assert await ids.fresh() == {1, 2}
    del fake.subjects[SUBJECT][2]
    with pytest.raises(StreamprocError, match="lacks schema id 2, which it held before") as caught:
        await ids.fresh()
    assert caught.value.code is ErrorCode.REGISTRY_UNAVAILABLE
    await asyncio.sleep(0.25)
    assert await ids.fresh() == {1}
    fake.hold(SUBJECT, 3, NEWEST.text)
    assert await ids.fresh() == {1, 3}


async def test_a_list_that_was_shorter_once_is_doubted_anew(fake: FakeRegistry, registry: Registry) -> None:
    ids = SubjectIds(registry, SUBJECT, doubt=0.2)
    fake.hold(SUBJECT, 2, NEWEST.text)
    await ids.fresh()
    gone = fake.subjects[SUBJECT].pop(2)
    with pytest.raises(StreamprocError):
        await ids.fresh()
    fake.subjects[SUBJECT][2] = gone
    assert await ids.fresh() == {1, 2}
    await asyncio.sleep(0.25)
    del fake.subjects[SUBJECT][2]
    with pytest.raises(StreamprocError):
        await ids.fresh()


async def test_a_flood_of_one_foreign_id_is_no_flood_of_requests(fake: FakeRegistry, registry: Registry) -> None:
    fake.hold("somebody-value", NEW, NEWEST.text)
    cache = cache_of(registry)
    for _ in range(3):
        codes = await asyncio.gather(*(code_of(cache, NEW) for _ in range(100)))
        assert set(codes) == {ErrorCode.SCHEMA_FOREIGN}
    # The schema, the subject's versions, and its one version.
    assert len(fake.paths) == 3


async def test_a_flood_of_foreign_ids_asks_for_each_once_and_for_the_subject_together(
    fake: FakeRegistry, registry: Registry
) -> None:
    for schema_id in range(100, 200):
        fake.hold("somebody-value", schema_id, NEWEST.text)
    cache = cache_of(registry)
    codes = await asyncio.gather(*(code_of(cache, schema_id) for schema_id in range(100, 200)))
    assert set(codes) == {ErrorCode.SCHEMA_FOREIGN}
    assert len([path for path in fake.paths if path.startswith("/schemas/ids/")]) == 100
    assert len([path for path in fake.paths if path.endswith("/versions")]) <= 100 // 8


async def test_a_flood_of_unknown_ids_is_waited_for_once(fake: FakeRegistry, registry: Registry) -> None:
    cache = cache_of(registry, grace=0.3)
    waits = []
    for first in (100, 200, 300):
        began = len(fake.paths)
        codes = await asyncio.gather(*(code_of(cache, schema_id) for schema_id in range(first, first + 40)))
        assert set(codes) == {ErrorCode.SCHEMA_UNKNOWN}
        waits.append(len(fake.paths) - began)
    # Each id is asked for again until the grace is over; later ones once.
    assert waits[0] >= 2 * 40
    assert waits[1:] == [40, 40]


async def test_a_foreign_id_is_forgotten_after_a_while(fake: FakeRegistry, registry: Registry) -> None:
    fake.hold("somebody-value", NEW, NEWEST.text)
    cache = cache_of(registry, negative=0.05)
    assert await code_of(cache, NEW) is ErrorCode.SCHEMA_FOREIGN
    fake.subjects[SUBJECT][2] = NEW
    await asyncio.sleep(0.1)
    await cache.get(NEW)


HOSTILE: dict[str, Any] = {
    "a type that holds itself": {
        "type": "record",
        "name": "Node",
        "fields": [{"name": "next", "type": ["null", "Node"]}],
    },
    "an array of null": {"type": "array", "items": "null"},
    "an array of empty records": {"type": "array", "items": {"type": "record", "name": "Nothing", "fields": []}},
    "400 arrays within one another": json.loads('{"type": "array", "items": ' * 400 + '"string"' + "}" * 400),
    "a type that is none": "strin",
    "a fixed size below zero": {"type": "fixed", "name": "F", "size": -8},
}


@hole("B2")
@pytest.mark.parametrize("case", HOSTILE)
async def test_a_schema_that_bounds_nothing_is_a_letter_even_under_our_subject(
    fake: FakeRegistry, registry: Registry, case: str
) -> None:
    schema = copy.deepcopy(NEWEST.schema)
    schema["fields"].append({"name": "extra", "type": HOSTILE[case]})
    fake.hold(SUBJECT, NEW, json.dumps(schema))
    assert await code_of(cache_of(registry), NEW) is ErrorCode.SCHEMA_INVALID


@hole("B2")
async def test_a_schema_of_a_megabyte_is_a_letter(fake: FakeRegistry, registry: Registry) -> None:
    fake.hold(SUBJECT, NEW, json.dumps({**NEWEST.schema, "doc": "x" * 1_000_000}))
    assert await code_of(cache_of(registry), NEW) is ErrorCode.SCHEMA_INVALID


async def test_a_newer_schema_that_this_release_cannot_read_is_fatal(fake: FakeRegistry, registry: Registry) -> None:
    newer = copy.deepcopy(NEWEST.schema)
    newer["fields"] = [field for field in newer["fields"] if field["name"] != "story_id"]
    fake.hold(SUBJECT, NEW, json.dumps(newer))
    code = await code_of(cache_of(registry), NEW)
    assert code is ErrorCode.SCHEMA_UNREADABLE
    assert code.error_class is ErrorClass.FATAL


async def test_a_decoder_takes_the_subject_of_its_topic(fake: FakeRegistry, registry: Registry) -> None:
    fake.hold(files.subject("elsewhere"), NEW, NEWEST.text)
    decoder = ActivityDecoder(registry, "elsewhere")
    with pytest.raises(StreamprocError) as caught:
        await decoder.decode(wire.header(NEW) + b"body")
    assert caught.value.code is ErrorCode.VALUE_UNREADABLE
    assert ACTIVITY.learner_id not in str(caught.value)
