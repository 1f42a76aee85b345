"""Events to and from the bytes of a Kafka record's value."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import fastavro

from streamproc.contracts import files, wire
from streamproc.contracts.bodies import DamagedError
from streamproc.contracts.generated import (
    conversions,
    conversions_control,
    conversions_correction,
    conversions_progress,
)
from streamproc.contracts.generated import events as v1
from streamproc.contracts.generated.events_control import ControlEvent
from streamproc.contracts.generated.events_correction import Correction
from streamproc.contracts.generated.events_progress import Progress
from streamproc.contracts.majors import Major
from streamproc.contracts.registry import Registry
from streamproc.contracts.schema_cache import SchemaCache
from streamproc.errors import ErrorCode, StreamprocError

T = TypeVar("T")


class Decoder(Generic[T]):
    """Reads values that were written with any version of a contract, as its newest version."""

    def __init__(self, registry: Registry, contract: str, topic: str, from_avro: Callable[[dict[str, Any]], T]) -> None:
        schema = files.newest(contract).schema
        self._reader = fastavro.parse_schema(schema)
        self._schemas = SchemaCache(registry, files.subject(topic), schema)
        self._from_avro = from_avro

    async def decode(self, value: bytes | None) -> T:
        """Read one value; asks the registry only for a schema id that it meets for the first time.

        Raises:
            StreamprocError: VALUE_MISSING, VALUE_UNREADABLE, SCHEMA_UNKNOWN, SCHEMA_FOREIGN, SCHEMA_INVALID (poison);
                REGISTRY_UNAVAILABLE (transient); SCHEMA_UNREADABLE (fatal).
        """
        schema_id = wire.schema_id_of(value)
        assert value is not None
        writer = self._schemas.known(schema_id)
        if writer is None:
            writer = await self._schemas.get(schema_id)
        try:
            return self._from_avro(writer.read(value, wire.HEADER.size, self._reader))
        except DamagedError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001
            # The error's own message may quote the event.
            reason = type(error).__name__
        raise StreamprocError(ErrorCode.VALUE_UNREADABLE, f"the value is not what schema id {schema_id} says: {reason}")


class ActivityDecoder(Decoder[v1.Activity]):
    """Reads activities from ``topic``."""

    def __init__(self, registry: Registry, topic: str) -> None:
        super().__init__(registry, files.ACTIVITY, topic, conversions.activity_from_avro)


class ResultDecoder(Decoder[T]):
    """Reads results of a major version from ``topic``."""

    def __init__(self, registry: Registry, topic: str, major: Major[T]) -> None:
        super().__init__(registry, major.contract, topic, major.from_avro)


class Encoder(Generic[T]):
    """Writes events with the newest version of a contract, which must be registered already."""

    missing = ErrorCode.RESULT_SCHEMA_MISSING
    """What ``start`` raises where it is not."""

    def __init__(self, registry: Registry, contract: str, topic: str, to_avro: Callable[[T], dict[str, Any]]) -> None:
        self._registry = registry
        self._file = files.newest(contract)
        self._subject = files.subject(topic)
        self._schema = fastavro.parse_schema(self._file.schema)
        self._to_avro = to_avro
        self._header: bytes | None = None

    async def start(self) -> None:
        """Look up the schema's id; nothing is ever registered here.

        Raises:
            StreamprocError: ``missing`` (fatal); REGISTRY_UNAVAILABLE (transient).
        """
        schema_id = await self._registry.id_of(self._subject, self._file.text)
        if schema_id is None:
            raise StreamprocError(
                self.missing,
                f"{self._registry.url} does not hold version {self._file.version} of {self._file.contract} under "
                f"{self._subject}: run 'streamproc schemas register'",
            )
        self._header = wire.header(schema_id)

    def encode(self, event: T) -> bytes:
        """Write one event; ``start`` must have succeeded."""
        assert self._header is not None, "start() has not been called"
        body = io.BytesIO()
        body.write(self._header)
        fastavro.schemaless_writer(body, self._schema, self._to_avro(event))
        return body.getvalue()


class ActivityEncoder(Encoder[v1.Activity]):
    """Writes activities for ``topic``."""

    missing = ErrorCode.ACTIVITY_SCHEMA_MISSING

    def __init__(self, registry: Registry, topic: str) -> None:
        super().__init__(registry, files.ACTIVITY, topic, conversions.activity_to_avro)


class ControlDecoder(Decoder[ControlEvent]):
    """Reads control events from ``topic``."""

    def __init__(self, registry: Registry, topic: str) -> None:
        super().__init__(registry, files.CONTROL, topic, conversions_control.control_event_from_avro)


class ControlEncoder(Encoder[ControlEvent]):
    """Writes control events for ``topic``."""

    missing = ErrorCode.CONTROL_SCHEMA_MISSING

    def __init__(self, registry: Registry, topic: str) -> None:
        super().__init__(registry, files.CONTROL, topic, conversions_control.control_event_to_avro)


class ResultEncoder(Encoder[v1.Result]):
    """Writes results as a major version for ``topic``."""

    def __init__(self, registry: Registry, topic: str, major: Major[Any]) -> None:
        upcast, to_avro = major.upcast, major.to_avro
        super().__init__(registry, major.contract, topic, lambda result: to_avro(upcast(result)))


class ProgressDecoder(Decoder[Progress]):
    """Reads progress from ``topic``."""

    def __init__(self, registry: Registry, topic: str) -> None:
        super().__init__(registry, files.PROGRESS, topic, conversions_progress.progress_from_avro)


class ProgressEncoder(Encoder[Progress]):
    """Writes progress for ``topic``."""

    def __init__(self, registry: Registry, topic: str) -> None:
        super().__init__(registry, files.PROGRESS, topic, conversions_progress.progress_to_avro)


class CorrectionDecoder(Decoder[Correction]):
    """Reads corrections from ``topic``."""

    def __init__(self, registry: Registry, topic: str) -> None:
        super().__init__(registry, files.CORRECTION, topic, conversions_correction.correction_from_avro)


class CorrectionEncoder(Encoder[Correction]):
    """Writes corrections for ``topic``."""

    missing = ErrorCode.CORRECTION_SCHEMA_MISSING

    def __init__(self, registry: Registry, topic: str) -> None:
        super().__init__(registry, files.CORRECTION, topic, conversions_correction.correction_to_avro)
