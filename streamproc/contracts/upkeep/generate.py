"""Writes the typed events from the schema files: ``python -m streamproc.contracts.upkeep.generate [--check]``.

Every record becomes a frozen dataclass and every enum a StrEnum, in ``events.py``; ``conversions.py`` holds the
straight-line code between them and the dictionaries that fastavro reads and writes. Needs ruff, which formats them.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from streamproc.contracts import files

_WIDTH = 110
_PRIMITIVES = {
    "string": "str",
    "bytes": "bytes",
    "int": "int",
    "long": "int",
    "float": "float",
    "double": "float",
    "boolean": "bool",
}
GENERATED = Path(__file__).resolve().parents[1] / "generated"

_COMMAND = "python -m streamproc.contracts.upkeep.generate"


def main(arguments: list[str] | None = None) -> int:
    """Write the modules, or with ``--check`` say which are out of date; return the exit status."""
    parser = argparse.ArgumentParser(prog=_COMMAND, description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a module is out of date")
    check = parser.parse_args(arguments).check
    stale = False
    for path, source in modules().items():
        if path.exists() and path.read_text("utf-8") == source:
            continue
        stale = True
        if check:
            print(f"{path}: out of date: run '{_COMMAND}'", file=sys.stderr)
        else:
            path.write_text(source, "utf-8")
            print(f"{path}: written")
    return 1 if check and stale else 0


def modules(folder: Path = GENERATED) -> dict[Path, str]:
    """The source of every generated module, by path: each major version has its own types."""
    sources = {}
    majors: dict[str, list[str]] = {}
    for contract in files.contracts():
        majors.setdefault(_suffix(contract.name), []).append(contract.name)
    for suffix, contracts in majors.items():
        records, enums = _named_types(files.newest(contract).schema for contract in contracts)
        sources[folder / f"events{suffix}.py"] = _formatted(_events_source(records, enums))
        sources[folder / f"conversions{suffix}.py"] = _formatted(_conversions_source(records, enums, suffix))
    return sources


def _suffix(contract: str) -> str:
    """What the names of a contract's modules end with: ``reading.result.v2`` -> ``_v2``, the first major nothing.

    What not every worker reads or writes has modules of its own: ``reading.progress`` -> ``_progress``.
    """
    if contract in (files.ACTIVITY, files.RESULT):
        return ""
    return f"_{contract.rpartition('.')[2]}"


def _formatted(source: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", __file__, "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout


def _named_types(schemas: Iterable[Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All records, those inside others first, as Python must define them; and all enums."""
    records: dict[str, dict[str, Any]] = {}
    enums: dict[str, dict[str, Any]] = {}

    def visit(schema: Any) -> None:
        match schema:
            case list():
                for branch in schema:
                    visit(branch)
            case {"type": "array", "items": items}:
                visit(items)
            case {"type": "record", "name": name, "fields": fields}:
                for field in fields:
                    visit(field["type"])
                records[name] = schema
            case {"type": "enum", "name": name}:
                enums[name] = schema

    for schema in schemas:
        visit(schema)
    return list(records.values()), list(enums.values())


def _events_source(records: list[dict[str, Any]], enums: list[dict[str, Any]]) -> str:
    bodies = [*map(_enum_source, enums), *map(_record_source, records)]
    field = ", field" if any("field(" in body for body in bodies) else ""
    head = (
        f'"""The events, typed. Generated from schemas/ by ``{_COMMAND}``: do not edit."""\n\n'
        "from __future__ import annotations\n\n"
        f"from dataclasses import dataclass{field}\n"
        "from datetime import datetime\n" + ("from enum import StrEnum\n" if enums else "")
    )
    return "\n\n".join([head, *bodies])


def _enum_source(schema: dict[str, Any]) -> str:
    members = "".join(f'    {symbol} = "{symbol}"\n' for symbol in schema["symbols"])
    return f"class {schema['name']}(StrEnum):\n{_docstring(schema['doc'])}\n{members}"


def _record_source(schema: dict[str, Any]) -> str:
    parts = [
        f"@dataclass(frozen=True, slots=True, kw_only=True)\nclass {schema['name']}:\n{_docstring(schema['doc'])}\n"
    ]
    for field in schema["fields"]:
        default = _default_source(field)
        if field["pii"] != "none":
            # A child's words, voice and identity stay out of every log line that prints an event.
            default = f"field(default={default}, repr=False)" if default else "field(repr=False)"
        assignment = f" = {default}" if default else ""
        parts.append(f"    {field['name']}: {_annotation(field['type'])}{assignment}\n{_docstring(field['doc'])}")
    return "".join(parts)


