"""The event reference, written from the schema files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from streamproc.contracts import files
from streamproc.contracts.files import Contract
from streamproc.contracts.upkeep.changes import changes, type_text
from streamproc.contracts.upkeep.examples import as_json, example
from streamproc.contracts.upkeep.lint import PII_CLASSES


def markdown() -> str:
    """The whole reference as one Markdown page."""
    parts = [
        "# Event reference\n",
        "<!-- Generated from schemas/ by `streamproc schemas docs`; do not edit. -->\n",
        "Values are Avro in Confluent's wire format (a zero byte, the schema id as four bytes, the body); the key is "
        "text in UTF-8. Headers follow CloudEvents' Kafka binding in binary mode and W3C's `traceparent`. Fields that "
        "are added later have defaults; symbols that are added later read as `UNKNOWN`.\n",
        _table(("PII class", "Meaning"), [(f"`{name}`", meaning) for name, meaning in PII_CLASSES.items()]),
        *(f"- [{contract.name}](#{contract.name.replace('.', '')})" for contract in files.contracts()),
        "",
    ]
    for contract in files.contracts():
        parts += _contract(contract)
    return "\n".join(parts)


def _contract(contract: Contract) -> Iterator[str]:
    released = files.versions(contract.name)
    schema = released[-1].schema
    yield f"## {contract.name}\n"
    yield f"{schema['doc']}\n"
    yield _table(
        ("", ""),
        [
            ("Topic", f"`{contract.topic}`"),
            ("Registry subject", f"`{files.subject(contract.topic)}`"),
            ("Record", f"`{schema['namespace']}.{schema['name']}`, version {released[-1].version}"),
            ("Key", f"`{contract.key}`"),
            ("Ordering", contract.ordering),
            ("Retention", contract.retention),
            ("Compatibility", f"`{contract.compatibility}`"),
            ("Owner", contract.owner),
        ],
    )
    for older, newer in pairwise(released):
        yield f"Version {newer.version} against version {older.version}:\n"
        for change in changes(older.schema, newer.schema):
            if change.kind != "doc":
                yield f"- {change.kind} `{change.path}`: {change.detail}"
        yield ""
    yield from _types(schema)
    yield f"### Example of {contract.name}\n"
    yield f"```json\n{as_json(example(contract.name))}\n```\n"


def _types(schema: Any) -> Iterator[str]:
    """A section for every record and enum, outer ones first."""
    match schema:
        case list():
            for branch in schema:
                yield from _types(branch)
        case {"type": "array", "items": items}:
            yield from _types(items)
        case {"type": "record", "name": name, "doc": doc, "fields": fields}:
            yield f"### {name}\n"
            yield f"{doc}\n"
            yield _table(("Field", "Type", "Default", "PII", "Meaning"), [_row(field) for field in fields])
            for field in fields:
                yield from _types(field["type"])
        case {"type": "enum", "name": name, "doc": doc, "symbols": symbols}:
            yield f"### {name}\n"
            yield f"{doc}\n"
            yield f"Symbols: {', '.join(f'`{symbol}`' for symbol in symbols)}\n"


def _row(field: dict[str, Any]) -> tuple[str, ...]:
    default = f"`{json.dumps(field['default'])}`" if "default" in field else ""
    return f"`{field['name']}`", type_text(field["type"]), default, field["pii"], field["doc"]


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
