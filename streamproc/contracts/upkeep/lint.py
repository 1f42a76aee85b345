"""The rules that every schema file keeps, beyond being valid Avro."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from streamproc.contracts import writers
from streamproc.contracts.compatibility import Level, parse_schema
from streamproc.contracts.files import FOR_EVER, Contract
from streamproc.errors import StreamprocError

PII_CLASSES = {
    "none": "tells nothing about a child",
    "pseudonym": "leads to a child for those who hold the key",
    "content": "a child's own words or voice, or the text that was read",
}
"""What ``"pii"`` of a field may say, and what it means."""

_LOGICAL_TYPES = {"timestamp-micros": "long"}
_FIELD_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_TYPE_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """What is wrong, and where."""

    where: str
    """The file in the schema folder, with a line or a field path where there is one."""
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def lint(folder: Path) -> list[SchemaProblem]:
    """Every problem of the schema files in ``folder``; empty: they are sound."""
    tables = _read_tables(folder)
    if isinstance(tables, SchemaProblem):
        return [tables]
    found = [problem for name, table in tables.items() for problem in _lint_table(name, table)]
    folders = {path.name for path in folder.iterdir() if path.is_dir()}
    for name in sorted(folders - tables.keys()):
        found.append(
            SchemaProblem("compatibility.toml", f"there is a folder {name}, but no table [{name!r}] with its level")
        )
    for name in sorted(tables.keys() - folders):
        found.append(SchemaProblem("compatibility.toml", f"there is a table [{name!r}], but no folder {name}"))
    for name in sorted(folders):
        found += _lint_contract(folder / name)
    return found


def _read_tables(folder: Path) -> dict[str, Any] | SchemaProblem:
    try:
        return tomllib.loads((folder / "compatibility.toml").read_text("utf-8"))
    except FileNotFoundError:
        return SchemaProblem("compatibility.toml", f"there is no such file in {folder}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return SchemaProblem("compatibility.toml", f"is not TOML: {error}")


def _lint_table(name: str, table: Any) -> Iterator[SchemaProblem]:
    where = f"compatibility.toml: [{name!r}]"
    if not isinstance(table, dict):
        yield SchemaProblem(where, "is not a table")
        return
    expected = {field.name for field in fields(Contract)} - {"name"}
    for key in sorted(expected - table.keys()):
        yield SchemaProblem(where, f"{key} is missing")
    for key in sorted(table.keys() - expected):
        yield SchemaProblem(where, f"{key} is not one of {', '.join(sorted(expected))}")
    level = table.get("compatibility")
    if level is not None and level not in list(Level):
        yield SchemaProblem(where, f"compatibility {level!r} is not one of {', '.join(Level)}")
    retention = table.get("retention")
    if retention not in (None, FOR_EVER) and re.fullmatch(r"[1-9]\d* days", str(retention)) is None:
        yield SchemaProblem(where, f"retention {retention!r} is not like '30 days', nor {FOR_EVER!r}")


def _lint_contract(folder: Path) -> Iterator[SchemaProblem]:
    paths = sorted(folder.iterdir())
    numbered = {int(path.stem): path for path in paths if re.fullmatch(r"[1-9]\d*\.avsc", path.name)}
    for path in paths:
        if path not in numbered.values():
            yield SchemaProblem(f"{folder.name}/{path.name}", "is not called <version>.avsc, for example 1.avsc")
    if not numbered:
        yield SchemaProblem(folder.name, "has no version: 1.avsc is missing")
    for version in range(1, max(numbered, default=0)):
        if version not in numbered:
            yield SchemaProblem(folder.name, f"{version}.avsc is missing: versions have no gaps")
    for _, path in sorted(numbered.items()):
        yield from _lint_file(path, f"{folder.name}/{path.name}")


def _lint_file(path: Path, where: str) -> Iterator[SchemaProblem]:
    try:
        schema = json.loads(path.read_text("utf-8"), object_pairs_hook=_without_duplicates)
    except json.JSONDecodeError as error:
        yield SchemaProblem(f"{where}:{error.lineno}", f"is not JSON: {error.msg} (column {error.colno})")
        return
    except (UnicodeDecodeError, ValueError) as error:
        yield SchemaProblem(where, str(error))
        return
    try:
        parse_schema(schema)
    except ValueError as error:
        yield SchemaProblem(where, f"is not a valid Avro schema: {error}")
        return
    if not isinstance(schema, dict) or schema.get("type") != "record":
        yield SchemaProblem(where, "is not a record: an event is one")
        return
    found = list(_Walk(where).type(schema, ""))
    yield from found
    if not found:
        try:
            writers.parse("a record with it", json.dumps(schema))
        except StreamprocError as error:
            yield SchemaProblem(where, f"is not a schema that workers take: {error.message}")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"key {key!r} occurs twice in one object")
    return dict(pairs)


class _Walk:
    """Visits every type of one schema that is known to be valid Avro."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._open: list[str] = []

    def _problem(self, path: str, message: str) -> SchemaProblem:
        return SchemaProblem(f"{self._where}: {path or 'the event'}", message)

    def type(self, schema: Any, path: str) -> Iterator[SchemaProblem]:
        match schema:
            case str() if schema.rpartition(".")[2] in self._open:
                yield self._problem(path, f"{schema} holds itself: events are not recursive")
            case list():
                yield from self._union(schema, path)
            case {"type": "record"}:
                yield from self._record(schema, path)
            case {"type": "enum"}:
                yield from self._enum(schema, path)
            case {"type": "array", "items": items}:
                yield from self.type(items, f"{path}[]")
            case {"type": "map" | "fixed" as kind}:
                yield self._problem(path, f"{kind} has no typed counterpart in the clients: use records and arrays")
            case {"type": base, "logicalType": logical} if _LOGICAL_TYPES.get(logical) != base:
                known = ", ".join(f"{name} on {kind}" for name, kind in _LOGICAL_TYPES.items())
                yield self._problem(path, f"unknown logical type {logical} on {base}: known is {known}")

    def _union(self, branches: list[Any], path: str) -> Iterator[SchemaProblem]:
        if len(branches) != 2 or branches[0] != "null":
            yield self._problem(path, 'a union is ["null", type] and nothing else')
        for branch in branches:
            yield from self.type(branch, path)

    def _enum(self, schema: dict[str, Any], path: str) -> Iterator[SchemaProblem]:
        yield from self._named(schema, path)
        if schema.get("default") != "UNKNOWN":
            yield self._problem(path, f"enum {schema['name']} has no default UNKNOWN: it could never grow")

    def _record(self, schema: dict[str, Any], path: str) -> Iterator[SchemaProblem]:
        yield from self._named(schema, path)
        self._open.append(schema["name"])
        for field in schema["fields"]:
            inner = f"{path}.{field['name']}" if path else field["name"]
            if not _FIELD_NAME.fullmatch(field["name"]):
                yield self._problem(inner, "a field's name is in snake_case")
            if not field.get("doc"):
                yield self._problem(inner, "has no doc: it is the reference that other teams read")
            if field.get("pii") not in PII_CLASSES:
                yield self._problem(inner, f"pii is {field.get('pii')!r}, not one of {', '.join(PII_CLASSES)}")
            yield from self.type(field["type"], inner)
            if "default" in field and not _fits(field["default"], field["type"]):
                yield self._problem(inner, f"default {json.dumps(field['default'])} does not fit the type")
        self._open.pop()

    def _named(self, schema: dict[str, Any], path: str) -> Iterator[SchemaProblem]:
        if not _TYPE_NAME.fullmatch(schema["name"]):
            yield self._problem(path, f"the type's name {schema['name']} is not in CamelCase")
        if not schema.get("doc"):
            yield self._problem(path, f"{schema['type']} {schema['name']} has no doc")


def _fits(default: Any, schema: Any) -> bool:
    """Whether a default is a value of its type; of a union's first branch, as old readers of Avro demand."""
    match schema:
        case [first, *_]:
            return _fits(default, first)
        case {"type": "enum", "symbols": symbols}:
            return bool(default in symbols)
        case {"type": "array"}:
            return isinstance(default, list) and not default
        case {"type": "record"}:
            return isinstance(default, dict)
        case {"type": inner}:
            return _fits(default, inner)
        case "null":
            return default is None
        case "boolean":
            return isinstance(default, bool)
        case "int" | "long":
            return isinstance(default, int) and not isinstance(default, bool)
        case "float" | "double":
            return isinstance(default, int | float) and not isinstance(default, bool)
        case "string" | "bytes":
            return isinstance(default, str)
    return True
