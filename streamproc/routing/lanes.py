"""The engines of the models that are wanted: each started and checked once, and let go when its last call has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import structlog

from streamproc.contracts.generated.events_control import ControlledModel
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.engine import Engine
from streamproc.inference.fallback import FallbackEngine

log = structlog.get_logger(__name__)


class Wanted(NamedTuple):
    """A model that is to be used, and as what."""

    model: ControlledModel | None
    """None: the one that this worker's configuration names."""
    champion: bool = True
    """Whether children wait for it: a champion may fall back to the CPU, a canary and a shadow to nothing."""

    def __str__(self) -> str:
        part = "champion" if self.champion else "compared"
        return f"{part}: {'the configuration' if self.model is None else f'{self.model.name}/{self.model.version}'}"


CONFIGURED = Wanted(None)


class Lane:
    """One model's engine, and the calls that are in it. A call ends in the lane in which it began."""

    def __init__(self, wanted: Wanted, engine: Engine) -> None:
        self.wanted = wanted
        self.model = wanted.model
        self.engine = engine
        self.ready = False
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @asynccontextmanager
    async def call(self) -> AsyncIterator[Engine]:
        """One call more, for as long as the block lasts."""
        self._calls += 1
        self._idle.clear()
        try:
            yield self.engine
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()

    async def start(self) -> None:
        """Start its engine, and see that the model is the one that is meant.

        Raises:
            StreamprocError: as Engine.start; MODEL_UNSUITABLE where other weights are served under the model's name.
        """
        found = await self.engine.start()
        on_cpu = isinstance(self.engine, FallbackEngine) and self.engine.active
        if self.model is not None and found.sha256 != self.model.sha256 and not on_cpu:
            raise StreamprocError(
                ErrorCode.MODEL_UNSUITABLE,
                f"{self.model.name}/{self.model.version} has SHA-256 {found.sha256 or '(unknown)'} there, and the "
                f"control topic wants {self.model.sha256}",
            )
        self.ready = True

    async def retire(self) -> None:
        """Let its engine go as soon as its calls have ended."""
        await self._idle.wait()
        await self.engine.close()


class Lanes:
    """One lane for each model that somebody wants.

    Args:
        first: the engine of the configuration's model, not started.
        make: makes an engine of any model, not started.
    """

    def __init__(self, first: Engine, make: Callable[[Wanted], Engine]) -> None:
        self._make = make
        self._lanes: dict[Wanted, Lane] = {CONFIGURED: Lane(CONFIGURED, first)}
        self._retiring: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[Lane]:
        return iter(list(self._lanes.values()))

    def ready(self, wanted: Wanted) -> Lane | None:
        """The lane of a model, once it can be used."""
        lane = self._lanes.get(wanted)
        return lane if lane is not None and lane.ready else None

    def of(self, wanted: Wanted) -> Lane:
        """The lane of a model, not started where it is new.

        Raises:
            StreamprocError: SETTINGS_INVALID, this worker cannot serve it.
        """
        if wanted not in self._lanes:
            self._lanes[wanted] = Lane(wanted, self._make(wanted))
        return self._lanes[wanted]

    async def start(self, wanted: Wanted) -> Lane:
        """Have a model's lane ready.

        Raises:
            StreamprocError: as `of` and Lane.start; the next try begins with a new engine.
        """
        lane = self.of(wanted)
        if not lane.ready:
            try:
                await lane.start()
            except StreamprocError:
                self._lanes.pop(wanted, None)
                await lane.engine.close()
                raise
        return lane

    def keep(self, wanted: Iterable[Wanted]) -> None:
        """Let all others go, each when its last call has ended."""
        keep = set(wanted)
        for one in [one for one in self._lanes if one not in keep]:
            lane = self._lanes.pop(one)
            log.info("a model is used no more: it finishes what it has", model=str(one))
            task = asyncio.create_task(lane.retire())
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def close(self) -> None:
        """Let all go now; a second time changes nothing."""
        lanes, self._lanes = list(self._lanes.values()), {}
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await asyncio.gather(*(lane.engine.close() for lane in lanes))
