"""Writers' schemas: which this release can read, and the reading of what was written with them.

Anybody who may register a schema somewhere can name its id in a record. So a schema is judged before it is used: it
must be valid Avro of a bounded size, and its values bounded by their length (see bodies).
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import fastavro

from streamproc.contracts import bodies
from streamproc.errors import ErrorCode, StreamprocError

MAX_CHARACTERS = 256 * 1024
"""Longest schema that is looked at; the contracts' have under 10,000 characters."""

_MAX_NESTING = 4 * bodies.MAX_DEPTH
"""JSON objects and arrays within one another: no type needs more than four (a record, its fields, a field, a type)."""


@dataclass(frozen=True, slots=True)
class Writer:
    """A writer's schema, ready to read with."""

    schema: Any
    """As fastavro parses it."""
    walk: bodies.Walk

    def read(self, value: bytes, start: int, reader: Any = None) -> Any:
        """The datum in ``value`` from ``start`` to its end, as ``reader`` resolves it (None: as it was written).

        Raises:
            bodies.DamagedError: the body is not what the schema says; what fastavro raises for a text that is not
                UTF-8 or a time that is none.
        """
        bodies.check(self.walk, value, start)
        body = io.BytesIO(value)
        body.seek(start)
        return fastavro.schemaless_reader(body, self.schema, reader)


def parse(what: str, text: str) -> Writer:
    """Parse a schema, which messages call ``what``.

    Raises:
        StreamprocError: SCHEMA_INVALID (poison).
    """
    if len(text) > MAX_CHARACTERS:
        raise _invalid(what, f"it has {len(text)} characters; the limit is {MAX_CHARACTERS}")
    try:
        schema = json.loads(text, object_hook=_without_marks)
        if _nesting(schema) > _MAX_NESTING:
            raise bodies.UnboundedError(f"more than {bodies.MAX_DEPTH} types within types")
        parsed = fastavro.parse_schema(schema)
        return Writer(parsed, bodies.walk_of(parsed))
    except Exception as error:
        # Whatever an odd schema does to a parser, the record that names it must not stop a worker.
        raise _invalid(what, _reason(error)) from error


def readable(what: str, text: str, reader: dict[str, Any]) -> Writer:
    """Parse a writer's schema, which messages call ``what``, and make sure that ``reader`` can read it.

    Raises:
        StreamprocError: SCHEMA_INVALID (poison); SCHEMA_UNREADABLE (fatal), naming the first fields that ``reader``
            cannot read.
    """
    # Apache avro is needed only when a schema is met for the first time.
    from streamproc.contracts import compatibility

    writer = parse(what, text)
    try:
        found = compatibility.violations(compatibility.parse_schema(reader), compatibility.parse_schema(text))
    except Exception as error:
        raise _invalid(what, _reason(error)) from error
    if found:
        reasons = "\n".join(f"  {violation}" for violation in found)
        raise StreamprocError(
            ErrorCode.SCHEMA_UNREADABLE, f"this release of streamproc cannot read {what}; upgrade it:\n{reasons}"
        )
    return writer


def record_name(text: str) -> str | None:
    """The full name of a record's schema; None for what is no record: a primitive, a union, JSON Schema, Protobuf."""
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(schema, dict) or schema.get("type") != "record" or not isinstance(schema.get("name"), str):
        return None
    name, namespace = str(schema["name"]), schema.get("namespace")
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _without_marks(part: dict[str, Any]) -> dict[str, Any]:
    """A part of a schema without the marks of fastavro's own.

    It takes a schema that has them for one that it has parsed already: it would look at nothing, and read types by
    other definitions than the schema's.
    """
    return {name: value for name, value in part.items() if not name.startswith("__")}


def _nesting(schema: Any) -> int:
    """How deep the JSON is; without recursion, which is what it guards."""
    depth, level = 0, [schema]
    while level:
        depth += 1
        level = [part for whole in level for part in _parts(whole)]
    return depth


def _parts(whole: Any) -> Iterable[Any]:
    if isinstance(whole, dict):
        return whole.values()
    return whole if isinstance(whole, list) else ()


def _reason(error: Exception) -> str:
    said = str(error) if isinstance(error, ValueError | fastavro.schema.SchemaParseException) else ""
    return f"{type(error).__name__} {said}".strip()[:300]


def _invalid(what: str, reason: str) -> StreamprocError:
    return StreamprocError(ErrorCode.SCHEMA_INVALID, f"{what} cannot be used: {reason}")
