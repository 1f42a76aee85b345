"""Writers' schemas by id: fetched once, checked once, kept for good.

* One fetch for each id, however many records wait for it.
* What is known never asks the registry again, so a registry that is down holds up only ids that are new.
* A schema is known when it is a record of the event's name, the topic's subject holds its id, and this release can
  read it. The subject matters: anybody can register a schema of that name under a subject of their own.
* An id that the registry, or the subject, does not hold may be on its way (a replica that lags): it is asked for again
  during a grace period, and only then given up; so is an id that the registry fails on, where the subject does not
  hold it. That answer holds for a while, so that a flood of bad records does not become a flood of requests.
* Few ids are on their way at a time. Where many were given up lately, records are bad rather than early, and no other
  id is waited for: else a flood of different ones would hold up everything behind it, a grace period at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from cachetools import TTLCache

from streamproc.contracts.registry import HeldSchema, Registry
from streamproc.contracts.subjects import SubjectIds
from streamproc.contracts.writers import Writer, readable, record_name
from streamproc.errors import ErrorClass, ErrorCode, StreamprocError

T = TypeVar("T")

GRACE_SECONDS = 5.0
NEGATIVE_SECONDS = 60.0
_ASK_AGAIN_SECONDS = 0.5
_MOST_GIVEN_UP = 10_000
_FLOOD = 32
"""So many ids that were given up lately are more than new schemas explain."""
_FETCHES = 16
"""Ids that are asked for at once."""


class SchemaCache:
    """Writers' schemas under ``subject`` that ``reader`` can read. Belongs to one event loop."""

    def __init__(
        self,
        registry: Registry,
        subject: str,
        reader: dict[str, Any],
        *,
        grace: float = GRACE_SECONDS,
        negative: float = NEGATIVE_SECONDS,
    ) -> None:
        self._registry = registry
        self._subject = subject
        self._ids = SubjectIds(registry, subject)
        self._reader = reader
        self._name = f"{reader['namespace']}.{reader['name']}"
        self._grace = grace
        self._known: dict[int, Writer] = {}
        self._given_up: TTLCache[int, StreamprocError] = TTLCache(_MOST_GIVEN_UP, negative)
        self._fetches: dict[int, asyncio.Task[Writer]] = {}
        self._places = asyncio.Semaphore(_FETCHES)

    def known(self, schema_id: int) -> Writer | None:
        """The schema, if it has been fetched."""
        return self._known.get(schema_id)

    async def get(self, schema_id: int) -> Writer:
        """The schema; fetched if need be.

        Raises:
            StreamprocError: SCHEMA_UNKNOWN or, where the subject does not hold it, SCHEMA_FOREIGN, after the grace
                period; SCHEMA_FOREIGN at once for what is no record of this event's name; SCHEMA_INVALID;
                REGISTRY_UNAVAILABLE, where the subject holds the id or nobody says so, and nothing is remembered;
                SCHEMA_UNREADABLE when it is of this event and the reader cannot read what it writes.
        """
        if schema_id in self._known:
            return self._known[schema_id]
        given_up = self._given_up.get(schema_id)
        if given_up is not None:
            raise StreamprocError(given_up.code, given_up.message)
        fetch = self._fetches.get(schema_id)
        if fetch is None:
            fetch = self._fetches[schema_id] = asyncio.create_task(self._fetch(schema_id))
            fetch.add_done_callback(lambda task: self._finish(schema_id, task))
        # One record that gives up waiting must not end the fetch of the others.
        return await asyncio.shield(fetch)

    def _finish(self, schema_id: int, fetch: asyncio.Task[Writer]) -> None:
        del self._fetches[schema_id]
        if fetch.cancelled():
            return
        error = fetch.exception()
        if error is None:
            self._known[schema_id] = fetch.result()
        elif isinstance(error, StreamprocError) and error.code.error_class is ErrorClass.POISON:
            self._given_up[schema_id] = error

    async def _fetch(self, schema_id: int) -> Writer:
        deadline = time.monotonic() + (self._grace if len(self._given_up) < _FLOOD else 0)
        what = f"schema id {schema_id}"
        try:
            held = await self._until(deadline, ErrorCode.SCHEMA_UNKNOWN, lambda: self._registry.schema(schema_id))
        except StreamprocError as error:
            if error.code is ErrorCode.REGISTRY_UNAVAILABLE:
                # A registry that fails on this id, and says that it is none of the topic's, would be waited for in
                # vain: some know no answer to ids of more than 31 bits, and anybody may write one into a record.
                await self._until(deadline, ErrorCode.SCHEMA_FOREIGN, lambda: self._check_subject(schema_id, what))
            raise
        name = record_name(held.text) if held.kind == "AVRO" else None
        if name != self._name:
            # The publisher's mistake, where a schema of this event would be this worker's: it is too old.
            raise StreamprocError(ErrorCode.SCHEMA_FOREIGN, f"{what} is {_kind(held, name)}, not {self._name}")
        await self._until(deadline, ErrorCode.SCHEMA_FOREIGN, lambda: self._check_subject(schema_id, what))
        # A long schema takes a while to judge.
        return await asyncio.to_thread(readable, what, held.text, self._reader)

    async def _until(self, deadline: float, late: ErrorCode, attempt: Callable[[], Awaitable[T]]) -> T:
        """Attempt it until it no longer fails with a code that may only be ``late``, or the deadline has passed."""
        while True:
            last = time.monotonic() >= deadline
            try:
                async with self._places:
                    return await attempt()
            except StreamprocError as error:
                if error.code is not late or last:
                    raise
            await asyncio.sleep(min(_ASK_AGAIN_SECONDS, self._grace))

    async def _check_subject(self, schema_id: int, what: str) -> None:
        if schema_id not in await self._ids.fresh():
            raise StreamprocError(ErrorCode.SCHEMA_FOREIGN, f"{what} is not one of those of {self._subject}")


def _kind(held: HeldSchema, name: str | None) -> str:
    if held.kind != "AVRO":
        return f"a schema of the kind {held.kind[:20]}"
    return "no record" if name is None else f"of {name[:100]}"
