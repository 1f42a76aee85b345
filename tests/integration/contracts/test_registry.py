"""The registry client and the codec against a real registry."""

from __future__ import annotations

import copy
import json
import random

import pytest
from support.contract_fixtures import Topics

from streamproc.contracts import files, live, wire
from streamproc.contracts.casts import upcast
from streamproc.contracts.codec import (
    ActivityDecoder,
    ActivityEncoder,
    Encoder,
    ResultDecoder,
    ResultEncoder,
)
from streamproc.contracts.generated import conversions
from streamproc.contracts.generated.events import Activity
from streamproc.contracts.majors import V1, V2
from streamproc.contracts.registry import Registry
from streamproc.contracts.upkeep.examples import ACTIVITY, RESULT
from streamproc.errors import ErrorCode, StreamprocError


async def test_events_survive_the_wire(registry: Registry, registered: Topics) -> None:
    activities = ActivityEncoder(registry, registered.activity)
    results, results_v2 = (
        ResultEncoder(registry, registered.result, V1),
        ResultEncoder(registry, registered.result_v2, V2),
    )
    for encoder in (activities, results, results_v2):
        await encoder.start()
    assert await ActivityDecoder(registry, registered.activity).decode(activities.encode(ACTIVITY)) == ACTIVITY
    assert await ResultDecoder(registry, registered.result, V1).decode(results.encode(RESULT)) == RESULT
    assert await ResultDecoder(registry, registered.result_v2, V2).decode(results_v2.encode(RESULT)) == upcast(RESULT)


async def test_a_worker_registers_nothing(registry: Registry, topics: Topics) -> None:
    with pytest.raises(StreamprocError, match="streamproc schemas register") as caught:
        await ResultEncoder(registry, topics.result, V1).start()
    assert caught.value.code is ErrorCode.RESULT_SCHEMA_MISSING
    assert await registry.versions(files.subject(topics.result)) == {}


async def test_versions_are_mixed_in_one_topic(registry: Registry, registered: Topics) -> None:
    old = await _encode_with_version_1(registry, registered, ACTIVITY)
    encoder = ActivityEncoder(registry, registered.activity)
    await encoder.start()
    decoder = ActivityDecoder(registry, registered.activity)
    from_old, from_new = await decoder.decode(old), await decoder.decode(encoder.encode(ACTIVITY))
    assert from_new == ACTIVITY
    assert (from_old.tenant_id, from_old.assignment_id, from_old.attempt) == (ACTIVITY.tenant_id, None, 1)
    assert from_old.phrases == ACTIVITY.phrases


async def _encode_with_version_1(registry: Registry, topics: Topics, activity: Activity) -> bytes:
    class Version1(Encoder[Activity]):
        def __init__(self) -> None:
            super().__init__(registry, files.ACTIVITY, topics.activity, _as_version_1)
            self._file = files.versions(files.ACTIVITY)[0]
            self._schema = self._file.schema

    encoder = Version1()
    await encoder.start()
    return encoder.encode(activity)


def _as_version_1(activity: Activity) -> dict[str, object]:
    datum = conversions.activity_to_avro(activity)
    datum["tenant"] = datum.pop("tenant_id")
    return datum


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda value: None, ErrorCode.VALUE_MISSING),
        (lambda value: value[:40], ErrorCode.VALUE_UNREADABLE),
        (lambda value: value + b"\x00", ErrorCode.VALUE_UNREADABLE),
        (lambda value: value[:5] + b"\xff" * 40, ErrorCode.VALUE_UNREADABLE),
    ],
)
async def test_a_damaged_value_is_poison(
    registry: Registry, registered: Topics, damage: object, code: ErrorCode
) -> None:
    assert callable(damage)
    encoder = ActivityEncoder(registry, registered.activity)
    await encoder.start()
    with pytest.raises(StreamprocError) as caught:
        await ActivityDecoder(registry, registered.activity).decode(damage(encoder.encode(ACTIVITY)))
    assert caught.value.code is code
    assert ACTIVITY.learner_id not in str(caught.value)


