"""Which schema ids a subject holds: asked of the registry, and doubted where the answer may be a lagging replica's.

Only an answer that can be believed may cost an event its outcome. A list that is empty, or that lacks what an earlier
one had, is a failure of the registry, for a while: versions that are deleted, but not for good, stay in the list, so
that a shorter one is rare, and rarely the truth.
"""

from __future__ import annotations

import asyncio
import time

from streamproc.contracts.registry import Registry
from streamproc.errors import ErrorCode, StreamprocError

DOUBT_SECONDS = 300.0
"""How long a list that has become shorter is not believed; then it is the truth: versions are gone for good."""


class SubjectIds:
    """The ids of one subject, always asked afresh. Belongs to one event loop."""

    def __init__(self, registry: Registry, subject: str, doubt: float = DOUBT_SECONDS) -> None:
        self._registry = registry
        self._subject = subject
        self._doubt = doubt
        self._asking = asyncio.Lock()
        self._asked = float("-inf")
        self._held: frozenset[int] = frozenset()
        self._seen: frozenset[int] = frozenset()
        self._shorter_since: float | None = None

    async def fresh(self) -> frozenset[int]:
        """What the subject holds, by an answer that was asked for after this call began: many calls share one.

        Raises:
            StreamprocError: REGISTRY_UNAVAILABLE (transient), where there is no answer, or none to be believed.
        """
        called = time.monotonic()
        async with self._asking:
            if self._asked < called:
                asked = time.monotonic()
                versions = await self._registry.versions(self._subject, deleted=True)
                self._held = self._believed(frozenset(held.schema_id for held in versions.values()), asked)
                self._asked = asked
            return self._held

    def _believed(self, held: frozenset[int], now: float) -> frozenset[int]:
        if not held:
            raise self._doubtful("it holds no version")
        if lacking := self._seen - held:
            if self._shorter_since is None:
                self._shorter_since = now
            if now - self._shorter_since < self._doubt:
                raise self._doubtful(f"it lacks schema id {min(lacking)}, which it held before")
        self._seen, self._shorter_since = held, None
        return held

    def _doubtful(self, reason: str) -> StreamprocError:
        return StreamprocError(
            ErrorCode.REGISTRY_UNAVAILABLE,
            f"what the schema registry at {self._registry.url} says of {self._subject} is not believed: {reason}",
        )
