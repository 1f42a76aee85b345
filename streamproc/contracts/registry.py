"""The schema registry: which schema an id stands for, and which id a schema has.

Confluent's asynchronous client does the talking. Here are its settings, a bound on every call, and the translation of
its failures into the error taxonomy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from streamproc.errors import ErrorCode, StreamprocError

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import AsyncSchemaRegistryClient, SchemaRegistryError

T = TypeVar("T")

_MAX_RETRIES = 2
_RETRY_WAIT_MS = 200
_REFUSALS = {404, 409, 422}
"""No such thing; not compatible; not a valid schema."""


class Secret(Protocol):
    """A secret that shows itself only when asked, for example pydantic's SecretStr."""

    def get_secret_value(self) -> str:
        """The secret; empty: none."""


class RegistryAccess(Protocol):
    """How to reach a registry; the settings have it, and the clients' Connection."""

    @property
    def url(self) -> str:
        """Base URL of its API."""

    @property
    def username(self) -> str:
        """User for basic authentication; empty: none."""

    @property
    def password(self) -> Secret:
        """Password for basic authentication."""

    @property
    def token(self) -> Secret:
        """Bearer token; wins over user and password."""

    @property
    def ca_file(self) -> Path | None:
        """Certificates to trust, in PEM."""

    @property
    def timeout(self) -> float:
        """Seconds to wait for an answer."""


