"""Writers' schemas by id: fetched once, checked once, kept for good.

* One fetch for each id, however many records wait for it.
* What is known never asks the registry again, so a registry that is down holds up only ids that are new.
* An id that the registry does not know may be on its way (a replica that lags): it is asked for again during a grace
  period, and only then called unknown; that answer holds for a while, so that a flood of bad records does not become
  a flood of requests.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import fastavro
from cachetools import TTLCache

from streamproc.contracts.registry import Registry
from streamproc.errors import ErrorCode, StreamprocError

GRACE_SECONDS = 5.0
NEGATIVE_SECONDS = 60.0
_ASK_AGAIN_SECONDS = 0.5
_MOST_UNKNOWN = 10_000
_REMEMBERED = {ErrorCode.SCHEMA_UNKNOWN, ErrorCode.SCHEMA_FOREIGN}


class SchemaCache:
    """Parsed writers' schemas that ``reader`` can read. Belongs to one event loop."""

    def __init__(
        self,
        registry: Registry,
        reader: dict[str, Any],
        *,
        grace: float = GRACE_SECONDS,
        negative: float = NEGATIVE_SECONDS,
    ) -> None:
        self._registry = registry
        self._reader = reader
        self._grace = grace
        self._known: dict[int, Any] = {}
        self._unknown: TTLCache[int, StreamprocError] = TTLCache(_MOST_UNKNOWN, negative)
        self._fetches: dict[int, asyncio.Task[Any]] = {}

    def known(self, schema_id: int) -> Any | None:
        """The parsed schema, if it has been fetched."""
        return self._known.get(schema_id)

    async def get(self, schema_id: int) -> Any:
        """The parsed schema; fetched if need be.

        Raises:
            StreamprocError: SCHEMA_UNKNOWN after the grace period; REGISTRY_UNAVAILABLE at once, and nothing is
                remembered; SCHEMA_FOREIGN when the schema is of another event; SCHEMA_UNREADABLE when it is of
                this event and the reader cannot read what it writes.
        """
        if schema_id in self._known:
            return self._known[schema_id]
        unknown = self._unknown.get(schema_id)
        if unknown is not None:
            raise StreamprocError(unknown.code, unknown.message)
        fetch = self._fetches.get(schema_id)
        if fetch is None:
            fetch = self._fetches[schema_id] = asyncio.create_task(self._fetch(schema_id))
            fetch.add_done_callback(lambda task: self._finish(schema_id, task))
        # One record that gives up waiting must not end the fetch of the others.
        return await asyncio.shield(fetch)

    def _finish(self, schema_id: int, fetch: asyncio.Task[Any]) -> None:
        del self._fetches[schema_id]
        if fetch.cancelled():
            return
        error = fetch.exception()
        if error is None:
            self._known[schema_id] = fetch.result()
        elif isinstance(error, StreamprocError) and error.code in _REMEMBERED:
            self._unknown[schema_id] = error

    async def _fetch(self, schema_id: int) -> Any:
        deadline = time.monotonic() + self._grace
        while True:
            try:
                text = await self._registry.schema_text(schema_id)
                break
            except StreamprocError as error:
                if error.code is not ErrorCode.SCHEMA_UNKNOWN or time.monotonic() >= deadline:
                    raise
            await asyncio.sleep(min(_ASK_AGAIN_SECONDS, self._grace))
        if (name := _name(text)) not in (None, _name(json.dumps(self._reader))):
            # The publisher's mistake, where a schema of this event would be this worker's: it is too old.
            raise StreamprocError(ErrorCode.SCHEMA_FOREIGN, f"schema id {schema_id} is of {name}")
        return readable(f"schema id {schema_id}", text, self._reader)


def _name(text: str) -> str | None:
    """The full name of a record, enum or fixed type; None for what has none, or is no schema at all."""
    try:
        schema = json.loads(text)
    except ValueError:
        return None
    if not isinstance(schema, dict) or not isinstance(schema.get("name"), str):
        return None
    name, namespace = str(schema["name"]), schema.get("namespace")
    return name if "." in name or not namespace else f"{namespace}.{name}"


def readable(what: str, text: str, reader: dict[str, Any]) -> Any:
    """Parse a writer's schema, which messages call ``what``, for fastavro.

    Raises:
        StreamprocError: SCHEMA_UNREADABLE, naming the first fields that ``reader`` cannot read.
    """
    # Apache avro is needed only when a schema is met for the first time.
    from streamproc.contracts import compatibility

    try:
        found = compatibility.violations(compatibility.parse_schema(reader), compatibility.parse_schema(text))
        parsed = fastavro.parse_schema(json.loads(text))
    except (ValueError, fastavro.schema.SchemaParseException) as error:
        raise StreamprocError(
            ErrorCode.SCHEMA_UNREADABLE, f"{what} is not an Avro schema that this release knows: {error}"
        ) from error
    if found:
        reasons = "\n".join(f"  {violation}" for violation in found)
        raise StreamprocError(
            ErrorCode.SCHEMA_UNREADABLE,
            f"this release of streamproc cannot read {what}; upgrade it:\n{reasons}",
        )
    return parsed
