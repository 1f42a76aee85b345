"""Whether what one version of a schema wrote can be read with another.

Apache avro's ``avro.compatibility`` is the judge of Avro's resolution rules
(https://avro.apache.org/docs/1.12.0/specification/#schema-resolution); its verdict covers a whole schema. Here a
walk along both schemas asks it about ever smaller parts, so that a violation names its field.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from avro import compatibility as judge
from avro.errors import AvroException, IgnoredLogicalType
from avro.schema import NamedSchema, Schema, parse


class Level(StrEnum):
    """What a new version owes to earlier ones; TRANSITIVE: to all of them, else to the latest."""

    NONE = "NONE"
    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"

    @property
    def transitive(self) -> bool:
        """Whether all earlier versions count."""
        return self.endswith("_TRANSITIVE")

    @property
    def backward(self) -> bool:
        """Whether the new version must read what earlier ones wrote."""
        return self.startswith(("BACKWARD", "FULL"))

    @property
    def forward(self) -> bool:
        """Whether earlier versions must read what the new one writes."""
        return self.startswith(("FORWARD", "FULL"))


@dataclass(frozen=True, slots=True)
class Violation:
    """One reason why a reader cannot read a writer's data."""

    path: str
    """The field, for example ``phrases[].audio.codec``; empty: the event itself."""
    rule: str
    """The rule's name: one of Apache avro's ``SchemaIncompatibilityType``, or ``logical_type_changed``."""
    message: str
    """What is wrong."""
    suggestion: str
    """What to do instead."""

    def __str__(self) -> str:
        return f"{self.path or 'the event'}: {self.message} [{self.rule}]; {self.suggestion}"


_SUGGESTIONS = {
    "reader_field_missing_default_value": "give the field a default, or keep it where it was removed",
    "missing_enum_symbols": "keep the symbol, and give the enum a default so that it can grow",
    "missing_union_branch": "keep the branch that was removed",
    "type_mismatch": "keep the type and add a new field beside it",
    "name_mismatch": "keep the name, or give the new one the old name as an alias",
    "fixed_size_mismatch": "keep the size and add a new field beside it",
    "logical_type_changed": "keep the logical type and add a new field beside it",
}


def parse_schema(schema: dict[str, Any] | str) -> Schema:
    """Parse a schema.

    Raises:
        ValueError: It is no valid Avro schema; the message says why.
    """
    text = schema if isinstance(schema, str) else json.dumps(schema)
    try:
        with warnings.catch_warnings():
            # An unknown logical type is ignored, as Avro says; `schemas lint` refuses it.
            warnings.simplefilter("ignore", IgnoredLogicalType)
            return parse(text)
    except (AvroException, RecursionError) as error:
        # Each level quotes its whole schema; the innermost error says what is wrong.
        innermost: BaseException = error
        while innermost.__context__ is not None:
            innermost = innermost.__context__
        raise ValueError(str(innermost)) from error


def violations(reader: Schema, writer: Schema) -> list[Violation]:
    """Every reason why ``reader`` cannot read what ``writer`` wrote; empty: it can."""
    return list(_explain(reader, writer, "", set()))


def compatible(reader: Schema, writer: Schema) -> bool:
    """Whether Apache avro says that ``reader`` can read what ``writer`` wrote."""
    return _judged(reader, writer).compatibility is judge.SchemaCompatibilityType.compatible


def _judged(reader: Schema, writer: Schema) -> judge.SchemaCompatibilityResult:
    checker = judge.ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    return checker.get_compatibility(reader, writer)


def _explain(reader: Any, writer: Any, path: str, seen: set[tuple[int, int]]) -> Iterator[Violation]:
    pair = (id(reader), id(writer))
    if pair in seen:  # a recursive schema
        return
    seen = seen | {pair}
    if writer.type == "union":
        for branch in writer.schemas:
            yield from _explain(reader, branch, path, seen)
        return
    if reader.type == "union":
        branches = [branch for branch in reader.schemas if _same_kind(branch, writer)]
        if branches:
            yield from _explain(branches[0], writer, path, seen)
        elif not compatible(reader, writer):
            yield _violation(path, "missing_union_branch", f"the reader's union lacks {_describe(writer)}")
        return
    if reader.type == writer.type == "record" and judge.schema_name_equals(reader, writer):
        for field in reader.fields:
            inner = f"{path}.{field.name}" if path else field.name
            written = judge.lookup_writer_field(writer, field)
            if written is not None:
                yield from _explain(field.type, written.type, inner, seen)
            elif not field.has_default:
                yield _violation(
                    inner,
                    "reader_field_missing_default_value",
                    "the writer does not write it and the reader has no default",
                )
        return
    if reader.type == writer.type == "array":
        yield from _explain(reader.items, writer.items, f"{path}[]", seen)
        return
    if reader.type == writer.type == "map":
        yield from _explain(reader.values, writer.values, f"{path}{{}}", seen)
        return
    yield from _leaf(reader, writer, path)


def _leaf(reader: Any, writer: Any, path: str) -> Iterator[Violation]:
    verdict = _judged(reader, writer)
    if verdict.compatibility is not judge.SchemaCompatibilityType.compatible:
        rule = verdict.incompatibilities[0].value
        if rule == "missing_enum_symbols":
            lacking = sorted(set(writer.symbols) - set(reader.symbols))
            yield _violation(path, rule, f"enum {reader.name} lacks {', '.join(lacking)} and has no default")
        else:
            yield _violation(path, rule, f"reader has {_describe(reader)}, writer has {_describe(writer)}")
    elif reader.props.get("logicalType") != writer.props.get("logicalType"):
        # Avro's rules let this pass: the number would silently mean something else.
        yield _violation(
            path, "logical_type_changed", f"reader has {_describe(reader)}, writer has {_describe(writer)}"
        )


def _same_kind(branch: Any, writer: Any) -> bool:
    if branch.type != writer.type:
        return False
    return not isinstance(branch, NamedSchema) or judge.schema_name_equals(branch, writer)


def _describe(schema: Any) -> str:
    if isinstance(schema, NamedSchema):
        return f"{schema.type} {schema.fullname}"
    logical = schema.props.get("logicalType")
    return f"{schema.type} ({logical})" if logical else str(schema.type)


def _violation(path: str, rule: str, message: str) -> Violation:
    return Violation(path, rule, message, _SUGGESTIONS[rule])
