"""Bodies are what their writer's schema says, and cost no more than their length: for every schema that is taken."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import Any

import fastavro
import pytest
from fastavro.utils import generate_one
from hypothesis import given, settings
from hypothesis import strategies as st
from support.holes import hole

from streamproc.contracts import bodies, files, writers
from streamproc.contracts.bodies import DamagedError, UnboundedError
from streamproc.contracts.generated.conversions import activity_to_avro
from streamproc.contracts.upkeep.examples import ACTIVITY
from streamproc.errors import ErrorCode, StreamprocError

pytestmark = hole("B2")


def number(value: int) -> bytes:
    """A number in zigzag code, seven bits in each byte."""
    rest = value << 1 ^ value >> 127
    written = bytearray()
    while rest > 0x7F:
        written.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*written, rest])


def walk(schema: Any) -> bodies.Walk:
    return bodies.walk_of(fastavro.parse_schema(schema))


ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
INTS = {"type": "array", "items": "int"}
DAMAGED: dict[str, tuple[Any, bytes]] = {
    "a branch below zero": (["null", "int"], number(-1) + number(5)),
    "a branch too far": (["null", "int"], number(2)),
    "a branch beyond 64 bits": (["null", "int"], b"\xff" * 9 + b"\x7f"),
    "a symbol below zero": (ENUM, number(-1)),
    "a symbol too far": (ENUM, number(2)),
    "a string's length below zero": ("string", number(-1) + b"abc"),
    "a string that ends early": ("string", number(4) + b"abc"),
    "bytes of a length below zero": ("bytes", number(-3) + b"abc"),
    "bytes of 2**40": ("bytes", number(2**40) + b"abc"),
    "an int of 2**40": ("int", number(2**40)),
    "an int of 2**31": ("int", number(2**31)),
    "an int below -2**31": ("int", number(-(2**31) - 1)),
    "a long of 2**63": ("long", number(2**63)),
    "a long of eleven bytes": ("long", b"\xff" * 10 + b"\x01"),
    "a boolean of 2": ("boolean", b"\x02"),
    "a double that ends early": ("double", b"1234567"),
    "a count of 2**40": (INTS, number(2**40) + number(1)),
    "a count of -2**40": (INTS, number(-(2**40)) + number(1) + number(1)),
    "a count of -2**63": (INTS, number(-(2**63)) + number(1) + number(1)),
    "a block's size below zero": (INTS, number(-1) + number(-1) + number(7) + number(0)),
    "a block's size too small": (INTS, number(-2) + number(1) + number(7) + number(7) + number(0)),
    "a block's size too large": (INTS, number(-2) + number(3) + number(7) + number(7) + number(0)),
    "an array without end": (INTS, number(1) + number(7)),
    "doubles of 2**40": ({"type": "array", "items": "double"}, number(2**40) + bytes(64)),
    "a map's key below zero": ({"type": "map", "values": "int"}, number(1) + number(-1) + number(1) + number(0)),
    "a map of null without end": ({"type": "map", "values": "null"}, number(2**40) + number(1) + b"k"),
    "more behind it": ("int", number(1) + b"\x00"),
    "nothing": ("int", b""),
}


@pytest.mark.parametrize("case", DAMAGED)
@hole("E")
def test_what_the_schema_does_not_say_is_refused(case: str) -> None:
    schema, body = DAMAGED[case]
    with pytest.raises(DamagedError):
        bodies.check(walk(schema), b"12345" + body, 5)


INTACT: dict[str, tuple[Any, bytes]] = {
    "the longest int": ("int", number(-(2**31))),
    "the longest long": ("long", number(-(2**63))),
    "a number in more bytes than it needs": ("long", b"\x82\x80\x00"),
    "several blocks": (INTS, number(1) + number(7) + number(2) + number(8) + number(9) + number(0)),
    "a block with its size": (INTS, number(-2) + number(2) + number(7) + number(8) + number(0)),
    "a map of null": ({"type": "map", "values": "null"}, number(2) + number(1) + b"k" + number(1) + b"l" + number(0)),
    "an empty record as a branch": (["null", {"type": "record", "name": "Nothing", "fields": []}], number(1)),
}


@pytest.mark.parametrize("case", INTACT)
def test_what_the_schema_says_is_taken(case: str) -> None:
    schema, body = INTACT[case]
    bodies.check(walk(schema), b"12345" + body, 5)
    reader = io.BytesIO(body)
    fastavro.schemaless_reader(reader, fastavro.parse_schema(schema), None)
    assert reader.tell() == len(body)


def nested(depth: int, innermost: str = "string") -> Any:
    schema: Any = innermost
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


def record(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": field, "type": of} for field, of in fields.items()]}


EMPTY = record("R", f={"type": "fixed", "name": "F", "size": 0})
NODE = record("Node", next=["null", "Node"])
UNBOUNDED: dict[str, Any] = {
    "a record that holds itself": NODE,
    "a record that holds itself in an array": record("Node", all={"type": "array", "items": "Node"}),
    "a record that holds itself in a map": record("Node", all={"type": "map", "values": "Node"}),
    "records that hold each other": record("A", b=["null", record("B", a=["null", "A"])]),
    "an array of null": {"type": "array", "items": "null"},
    "an array of what has no bytes": {"type": "array", "items": EMPTY},
    "a field of null": record("R", nothing="null"),
    "a tree of nothing": record("A", x=record("B", x=record("C"), y="C"), y="B"),
    "too deep": nested(bodies.MAX_DEPTH + 1),
    "too deep by names": record("A", x=record("B", deep=nested(20)), y=nested(20, "B")),
}


@pytest.mark.parametrize("case", UNBOUNDED)
def test_a_schema_that_bounds_nothing_is_refused(case: str) -> None:
    with pytest.raises(UnboundedError):
        walk(UNBOUNDED[case])


def test_the_deepest_schema_is_taken() -> None:
    schema = nested(bodies.MAX_DEPTH)
    writer = writers.parse("it", json.dumps(schema))
    assert writer.read(number(0), 0) == []


@pytest.mark.parametrize("nesting", [200, 5_000, 100_000])
def test_no_nesting_breaks_a_parser(nesting: int) -> None:
    with pytest.raises(StreamprocError) as caught:
        writers.parse("it", '{"type": "array", "items": ' * nesting + '"int"' + "}" * nesting)
    assert caught.value.code is ErrorCode.SCHEMA_INVALID


def test_no_schema_passes_for_one_that_is_parsed() -> None:
    """fastavro would read what is called X by the mark's definition, and recurse until the process dies."""
    marks = {"__fastavro_parsed": True, "__named_schemas": {"X": record("X", a=["null", "X"])}}
    writer = writers.parse("it", json.dumps(record("A", first=record("X", a=INTS), second="X") | marks))
    assert "__fastavro_parsed" in writer.schema
    body = number(0) + number(1) * 4 + number(0)
    assert writer.read(body, 0) == {"first": {"a": []}, "second": {"a": [1, 1]}}


