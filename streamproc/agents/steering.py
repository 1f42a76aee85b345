"""A worker steered by the control topic: its models, what they are compared with, and its live settings."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from contextvars import Context

import structlog

from streamproc.contracts.generated.events_control import ControlEvent, ControlKind, LiveSettings
from streamproc.contracts.registry import Registry
from streamproc.errors import StreamprocError
from streamproc.inference.engine import Engine
from streamproc.inference.wiring import parts_of
from streamproc.routing.change import RuleError, change, new_event
from streamproc.routing.comparing import ComparedReading, Comparisons
from streamproc.routing.control import Canary, ControlChange, ControlState, Fate
from streamproc.routing.engine import RoutedEngine
from streamproc.routing.follow import ControlFollower
from streamproc.routing.guard import Verdict
from streamproc.routing.lanes import CONFIGURED, Wanted
from streamproc.routing.standing import Standing
from streamproc.settings import Settings
from streamproc.telemetry.logs import sample_debug
from streamproc.telemetry.routing import RoutingMetrics

log = structlog.get_logger(__name__)

WRITE_AGAIN_S = 5.0
"""Seconds until a rollback that could not be written is tried again."""


class Steering:
    """Belongs to one event loop.

    Args:
        settings, registry: where the control topic and its schemas are.
        make: makes an engine for a model, not started.
        share: of all events that this worker consumes.
        follows: it obeys the control topic; else it has the model of its settings to the end.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        make: Callable[[Wanted], Engine],
        share: Callable[[], float],
        follows: bool = True,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._make = make
        self._follows = follows
        self._live = LiveSettings()
        self._follower = ControlFollower(settings, registry)
        self.engine = RoutedEngine(make(CONFIGURED), self._made, share, self._proved)
        self.metrics = RoutingMetrics(lambda: self._follower.state.revision, self._evidence)
        self.standing = Standing()
        self.engine.routed = self._routed
        self.comparisons = Comparisons(self.engine, self._compared)
        self.set_live: list[Callable[[LiveSettings], None]] = []
        """Called with the live settings, at the start and when they change."""
        self._rollbacks: set[asyncio.Task[None]] = set()

    @property
    def state(self) -> ControlState:
        """What the control topic says, as far as it was read."""
        return self._follower.state

    @property
    def changes(self) -> Sequence[ControlChange]:
        """The last that led there, the newest last."""
        return self._follower.changes

    async def start(self) -> None:
        """Read the control topic to its end, and start the engine that it wants.

        Raises:
            StreamprocError: as ControlFollower.start and Engine.start.
        """
        if self._follows:
            self._obey(await self._follower.start())
        await self.engine.start()

    async def run(self) -> None:
        """Obey what comes, until cancelled."""
        if not self._follows:
            return

        async def changed(state: ControlState) -> None:
            self._obey(state)

        await self._follower.run(changed)

    async def close(self) -> None:
        """Let everything go."""
        for task in self._rollbacks:
            task.cancel()
        await self.comparisons.close()
        await self._follower.close()
        await self.engine.close()

    def _obey(self, state: ControlState) -> None:
        self.engine.apply(state)
        self.standing.obey(state)
        if state.live == self._live:
            return
        self._live = live = state.live
        for engine in self.engine.engines:
            self._bound(engine)
        logs = self._settings.log
        sample_debug(logs.debug_share if live.debug_share is None else live.debug_share)
        for changed in self.set_live:
            changed(live)

    def _routed(self, part: str) -> None:
        self.metrics.routed(part)
        self.standing.routed(part)

    def _compared(self, end: str, of_canary: bool, found: ComparedReading | None) -> None:
        self.metrics.compared(end, of_canary, found)
        self.standing.compared(end, of_canary, found)

    def _made(self, wanted: Wanted) -> Engine:
        engine = self._make(wanted)
        if self._live != LiveSettings():
            self._bound(engine)
        return engine

    def _bound(self, engine: Engine) -> None:
        pool, fallback = parts_of(engine)
        if pool is not None:
            configured = self._settings.triton.max_audio_seconds
            wanted = self._live.max_audio_seconds
            pool.endpoints.bound(configured if wanted is None else wanted)
        if fallback is not None:
            fallback.allow(self._live.fallback != "pause")

    def _evidence(self) -> dict[str, float]:
        guard = self.engine.guard
        return {} if guard is None else {name: proved for name, (_, proved) in guard.evidence.items()}

    def _proved(self, canary: Canary, verdict: Verdict) -> None:
        self.metrics.rolled_back(verdict.what)
        task = asyncio.get_running_loop().create_task(self._roll_back(canary, verdict), context=Context())
        self._rollbacks.add(task)
        task.add_done_callback(self._rollbacks.discard)

    async def _roll_back(self, canary: Canary, verdict: Verdict) -> None:
        """Write one rollback for all workers, unless somebody else has: whoever is late finds the canary gone."""

        def rollback(state: ControlState) -> ControlEvent | None:
            if state.canary is None or state.canary.id != canary.id:
                return None
            by = f"worker {socket.gethostname()}:{os.getpid()}"
            return new_event(ControlKind.ROLLBACK, by, verdict.reason, canary_id=canary.id)

        while True:
            try:
                _, told = await change(self._settings, self._registry, rollback)
                if told is None or told.fate is not Fate.LATE:
                    return
            except (StreamprocError, RuleError) as error:
                log.warning("the rollback of a canary cannot be written yet", reason=str(error))
                await asyncio.sleep(WRITE_AGAIN_S)
