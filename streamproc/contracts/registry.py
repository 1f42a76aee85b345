"""The schema registry: which schema an id stands for, and which id a schema has.

Confluent's asynchronous client does the talking. Here are its settings, a bound on every call, and the translation of
its failures into the error taxonomy. An answer is believed only where it has the form that it must have: whatever else
comes with status 200 is a failure of the registry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from streamproc.errors import ErrorCode, StreamprocError

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import SchemaRegistryError

    from streamproc.contracts.registry_client import BoundedRegistryClient

T = TypeVar("T")

_MAX_RETRIES = 2
_RETRY_WAIT_MS = 200
_NOT_FOUND = 404
_REFUSALS = {_NOT_FOUND, 409, 422}
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


@dataclass(frozen=True, slots=True)
class HeldSchema:
    """What a registry holds under an id."""

    text: str
    """JSON, where ``kind`` is AVRO."""
    kind: str
    """AVRO, JSON or PROTOBUF."""
    schema_id: int


class Registry:
    """A schema registry with Confluent's API. Use it in one event loop; ``close`` it in the same."""

    def __init__(self, settings: RegistryAccess) -> None:
        self.url = settings.url
        self._timeout = settings.timeout
        self._configuration = _client_configuration(settings)
        self._client: BoundedRegistryClient | None = None

    async def schema(self, schema_id: int) -> HeldSchema:
        """Fetch the schema with this id.

        Raises:
            StreamprocError: SCHEMA_UNKNOWN when the registry says that there is no such id; REGISTRY_UNAVAILABLE when
                it does not say anything sensible.
        """
        what = f"schema id {schema_id}"
        client = await self._connected()
        return self._held(
            await self._ask(client.get_schema(schema_id), ErrorCode.SCHEMA_UNKNOWN, what), schema_id, what
        )

    async def id_of(self, subject: str, text: str) -> int | None:
        """Look up the id under which ``subject`` holds exactly this schema, None where it does not; never registers.

        Raises:
            StreamprocError: REGISTRY_UNAVAILABLE.
        """
        from confluent_kafka.schema_registry import Schema

        client = await self._connected()
        try:
            found = await self._ask(
                client.lookup_schema(subject, Schema(text, "AVRO")), ErrorCode.SCHEMA_UNKNOWN, subject
            )
        except StreamprocError as error:
            if error.code is ErrorCode.SCHEMA_UNKNOWN:
                return None
            raise
        return self._id(found.schema_id, subject)

    async def versions(self, subject: str, *, deleted: bool = False) -> dict[int, HeldSchema]:
        """The schemas under ``subject`` by version; empty where there is no such subject.

        Args:
            subject: whose versions.
            deleted: also those that are deleted, but not for good: records may have been written with them.

        Raises:
            StreamprocError: REGISTRY_UNAVAILABLE.
        """
        client = await self._connected()
        try:
            numbers = await self._ask(
                client.get_versions(subject, deleted=deleted), ErrorCode.SCHEMA_UNKNOWN, f"the versions of {subject}"
            )
        except StreamprocError as error:
            if error.code is ErrorCode.SCHEMA_UNKNOWN:
                return {}
            raise
        if not isinstance(numbers, list) or not all(type(number) is int for number in numbers):
            raise self._unavailable(f"its versions of {subject} are no list of numbers")
        schemas = {}
        for number in numbers:
            what = f"version {number} of {subject}"
            # A version that was listed and is gone has been deleted meanwhile, or the two answers are not of one mind.
            found = await self._ask(
                client.get_version(subject, number, deleted=deleted), ErrorCode.REGISTRY_UNAVAILABLE, what
            )
            schemas[number] = self._held(found.schema, self._id(found.schema_id, what), what)
        return schemas

    async def ask(self, subject: str) -> None:
        """Make sure that it answers, whatever it holds.

        Raises:
            StreamprocError: REGISTRY_UNAVAILABLE.
        """
        client = await self._connected()
        try:
            await self._ask(client.get_versions(subject), ErrorCode.SCHEMA_UNKNOWN, f"the versions of {subject}")
        except StreamprocError as error:
            if error.code is not ErrorCode.SCHEMA_UNKNOWN:
                raise

    async def register(self, subject: str, text: str) -> int:
        """Register a schema under ``subject`` and return its id; the same id when it is there already.

        Raises:
            StreamprocError: SCHEMA_REFUSED with the registry's reason; REGISTRY_UNAVAILABLE.
        """
        from confluent_kafka.schema_registry import Schema

        client = await self._connected()
        schema_id = await self._ask(
            client.register_schema(subject, Schema(text, "AVRO")), ErrorCode.SCHEMA_REFUSED, subject
        )
        return self._id(schema_id, subject)

    async def is_compatible(self, subject: str, text: str) -> bool:
        """Whether the registry would accept a schema as the next version of ``subject``.

        Raises:
            StreamprocError: SCHEMA_REFUSED when it is not a valid schema; REGISTRY_UNAVAILABLE.
        """
        from confluent_kafka.schema_registry import Schema

        client = await self._connected()
        verdict = await self._ask(
            client.test_compatibility_all_versions(subject, Schema(text, "AVRO")), ErrorCode.SCHEMA_REFUSED, subject
        )
        if not isinstance(verdict, bool):
            raise self._unavailable(f"its verdict on a schema for {subject} is neither true nor false")
        return verdict

    async def compatibility(self, subject: str) -> str | None:
        """The level that the registry enforces on ``subject``; None where it has none of its own.

        Raises:
            StreamprocError: REGISTRY_UNAVAILABLE.
        """
        client = await self._connected()
        try:
            level = await self._ask(client.get_compatibility(subject), ErrorCode.SCHEMA_UNKNOWN, subject)
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
        client = await self._connected()
        await self._ask(client.set_compatibility(subject, level), ErrorCode.SCHEMA_REFUSED, subject)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _connected(self) -> BoundedRegistryClient:
        if self._client is None:
            from streamproc.contracts.registry_client import BoundedRegistryClient

            self._client = BoundedRegistryClient(self._configuration)
        # It would keep every schema that it ever met. What is worth keeping is kept by SchemaCache, by its own rules.
        await self._client.clear_caches()  # type: ignore[no-untyped-call]
        return self._client

    async def _ask(self, call: Awaitable[T], refusal: ErrorCode, what: str) -> T:
        from confluent_kafka.schema_registry import SchemaRegistryError

        try:
            # The client bounds each wait of each attempt; this bounds an answer that trickles in, byte by byte.
            async with asyncio.timeout((self._timeout + 1) * (_MAX_RETRIES + 1)):
                return await call
        except SchemaRegistryError as error:
            if error.http_status_code in _REFUSALS and _is_registrys(error):
                raise StreamprocError(refusal, f"the schema registry at {self.url}: {what}: {error}") from error
            raise self._unavailable(f"HTTP status {error.http_status_code}") from error
        except Exception as error:
            raise self._unavailable(f"{type(error).__name__} {error}".strip()) from error

    def _held(self, schema: Any, schema_id: int, what: str) -> HeldSchema:
        text, kind = schema.schema_str, schema.schema_type
        if not isinstance(text, str) or not text or not isinstance(kind, str):
            raise self._unavailable(f"its {what} has no text")
        return HeldSchema(text, kind, schema_id)

    def _id(self, schema_id: object, what: str) -> int:
        if type(schema_id) is not int:
            raise self._unavailable(f"the id of {what} is no number")
        return schema_id

    def _unavailable(self, reason: str) -> StreamprocError:
        return StreamprocError(
            ErrorCode.REGISTRY_UNAVAILABLE, f"the schema registry at {self.url} gives no sensible answer: {reason}"
        )


def _is_registrys(error: SchemaRegistryError) -> bool:
    """Whether a registry said so of what it was asked for, and not a web server that knows no such path.

    A wrong path in the URL must not make every record a dead letter. Confluent's registry answers it in JSON, with
    error_code 404; of a subject, version or schema it says 40401 to 40403.
    """
    code = error.error_code
    if not isinstance(code, int):
        return False
    return code // 100 == _NOT_FOUND if error.http_status_code == _NOT_FOUND else code > 0


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