class Counted(bytes):
    """Bytes that count how often one of them is looked at."""

    reads = 0

    def __getitem__(self, place: Any) -> Any:
        Counted.reads += 1
        return super().__getitem__(place)


def chain(length: int) -> Any:
    """Records within records, with a boolean in the innermost one."""
    schema: Any = "boolean"
    for index in range(length):
        schema = record(f"R{index}", only=schema)
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": "int"},
        {"type": "array", "items": {"type": "array", "items": "double"}},
        {"type": "array", "items": chain(20)},
        {"type": "map", "values": "null"},
        {"type": "array", "items": record("P", a=["null", "int"], b={"type": "map", "values": "int"})},
    ],
)
@given(st.integers(1, 200), st.sampled_from([b"\x02", b"\x00", b"\x02\x00", b"\xfe\x01", b"\x01\x02"]))
def test_the_work_is_bounded_by_the_bodys_length(schema: Any, count: int, filling: bytes) -> None:
    for start in (number(count), number(2**40), number(-count) + number(count)):
        body = Counted(start + filling * count)
        Counted.reads = 0
        with suppress(DamagedError):
            bodies.check(walk(schema), body, 0)
        assert Counted.reads <= 4 * len(body) + 10


PRIMITIVES = st.sampled_from(["null", "boolean", "int", "long", "float", "double", "bytes", "string"])


