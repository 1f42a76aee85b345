"""Confluent's wire format: how a record's value names the schema that it was written with.

One magic byte (0), the schema's id in the registry as four bytes, big-endian, then the Avro body. Source:
https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
"""

from __future__ import annotations

from struct import Struct

from streamproc.errors import ErrorCode, StreamprocError

HEADER = Struct(">bI")
"""The magic byte and the schema id."""

MAGIC = 0


def header(schema_id: int) -> bytes:
    """Return what precedes an Avro body that was written with schema ``schema_id``."""
    return HEADER.pack(MAGIC, schema_id)


def schema_id_of(value: bytes | None) -> int:
    """Return the schema id that ``value`` names; its Avro body begins at ``HEADER.size``.

    Raises:
        StreamprocError: VALUE_MISSING for null; VALUE_UNREADABLE for a value too short or without the magic byte.
    """
    if value is None:
        raise StreamprocError(ErrorCode.VALUE_MISSING)
    if len(value) < HEADER.size:
        raise StreamprocError(
            ErrorCode.VALUE_UNREADABLE,
            f"the value has {len(value)} bytes; a schema id alone takes {HEADER.size}",
        )
    magic, schema_id = HEADER.unpack_from(value)
    if magic != MAGIC:
        raise StreamprocError(
            ErrorCode.VALUE_UNREADABLE,
            f"the value begins with byte {value[0]} instead of {MAGIC}: it is not in Confluent's wire format",
        )
    return int(schema_id)