def _docstring(text: str) -> str:
    lines = textwrap.wrap(text, _WIDTH - 10)
    closing = '"""\n' if len(lines) == 1 else '\n    """\n'
    return '    """' + "\n    ".join(lines) + closing


def _annotation(schema: Any) -> str:
    match schema:
        case ["null", branch]:
            return f"{_annotation(branch)} | None"
        case {"logicalType": "timestamp-micros"}:
            return "datetime"
        case {"type": "array", "items": items}:
            return f"tuple[{_annotation(items)}, ...]"
        case {"type": "record" | "enum", "name": name}:
            return str(name)
        case str() if schema in _PRIMITIVES:
            return _PRIMITIVES[schema]
    raise ValueError(f"no Python type for {schema!r}")


def _default_source(field: dict[str, Any]) -> str:
    """The default as a Python expression; empty where there is none."""
    if "default" not in field:
        return ""
    match field["type"], field["default"]:
        case {"type": "enum", "name": name}, symbol:
            return f"{name}.{symbol}"
        case {"type": "array"}, []:
            return "()"
        case _, str() as text:
            return f'"{text}"'
        case _, None | bool() | int() | float() as value:
            return repr(value)
    raise ValueError(f"field {field['name']}: no Python default for {field['default']!r}")


def _conversions_source(records: list[dict[str, Any]], enums: list[dict[str, Any]], suffix: str) -> str:
    names = sorted(schema["name"] for schema in [*records, *enums])
    imports = "".join(f"    {name},\n" for name in names)
    members = "".join(
        f"{_members(schema['name'])} = {{member.value: member for member in {schema['name']}}}\n" for schema in enums
    )
    head = (
        f'"""Events to and from Avro data. Generated by ``{_COMMAND}``: do not edit."""\n\n'
        "from __future__ import annotations\n\n"
        "from typing import Any\n\n"
        f"from streamproc.contracts.generated.events{suffix} import (\n{imports})\n"
        "from streamproc.contracts.ranges import int32\n\n"
        f"{members}"
    )
    return "\n\n".join([head, *map(_conversion_source, records)])


def _conversion_source(schema: dict[str, Any]) -> str:
    name, snake = schema["name"], _snake(schema["name"])
    read = write = ""
    for field in schema["fields"]:
        key = field["name"]
        source = f'datum["{key}"]'
        read += f"        {key}={_reading(field['type'], source)},\n"
        write += f'        "{key}": {_writing(field["type"], f"event.{key}")},\n'
    return (
        f"def {snake}_from_avro(datum: dict[str, Any]) -> {name}:\n"
        f'    """Build the event from what fastavro has read."""\n'
        f"    return {name}(\n{read}    )\n\n\n"
        f"def {snake}_to_avro(event: {name}) -> dict[str, Any]:\n"
        f'    """Build what fastavro writes: it takes tuples and StrEnums as they are."""\n'
        f"    return {{\n{write}    }}\n"
    )


def _reading(schema: Any, value: str) -> str:
    """The expression that turns what fastavro has read into the event's value."""
    match schema:
        case ["null", branch]:
            inner = _reading(branch, value)
            return value if inner == value else f"None if {value} is None else {inner}"
        case {"type": "array", "items": items}:
            inner = _reading(items, "item")
            return f"tuple({value})" if inner == "item" else f"tuple([{inner} for item in {value}])"
        case {"type": "record", "name": name}:
            return f"{_snake(name)}_from_avro({value})"
        case {"type": "enum", "name": name}:
            return f"{_members(name)}[{value}]"
    return value


def _writing(schema: Any, value: str) -> str:
    """The expression that turns the event's value into what fastavro writes."""
    match schema:
        case ["null", branch]:
            inner = _writing(branch, value)
            return value if inner == value else f"None if {value} is None else {inner}"
        case {"type": "array", "items": items}:
            inner = _writing(items, "item")
            return value if inner == "item" else f"[{inner} for item in {value}]"
        case {"type": "record", "name": name}:
            return f"{_snake(name)}_to_avro({value})"
        case "int":
            return f"int32({value})"
    return value


def _members(enum: str) -> str:
    return f"_{_snake(enum).upper()}"


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


if __name__ == "__main__":
    sys.exit(main())
