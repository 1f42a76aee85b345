"""Consumer-driven contracts: which fields each team needs, and which team a new schema version would break.

Compatibility of schemas says whether a record can be read at all; this says whether those who read it still find what
they need (after I. Robinson, "Consumer-Driven Contracts", 2006).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamproc.contracts import files
from streamproc.contracts.upkeep.changes import type_text

_OPTIONAL = ", or null"


@dataclass(frozen=True, slots=True)
class ConsumerNeeds:
    """What a team's file says. needs: contract -> path of a field -> its type, or the symbols of an enum."""

    team: str
    contact: str
    needs: Mapping[str, Mapping[str, str | list[str]]]


def consumers(folder: Path) -> tuple[ConsumerNeeds, ...]:
    """The teams' files of a folder.

    Raises:
        ValueError: one is not as docs/how-to/depend-on-a-contract.md says.
    """
    return tuple(_consumer(path) for path in sorted(folder.glob("*.toml")))


def _consumer(path: Path) -> ConsumerNeeds:
    try:
        found = ConsumerNeeds(**tomllib.loads(path.read_text("utf-8")))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path.name}: {error}; it has team, contact and [needs.…]") from None
    if found.team != path.stem:
        raise ValueError(f"{path.name}: team is {found.team!r}: the file has the team's name")
    if not found.needs or not all(found.needs.values()):
        raise ValueError(f"{path.name}: it needs nothing: leave the file out")
    return found


def broken(consumer: ConsumerNeeds, schemas: Mapping[str, Any] | None = None) -> Iterator[str]:
    """What of a team's needs the newest versions no longer meet, a sentence each.

    Args:
        consumer: the team.
        schemas: contract -> the schema to judge; the newest of this tree by default.
    """
    if schemas is None:
        schemas = {contract.name: files.newest(contract.name).schema for contract in files.contracts()}
    for contract, fields in consumer.needs.items():
        if contract not in schemas:
            yield f"{consumer.team} ({consumer.contact}) needs {contract}: there is no such contract"
            continue
        for path, wanted in fields.items():
            if (reason := _reason(_at(schemas[contract], path), wanted)) is not None:
                yield f"{consumer.team} ({consumer.contact}) needs {path} of {contract}: {reason}"


def _at(schema: Any, path: str) -> Any:
    """The type at a path; None: there is no such field. Lists and what may be null are gone through."""
    named: dict[str, Any] = {}
    found = schema
    for step in path.split("."):
        record = _whole(_inside(found, named), named)
        if not isinstance(record, dict) or record.get("type") != "record":
            return None
        found = next((field["type"] for field in record["fields"] if field["name"] == step), None)
        _note(record, named)
        if found is None:
            return None
    optional = isinstance(found, list) and "null" in found
    present = [branch for branch in found if branch != "null"] if optional else [found]
    whole = [_whole(branch, named) for branch in present]
    return ["null", *whole] if optional else whole[0]


def _inside(schema: Any, named: Mapping[str, Any]) -> Any:
    """What is in a list, or beside null."""
    while True:
        schema = _whole(schema, named)
        if isinstance(schema, list):
            schema = next(branch for branch in schema if branch != "null")
        elif isinstance(schema, dict) and schema.get("type") == "array":
            schema = schema["items"]
        else:
            return schema


def _whole(schema: Any, named: Mapping[str, Any]) -> Any:
    """The type that a name stands for."""
    return named.get(schema, schema) if isinstance(schema, str) else schema


def _note(schema: Any, named: dict[str, Any]) -> None:
    """Remember the types that are defined in a schema: a later field may only name them."""
    if isinstance(schema, list):
        for branch in schema:
            _note(branch, named)
    elif isinstance(schema, dict):
        if schema.get("type") in ("record", "enum"):
            named[schema["name"]] = schema
        for inner in (schema.get("items"), schema.get("type"), *(field["type"] for field in schema.get("fields", ()))):
            if isinstance(inner, dict | list):
                _note(inner, named)


def _reason(found: Any, wanted: str | list[str]) -> str | None:
    """Why a field of this type is not what is wanted; None: it is."""
    if found is None:
        return "there is no such field"
    if isinstance(wanted, list):
        return _reason_of_enum(found, wanted)
    told = type_text(found)
    if told == wanted or told == wanted.removesuffix(_OPTIONAL):
        return None
    if told == wanted + _OPTIONAL:
        return "it may be null now"
    return f"it is {told}, not {wanted}"


def _reason_of_enum(found: Any, known: list[str]) -> str | None:
    if not isinstance(found, dict) or found.get("type") != "enum":
        return f"it is {type_text(found)}, no enum"
    symbols = found["symbols"]
    if gone := [symbol for symbol in known if symbol not in symbols]:
        return f"it is never {', '.join(gone)} any more"
    new = [symbol for symbol in symbols if symbol not in known]
    # Readers of an earlier version are given the default in place of a symbol that they do not know.
    if new and found.get("default") not in known:
        return f"it may be {', '.join(new)} now"
    return None