class Registry:
    """A schema registry with Confluent's API. Use it in one event loop; ``close`` it in the same."""

    def __init__(self, settings: RegistryAccess) -> None:
        self.url = settings.url
        self._timeout = settings.timeout
        self._configuration = _client_configuration(settings)
        self._client: AsyncSchemaRegistryClient | None = None

    async def schema_text(self, schema_id: int) -> str:
        """Fetch the schema with this id, as JSON.

        Raises:
            StreamprocError: SCHEMA_UNKNOWN when the registry says that there is no such id; REGISTRY_UNAVAILABLE when
                it does not say anything sensible.
        """
        schema = await self._ask(
            self._connected().get_schema(schema_id), ErrorCode.SCHEMA_UNKNOWN, f"schema id {schema_id}"
        )
        return str(schema.schema_str)

    async def id_of(self, subject: str, text: str) -> int | None:
        """Look up the id under which ``subject`` holds exactly this schema, None where it does not; never registers.

        Raises:
            StreamprocError: REGISTRY_UNAVAILABLE.
        """
        from confluent_kafka.schema_registry import Schema

        try:
            found = await self._ask(
                self._connected().lookup_schema(subject, Schema(text, "AVRO")), ErrorCode.SCHEMA_UNKNOWN, subject
            )
        except StreamprocError as error:
            if error.code is ErrorCode.SCHEMA_UNKNOWN:
                return None
            raise
        return found.schema_id

    async def versions(self, subject: str) -> dict[int, str]:
        """The schemas under ``subject``, as JSON, by version; empty where there is no such subject.

        Raises:
            StreamprocError: REGISTRY_UNAVAILABLE.
        """
        client = self._connected()
        try:
            numbers = await self._ask(client.get_versions(subject), ErrorCode.SCHEMA_UNKNOWN, subject)
        except StreamprocError as error:
            if error.code is ErrorCode.SCHEMA_UNKNOWN:
                return {}
            raise
        schemas = {}
        for number in numbers:
            found = await self._ask(client.get_version(subject, number), ErrorCode.SCHEMA_UNKNOWN, subject)
            schemas[int(number)] = str(found.schema.schema_str)
        return schemas

    async def register(self, subject: str, text: str) -> int:
        """Register a schema under ``subject`` and return its id; the same id when it is there already.

        Raises:
            StreamprocError: SCHEMA_REFUSED with the registry's reason; REGISTRY_UNAVAILABLE.
        """
        from confluent_kafka.schema_registry import Schema

        return await self._ask(
            self._connected().register_schema(subject, Schema(text, "AVRO")), ErrorCode.SCHEMA_REFUSED, subject
        )

    async def is_compatible(self, subject: str, text: str) -> bool:
        """Whether the registry would accept a schema as the next version of ``subject``.

        Raises:
            StreamprocError: SCHEMA_REFUSED when it is not a valid schema; REGISTRY_UNAVAILABLE.
        """
        from confluent_kafka.schema_registry import Schema

        return await self._ask(
            self._connected().test_compatibility_all_versions(subject, Schema(text, "AVRO")),
            ErrorCode.SCHEMA_REFUSED,
            subject,
        )

    async def compatibility(self, subject: str) -> str | None:
        """The level that the registry enforces on ``subject``; None where it has none of its own.

        Raises:
            StreamprocError: REGISTRY_UNAVAILABLE.
        """
        try:
            level = await self._ask(self._connected().get_compatibility(subject), ErrorCode.SCHEMA_UNKNOWN, subject)
        except StreamprocError as error:
            if error.code is ErrorCode.SCHEMA_UNKNOWN:
                return None
            raise
        return str(level)

    async def set_compatibility(self, subject: str, level: str) -> None:
        """Set the compatibility level that the registry enforces on ``subject``.

        Raises:
            StreamprocError: SCHEMA_REFUSED; REGISTRY_UNAVAILABLE.
        """
        await self._ask(self._connected().set_compatibility(subject, level), ErrorCode.SCHEMA_REFUSED, subject)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _connected(self) -> AsyncSchemaRegistryClient:
        if self._client is None:
            # Imported here because it costs as much as the rest of the worker's own modules together.
            from confluent_kafka.schema_registry import AsyncSchemaRegistryClient

            self._client = AsyncSchemaRegistryClient(self._configuration)
        return self._client

    async def _ask(self, call: Awaitable[T], refusal: ErrorCode, what: str) -> T:
        from confluent_kafka.schema_registry import SchemaRegistryError

        try:
            # The client bounds each attempt; this bounds an answer that trickles in, byte by byte.
            async with asyncio.timeout((self._timeout + 1) * (_MAX_RETRIES + 1)):
                return await call
        except SchemaRegistryError as error:
            if error.http_status_code in _REFUSALS and _is_registrys(error):
                raise StreamprocError(refusal, f"the schema registry at {self.url}: {what}: {error}") from error
            raise self._unavailable(f"HTTP status {error.http_status_code}") from error
        except Exception as error:
            raise self._unavailable(f"{type(error).__name__} {error}".strip()) from error

    def _unavailable(self, reason: str) -> StreamprocError:
        return StreamprocError(
            ErrorCode.REGISTRY_UNAVAILABLE, f"the schema registry at {self.url} gives no sensible answer: {reason}"
        )


def _is_registrys(error: SchemaRegistryError) -> bool:
    """Whether a registry said so, in its JSON, and not a web server that knows nothing of schemas.

    A wrong path in the URL must not make every record a dead letter.
    """
    return isinstance(error.error_code, int) and error.error_code > 0


def _client_configuration(settings: RegistryAccess) -> dict[str, Any]:
    """The settings under the names of Confluent's client; it has no timeout unless it is given one."""
    configuration: dict[str, Any] = {
        "url": settings.url,
        "timeout": settings.timeout,
        "max.retries": _MAX_RETRIES,
        "retries.wait.ms": _RETRY_WAIT_MS,
    }
    if settings.ca_file is not None:
        configuration["ssl.ca.location"] = str(settings.ca_file)
    if token := settings.token.get_secret_value():
        configuration |= {
            "bearer.auth.credentials.source": "STATIC_TOKEN",
            "bearer.auth.token": token,
            "bearer.auth.logical.cluster": "",
        }
    elif settings.username:
        configuration["basic.auth.user.info"] = f"{settings.username}:{settings.password.get_secret_value()}"
    return configuration