def schemas() -> st.SearchStrategy[Any]:
    """Any Avro schema, also such as are refused: of types within themselves, of odd sizes, of odd unions."""
    leaves = st.one_of(
        PRIMITIVES,
        st.builds(lambda size: {"type": "fixed", "name": "", "size": size}, st.integers(-1, 9)),
        st.just({"type": "enum", "name": "", "symbols": ["A", "B"]}),
        st.integers(0, 9),
    )
    trees = st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(lambda items: {"type": "array", "items": items}, inner),
            st.builds(lambda values: {"type": "map", "values": values}, inner),
            st.builds(lambda other: ["null", other], inner),
            st.lists(inner, max_size=4),
            st.lists(inner, max_size=4).map(
                lambda fields: record("", **{f"f{index}": field for index, field in enumerate(fields)})
            ),
        ),
        max_leaves=12,
    )
    return trees.map(lambda tree: with_names(tree, []))


def with_names(tree: Any, names: list[str]) -> Any:
    """The schema with a name for each definition, and in place of each number the name of one that came before."""
    if isinstance(tree, int):
        return names[tree % len(names)] if names else "int"
    if isinstance(tree, list):
        return [with_names(branch, names) for branch in tree]
    if isinstance(tree, dict):
        if "name" in tree and "type" in tree and not tree["name"]:
            tree = {**tree, "name": f"N{len(names)}"}
            names.append(tree["name"])
        return {key: with_names(part, names) if key != "size" else part for key, part in tree.items()}
    return tree


def event_with(schema: Any) -> dict[str, Any]:
    """The activity's schema with one more field, which this release skips."""
    newest = files.newest(files.ACTIVITY).schema
    return {**newest, "fields": [{"name": "extra", "type": schema}, *newest["fields"]]}


def written(schema: Any, datum: Any) -> bytes:
    body = io.BytesIO()
    fastavro.schemaless_writer(body, schema, datum)
    return body.getvalue()


DAMAGE = st.one_of(st.binary(max_size=12), st.sampled_from([number(-1), number(2**40), number(-(2**63)), b"\xff" * 11]))


@settings(max_examples=300, deadline=None)
@given(schemas(), st.data())
@hole("B1")
def test_any_schema_and_any_body_end_in_an_outcome(schema: Any, data: st.DataObject) -> None:
    """What was written is read; whatever else is refused, or read to its very end."""
    reader = files.newest(files.ACTIVITY).schema
    try:
        writer = writers.readable("it", json.dumps(event_with(schema)), reader)
    except StreamprocError as error:
        if error.code is not ErrorCode.SCHEMA_INVALID:
            raise
        return
    parsed: Any = fastavro.parse_schema(event_with(schema))
    intact = written(parsed, {**activity_to_avro(ACTIVITY), "extra": generate_one(parsed)["extra"]})
    datum = writer.read(intact, 0, fastavro.parse_schema(reader))
    assert datum["activity_id"] == ACTIVITY.activity_id
    for _ in range(3):
        body = bytearray(intact)
        place = data.draw(st.integers(0, len(body) - 1))
        body[place : place + data.draw(st.integers(0, 3))] = data.draw(DAMAGE)
        try:
            writer.read(bytes(body), 0, reader)
        except (DamagedError, UnicodeDecodeError, OverflowError):
            continue
