"""What changed from one version of a schema to another, field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    kind: str
    """added, removed, renamed, type, default, doc, pii or symbols."""
    path: str
    """The field, for example ``phrases[].audio.codec``."""
    detail: str
    """The difference in words."""

    def __str__(self) -> str:
        return f"{self.kind:8} {self.path}: {self.detail}"


def changes(old: Any, new: Any, path: str = "") -> Iterator[Change]:
    """Yield every change between two versions, in the new one's order."""
    old, new = _present(old), _present(new)
    match old, new:
        case {"type": "record"}, {"type": "record"}:
            if old.get("doc") != new.get("doc") and not path:
                yield Change("doc", "the event", str(new.get("doc")))
            yield from _record_changes(old, new, path)
        case {"type": "array", "items": before}, {"type": "array", "items": after}:
            yield from changes(before, after, f"{path}[]")
        case {"type": "enum", "symbols": before}, {"type": "enum", "symbols": after} if before != after:
            yield Change("symbols", path, f"{', '.join(before)} -> {', '.join(after)}")
        case {"type": "enum"}, {"type": "enum"}:
            return
        case _ if type_text(old) != type_text(new):
            yield Change("type", path, f"{type_text(old)} -> {type_text(new)}")


def _record_changes(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Change]:
    before = {field["name"]: field for field in old["fields"]}
    continued = set()
    for field in new["fields"]:
        inner = f"{path}.{field['name']}" if path else field["name"]
        former = next((name for name in (field["name"], *field.get("aliases", ())) if name in before), None)
        if former is None:
            yield Change("added", inner, f"{type_text(field['type'])}{_default_text(field)}")
            continue
        continued.add(former)
        if former != field["name"]:
            yield Change("renamed", inner, f"was {former}")
        yield from _field_changes(before[former], field, inner)
    for name in before.keys() - continued:
        yield Change("removed", f"{path}.{name}" if path else name, type_text(before[name]["type"]))


def _field_changes(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Change]:
    if _is_optional(old["type"]) != _is_optional(new["type"]):
        yield Change("type", path, f"{type_text(old['type'])} -> {type_text(new['type'])}")
    yield from changes(old["type"], new["type"], path)
    if _default_text(old) != _default_text(new):
        yield Change("default", path, f"{_default_text(old) or 'none'} -> {_default_text(new) or 'none'}")
    for key in ("pii", "doc"):
        if old.get(key) != new.get(key):
            yield Change(key, path, f"{old.get(key)} -> {new.get(key)}")


def type_text(schema: Any) -> str:
    """A type in few words, for people."""
    match schema:
        case ["null", branch]:
            return f"{type_text(branch)}, or null"
        case list():
            return " or ".join(map(type_text, schema))
        case {"type": "array", "items": items}:
            return f"list of {type_text(items)}"
        case {"type": "record" | "enum" as kind, "name": name}:
            return f"{kind} {name}"
        case {"type": base, "logicalType": logical}:
            return f"{base} ({logical})"
        case {"type": base}:
            return type_text(base)
    return str(schema)


def _present(schema: Any) -> Any:
    """The type without its null branch."""
    return schema[1] if _is_optional(schema) else schema


def _is_optional(schema: Any) -> bool:
    return isinstance(schema, list) and len(schema) == 2 and schema[0] == "null"


def _default_text(field: dict[str, Any]) -> str:
    return f" = {json.dumps(field['default'])}" if "default" in field else ""
