"""Pairs of schemas, old and new, one change apart, at different depths."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streamproc.contracts.compatibility import parse_schema

Schema = dict[str, Any]
Change = Callable[[Schema], object]


@dataclass(frozen=True, slots=True)
class Pair:
    """``new`` is ``old`` after ``change``."""

    name: str
    old: Schema
    new: Schema


def _inner() -> Schema:
    """The record that changes."""
    return {
        "type": "record",
        "name": "Inner",
        "namespace": "pairs",
        "fields": [
            {"name": "text", "type": "string"},
            {"name": "count", "type": "int"},
            {"name": "ratio", "type": "float"},
            {"name": "blob", "type": "bytes"},
            {"name": "maybe", "type": ["null", "string"], "default": None},
            {"name": "either", "type": ["int", "string"]},
            {"name": "extra", "type": "string", "default": ""},
            {"name": "when", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B", "C"]}},
            {
                "name": "mode",
                "type": {"type": "enum", "name": "Mode", "symbols": ["X", "Y", "Z"], "default": "X"},
            },
            {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 4}},
            {"name": "list", "type": {"type": "array", "items": "int"}},
            {"name": "map", "type": {"type": "map", "values": "int"}},
        ],
    }


def _field(schema: Schema, name: str) -> Schema:
    found = next(field for field in schema["fields"] if field["name"] == name)
    assert isinstance(found, dict)
    return found


def _add(**field: object) -> Change:
    return lambda schema: schema["fields"].append(field)


def _remove(name: str) -> Change:
    return lambda schema: schema["fields"].remove(_field(schema, name))


def _set(name: str, /, **values: object) -> Change:
    return lambda schema: _field(schema, name).update(values)


def _set_type(name: str, /, **values: object) -> Change:
    return lambda schema: _field(schema, name)["type"].update(values)


CHANGES: dict[str, Change] = {
    "nothing": lambda schema: None,
    "add a field with a default": _add(name="new", type="int", default=0),
    "add a field without a default": _add(name="new", type="int"),
    "add a nullable field without a default": _add(name="new", type=["null", "int"]),
    "add a nullable field with a default": _add(name="new", type=["null", "int"], default=None),
    "add an enum field whose enum has a default": _add(
        name="new", type={"type": "enum", "name": "New", "symbols": ["P"], "default": "P"}
    ),
    "remove a field": _remove("text"),
    "remove a field with a default": _remove("extra"),
    "rename a field": _set("text", name="words"),
    "rename a field with an alias": _set("text", name="words", aliases=["text"]),
    "reverse the fields": lambda schema: schema["fields"].reverse(),
    "change a default": _set("extra", default="other"),
    "add a doc": _set("text", doc="Words."),
    "int to long": _set("count", type="long"),
    "int to double": _set("count", type="double"),
    "int to string": _set("count", type="string"),
    "float to double": _set("ratio", type="double"),
    "float to int": _set("ratio", type="int"),
    "string to bytes": _set("text", type="bytes"),
    "bytes to string": _set("blob", type="string"),
    "string to nullable string": _set("text", type=["null", "string"]),
    "nullable string to string": _set("maybe", type="string", default=""),
    "int to a union of long and string": _set("count", type=["long", "string"]),
    "add a union branch": _set("either", type=["int", "string", "boolean"]),
    "remove a union branch": _set("either", type=["int"]),
    "reorder union branches": _set("either", type=["string", "int"]),
    "widen a union branch": _set("either", type=["long", "string"]),
    "timestamp-micros to timestamp-millis": _set_type("when", logicalType="timestamp-millis"),
    "drop the logical type": _set("when", type="long"),
    "add a symbol to an enum": _set_type("kind", symbols=["A", "B", "C", "D"]),
    "remove a symbol from an enum": _set_type("kind", symbols=["A", "B"]),
    "remove a symbol from an enum with a default": _set_type("mode", symbols=["X", "Y"]),
    "rename an enum": _set_type("kind", name="Sort"),
    "rename an enum with an alias": _set_type("kind", name="Sort", aliases=["pairs.Kind"]),
    "change the size of a fixed": _set_type("hash", size=8),
    "rename a fixed": _set_type("hash", name="Digest"),
    "widen the items of an array": _set_type("list", items="long"),
    "narrow the items of an array": _set_type("list", items="string"),
    "widen the values of a map": _set_type("map", values="double"),
    "narrow the values of a map": _set_type("map", values="boolean"),
    "array to map": _set("list", type={"type": "map", "values": "int"}),
    "rename the record": lambda schema: schema.update(name="Renamed"),
    "rename the record with an alias": lambda schema: schema.update(name="Renamed", aliases=["pairs.Inner"]),
    "move the record to another namespace": lambda schema: schema.update(namespace="elsewhere"),
}

PLACES: dict[str, Callable[[Schema], Any]] = {
    "at the top": lambda inner: inner,
    "in a field": lambda inner: inner,
    "in an array": lambda inner: {"type": "array", "items": inner},
    "in a nullable field": lambda inner: ["null", inner],
    "in a map": lambda inner: {"type": "map", "values": inner},
}


def _placed(place: str, inner: Schema) -> Schema:
    if place == "at the top":
        return inner
    return {
        "type": "record",
        "name": "Outer",
        "namespace": "pairs",
        "fields": [{"name": "inner", "type": PLACES[place](inner)}],
    }


def generate(deeper: int, mixtures: int, seed: int) -> list[Pair]:
    """Every change at the top, ``deeper`` changes at other places, and ``mixtures`` of three changes anywhere."""
    chance = random.Random(seed)
    places = list(PLACES)
    pairs = [_pair("at the top", change) for change in CHANGES]
    elsewhere = [(place, change) for place in places[1:] for change in CHANGES]
    pairs += [_pair(place, change) for place, change in chance.sample(elsewhere, deeper)]
    while len(pairs) < len(CHANGES) + deeper + mixtures:
        try:
            pair = _pair(chance.choice(places), *chance.sample(list(CHANGES), 3))
            parse_schema(pair.new)
        except (StopIteration, TypeError, AttributeError, ValueError):
            # One change took away what another one changes, or both add the same field.
            continue
        pairs.append(pair)
    return pairs


def _pair(place: str, *changes: str) -> Pair:
    old, new = _inner(), _inner()
    for change in changes:
        CHANGES[change](new)
    return Pair(f"{', '.join(changes)}; {place}", _placed(place, old), _placed(place, new))
