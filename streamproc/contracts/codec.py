"""Events to and from the bytes of a Kafka record's value."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import fastavro

from streamproc.contracts import files, wire
from streamproc.contracts.conversions import activity_from_avro, result_from_avro, result_to_avro
from streamproc.contracts.events import Activity, Result
from streamproc.contracts.registry import Registry
from streamproc.contracts.schema_cache import SchemaCache
from streamproc.errors import ErrorCode, StreamprocError

T = TypeVar("T")


class Decoder(Generic[T]):
    """Reads values that were written with any version of a contract, as its newest version."""

    def __init__(self, registry: Registry, contract: str, from_avro: Callable[[dict[str, Any]], T]) -> None:
        schema = files.newest(contract).schema
        self._reader = fastavro.parse_schema(schema)
        self._schemas = SchemaCache(registry, schema)
        self._from_avro = from_avro

    async def decode(self, value: bytes | None) -> T:
        """Read one value; asks the registry only for a schema id that it meets for the first time.

        Raises:
            StreamprocError: VALUE_MISSING, VALUE_UNREADABLE, SCHEMA_UNKNOWN (poison); REGISTRY_UNAVAILABLE
                (transient); SCHEMA_UNREADABLE (fatal).
        """
        schema_id = wire.schema_id_of(value)
        assert value is not None
        writer = self._schemas.known(schema_id)
        if writer is None:
            writer = await self._schemas.get(schema_id)
        body = io.BytesIO(value)
        body.seek(wire.HEADER.size)
        try:
            datum: Any = fastavro.schemaless_reader(body, writer, self._reader)
            event = self._from_avro(datum)
        except Exception as error:
            # The error's own message may quote the event.
            raise StreamprocError(
                ErrorCode.VALUE_UNREADABLE,
                f"the body is not what schema id {schema_id} says ({type(error).__name__} at byte {body.tell()})",
            ) from error
        if body.tell() != len(value):
            raise StreamprocError(
                ErrorCode.VALUE_UNREADABLE, f"{len(value) - body.tell()} bytes follow the body of schema id {schema_id}"
            )
        return event


class ActivityDecoder(Decoder[Activity]):
    """Reads activities."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry, files.ACTIVITY, activity_from_avro)


class ResultDecoder(Decoder[Result]):
    """Reads results."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry, files.RESULT, result_from_avro)


class Encoder(Generic[T]):
    """Writes events with the newest version of a contract, which must be registered already."""

    def __init__(self, registry: Registry, contract: str, topic: str, to_avro: Callable[[T], dict[str, Any]]) -> None:
        self._registry = registry
        self._file = files.newest(contract)
        self._subject = files.subject(topic)
        self._schema = fastavro.parse_schema(self._file.schema)
        self._to_avro = to_avro
        self._schema_id: int | None = None

    async def start(self) -> None:
        """Look up the schema's id; nothing is ever registered here.

        Raises:
            StreamprocError: RESULT_SCHEMA_MISSING (fatal); REGISTRY_UNAVAILABLE (transient).
        """
        self._schema_id = await self._registry.id_of(self._subject, self._file.text)

    def encode(self, event: T) -> bytes:
        """Write one event; ``start`` must have succeeded."""
        assert self._schema_id is not None, "start() has not been called"
        body = io.BytesIO()
        body.write(wire.header(self._schema_id))
        fastavro.schemaless_writer(body, self._schema, self._to_avro(event))
        return body.getvalue()


class ResultEncoder(Encoder[Result]):
    """Writes results for ``topic``."""

    def __init__(self, registry: Registry, topic: str) -> None:
        super().__init__(registry, files.RESULT, topic, result_to_avro)
