"""One letter for a person to look at: its event, read with the schema that it was written with."""

from __future__ import annotations

import hashlib
import math
from datetime import datetime
from typing import Any

from streamproc.contracts import wire
from streamproc.contracts.registry import Registry
from streamproc.contracts.writers import parse
from streamproc.deadletter.letters import Letter
from streamproc.deadletter.times import iso
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.settings import RegistrySettings

_PREVIEW = 64
"""Bytes shown of a value that cannot be read."""


async def describe(letter: Letter, registry: RegistrySettings) -> dict[str, Any]:
    """The letter as JSON values: key, headers, ``event`` (None where it cannot be read: ``unreadable`` says why)."""
    event, unreadable = None, None
    try:
        if letter.is_stub:
            raise StreamprocError(ErrorCode.VALUE_MISSING, "this is a stub: the original is where source.* says")
        event = await _event(letter.value, registry)
    except StreamprocError as error:
        unreadable = {"reason": error.message, **_bytes(letter.value)}
    except Exception as error:  # noqa: BLE001 - whatever damaged bytes do to a decoder, the rest is shown
        unreadable = {"reason": f"damaged: {type(error).__name__}", **_bytes(letter.value)}
    return {
        "key": _text(letter.key),
        "headers": [{"name": name, "value": _text(value)} for name, value in letter.original_headers],
        "event": event,
        "unreadable": unreadable,
    }


async def _event(value: bytes | None, settings: RegistrySettings) -> Any:
    schema_id = wire.schema_id_of(value)
    assert value is not None
    registry = Registry(settings)
    try:
        held = await registry.schema(schema_id)
    finally:
        await registry.close()
    writer = parse(f"schema id {schema_id}", held.text)
    return _plain(writer.read(value, wire.HEADER.size))


def _plain(datum: Any) -> Any:
    """Avro's values as JSON's; bytes become their length and SHA-256: nobody reads a recording."""
    if isinstance(datum, dict):
        return {name: _plain(value) for name, value in datum.items()}
    if isinstance(datum, list):
        return [_plain(value) for value in datum]
    if isinstance(datum, bytes):
        return {"bytes": len(datum), "sha256": hashlib.sha256(datum).hexdigest()}
    if isinstance(datum, datetime):
        return iso(datum)
    if isinstance(datum, float) and not math.isfinite(datum):
        return str(datum)  # JSON has no such number
    return datum if datum is None or isinstance(datum, str | int | float) else str(datum)


def _bytes(value: bytes | None) -> dict[str, Any]:
    return {"bytes": 0 if value is None else len(value), "begins": "" if value is None else value[:_PREVIEW].hex(" ")}


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="backslashreplace")
