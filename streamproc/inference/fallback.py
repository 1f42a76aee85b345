"""The engine of last resort: while no endpoint can be used, this machine's CPU scores, on so many cores and no more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Protocol

import structlog

from streamproc.errors import ErrorClass, ErrorCode, StreamprocError
from streamproc.inference.engine import Engine, Inference, ModelIdentity, Priority, Samples
from streamproc.inference.places import Places

log = structlog.get_logger(__name__)


class Availability(Protocol):
    """Whether the first engine has somebody to ask; see `streamproc.inference.endpoints.Endpoints`."""

    changed: list[Callable[[], None]]

    @property
    def available(self) -> bool:
        """Whether calls may go to somebody."""


class _LetGoError(Exception):
    """The other engine's turn has come."""


class FallbackEngine:
    """The first engine while somebody is there for it to ask, and the CPU while nobody is.

    What waits changes over at once, to and fro: nothing is lost and nothing waits for what may never come. What the CPU
    has begun it finishes. An inference names the engine and the model that gave it.

    Args:
        primary: the engine whose endpoints may all be gone.
        endpoints: those.
        cpu: the other one.
        cores: calls that the CPU works on at once.
    """

    def __init__(self, primary: Engine, endpoints: Availability, cpu: Engine, cores: int) -> None:
        self.name = primary.name
        """The engine that answered last, as ``model`` is the model that did."""
        self.model = primary.model
        self.primary = primary
        self._endpoints = endpoints
        self._cpu = cpu
        self._places = Places(cores)
        self._open = False
        self._allowed = True
        self.active = False
        """Whether the CPU scores."""
        self._since = 0.0
        self._scored = 0
        self._waiting: set[asyncio.Timeout] = set()
        """What waits for the engine whose turn it is, and is let go when that changes."""
        endpoints.changed.append(self._look)

    async def start(self) -> ModelIdentity:
        """See Engine. The endpoints may all be gone; the CPU must be able to score before it is needed."""
        try:
            await self._cpu.start()
        except StreamprocError as error:
            raise StreamprocError(
                error.code,
                f"the fallback onnx cannot be used: {error.message} (STREAMPROC_INFERENCE__FALLBACK, "
                "STREAMPROC_ONNX__REPOSITORY, STREAMPROC_ONNX__MODEL, STREAMPROC_ONNX__MODEL_VERSION)",
            ) from None
        try:
            self.model = await self.primary.start()
        except StreamprocError as error:
            if error.code.error_class is not ErrorClass.TRANSIENT:
                raise
            log.warning("the worker starts without an inference endpoint", reason=error.message)
            self.name, self.model = self._cpu.name, self._cpu.model
        else:
            if self.model.sha256 != self._cpu.model.sha256:
                # Results name the model, so this is no mistake: but one that may not be meant.
                log.warning(
                    "the fallback has another model than the endpoints",
                    endpoints=f"{self.model} {self.model.sha256}",
                    fallback=f"{self._cpu.model} {self._cpu.model.sha256}",
                )
        # Only now is it anybody's turn: endpoints that have not been looked at yet are not gone.
        self._open = True
        self._look()
        return self.model

    @property
    def has_room(self) -> bool:
        """See Engine."""
        return self._places.has_room if self.active else self.primary.has_room

    async def room(self) -> None:
        """See Engine."""
        while self._open and not self.has_room:
            try:
                async with self._until_it_changes():
                    await (self._places.room() if self.active else self.primary.room())
            except _LetGoError:
                continue

    async def infer(self, clips: Sequence[Samples], priority: Priority = Priority.LIVE) -> Inference:
        """See Engine."""
        asked = time.perf_counter()
        while self._open:
            try:
                inference = await (self._on_cpu(clips, priority) if self.active else self._on_primary(clips, priority))
            except _LetGoError:
                continue
            self.name, self.model = inference.engine, inference.model
            # From the first engine on; what was begun there for nothing was waiting, too.
            return replace(inference, waited=max(time.perf_counter() - asked - inference.worked, 0.0))
        raise StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, "the engine is not started, or closed")

    async def close(self) -> None:
        """See Engine."""
        self._open = False
        self._places.close()
        self._let_go()
        await self._cpu.close()
        await self.primary.close()

    def allow(self, allowed: bool) -> None:
        """Whether the CPU may score while nobody else can."""
        self._allowed = allowed
        self._look()

    async def _on_primary(self, clips: Sequence[Samples], priority: Priority) -> Inference:
        try:
            async with self._until_it_changes():
                return await self.primary.infer(clips, priority)
        except StreamprocError as error:
            if error.code.error_class is ErrorClass.TRANSIENT and self.active:
                raise _LetGoError from None  # It was the last endpoint's end.
            raise

    async def _on_cpu(self, clips: Sequence[Samples], priority: Priority) -> Inference:
        async with AsyncExitStack() as held:
            async with self._until_it_changes():
                await held.enter_async_context(self._places.one(priority))
            inference = await self._cpu.infer(clips, priority)
            self._scored += 1
            return inference

    @asynccontextmanager
    async def _until_it_changes(self) -> AsyncIterator[None]:
        """Raises _LetGoError as soon as it is the other engine's turn, or this one is closed."""
        try:
            # Without an end of its own: `_let_go` sets it.
            async with asyncio.timeout(None) as wait:
                self._waiting.add(wait)
                try:
                    yield
                finally:
                    self._waiting.discard(wait)
        except TimeoutError:
            raise _LetGoError from None

    def _look(self) -> None:
        """Whose turn is it?"""
        active = self._allowed and not self._endpoints.available
        if active is self.active or not self._open:
            return
        self.active = active
        now = time.monotonic()
        if active:
            self._since, self._scored = now, 0
            log.warning("no inference endpoint can be used: this worker scores on its CPU", model=str(self._cpu.model))
        else:
            log.warning(
                "an inference endpoint can be used again: this worker's CPU scores no more",
                seconds=round(now - self._since, 1),
                scored=self._scored,
            )
        self._let_go()

    def _let_go(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for wait in waiting:
            wait.reschedule(asyncio.get_running_loop().time())