async def test_random_damage_is_never_anything_but_poison(registry: Registry, registered: Topics) -> None:
    encoder, decoder = ActivityEncoder(registry, registered.activity), ActivityDecoder(registry, registered.activity)
    await encoder.start()
    intact = encoder.encode(ACTIVITY)
    chance = random.Random(1)
    refused = []
    for _ in range(3000):
        damaged = bytearray(intact)
        place = chance.randrange(wire.HEADER.size, len(damaged))
        match chance.randrange(4):
            case 0:
                damaged[place] ^= chance.randrange(1, 256)
            case 1:
                del damaged[place : place + chance.randrange(1, 20)]
            case 2:
                damaged[place:place] = b"\xff" * chance.randrange(1, 9) + b"\x7f"
            case 3:
                del damaged[place:]
        try:
            await decoder.decode(bytes(damaged))
        except StreamprocError as error:
            refused.append(error.code)
    assert set(refused) == {ErrorCode.VALUE_UNREADABLE}
    assert len(refused) > 2000


async def test_a_schema_that_this_release_cannot_read_is_fatal(registry: Registry, topics: Topics) -> None:
    newer = copy.deepcopy(files.newest(files.ACTIVITY).schema)
    newer["fields"] = [field for field in newer["fields"] if field["name"] != "story_id"]
    schema_id = await registry.register(files.subject(topics.activity), json.dumps(newer))
    with pytest.raises(StreamprocError, match=r"(?s)upgrade it.*story_id") as caught:
        await ActivityDecoder(registry, topics.activity).decode(wire.header(schema_id) + b"body")
    assert caught.value.code is ErrorCode.SCHEMA_UNREADABLE
    with pytest.raises(StreamprocError, match="story_id") as caught:
        await live.check_before_start(registry, topics.activity, {})
    assert caught.value.code is ErrorCode.SCHEMA_UNREADABLE


async def test_a_worker_starts_with_what_is_registered(registry: Registry, registered: Topics) -> None:
    await live.check_before_start(
        registry, registered.activity, {files.RESULT: registered.result, V2.contract: registered.result_v2}
    )


async def test_a_worker_does_not_start_without_its_result_schema(registry: Registry, topics: Topics) -> None:
    await registry.register(files.subject(topics.result), files.versions(files.RESULT)[0].text)
    with pytest.raises(StreamprocError, match=r"version 3 of reading\.result") as caught:
        await live.check_before_start(registry, topics.activity, {files.RESULT: topics.result})
    assert caught.value.code is ErrorCode.RESULT_SCHEMA_MISSING


async def test_a_worker_does_not_start_beside_an_incompatible_result(registry: Registry, topics: Topics) -> None:
    subject, newest = files.subject(topics.result), files.newest(files.RESULT)
    await registry.register(subject, newest.text)
    await registry.set_compatibility(subject, "FORWARD")
    newer = copy.deepcopy(newest.schema)
    newer["fields"].append({"name": "mood", "type": "string"})
    await registry.register(subject, json.dumps(newer))
    with pytest.raises(StreamprocError, match="mood") as caught:
        await live.check_before_start(registry, topics.activity, {files.RESULT: topics.result})
    assert caught.value.code is ErrorCode.SCHEMA_REFUSED


async def test_a_refusal_is_explained(registry: Registry, topics: Topics) -> None:
    subject, newest = files.subject(topics.activity), files.newest(files.ACTIVITY)
    await registry.register(subject, newest.text)
    newer = copy.deepcopy(newest.schema)
    newer["fields"].append({"name": "mood", "type": "string"})
    with pytest.raises(StreamprocError, match="mood: the writer does not write it") as caught:
        await live.register(registry, subject, json.dumps(newer), "BACKWARD_TRANSITIVE")
    assert caught.value.code is ErrorCode.SCHEMA_REFUSED
    with pytest.raises(StreamprocError, match="SCHEMA_REFUSED"):
        await live.register(registry, subject, '{"type": "recor"}', "BACKWARD_TRANSITIVE")


async def test_comparison_finds_every_difference(registry: Registry, topics: Topics) -> None:
    contract = next(contract for contract in files.contracts() if contract.name == files.RESULT)
    subject, newest = files.subject(topics.result), files.newest(files.RESULT)
    assert [finding.state for finding in await live.compare(registry, contract, topics.result)] == ["new"] * 3
    other = copy.deepcopy(newest.schema)
    other["fields"].append({"name": "mood", "type": "string"})
    await registry.register(subject, json.dumps(other))
    await registry.set_compatibility(subject, "FULL_TRANSITIVE")
    found = {finding.what: finding for finding in await live.compare(registry, contract, topics.result)}
    assert {what: finding.state for what, finding in found.items()} == {
        "version 1": "refused",
        "version 2": "refused",
        "version 3": "refused",
        "registered version 1": "unknown",
    }
    assert "mood" in found["version 3"].detail
