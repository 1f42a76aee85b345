"""The engine that routes: the champion, a canary for a share of the learners, and whom a reading is compared with.

A reading ends with the model that it began with, whatever changes meanwhile; each attempt begins with the models of its
moment. A canary never costs a reading its result: where it fails, the champion answers, and the result says so. Nor is
anything waited for that a canary or a shadow does: until they can be used, and when they cannot, the champion goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import structlog

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.engine import Engine, Inference, ModelIdentity, Priority, Samples
from streamproc.routing.control import Canary, ControlState
from streamproc.routing.guard import CanaryGuard, Verdict
from streamproc.routing.lanes import CONFIGURED, Lane, Lanes, Wanted
from streamproc.routing.split import in_canary

log = structlog.get_logger(__name__)

TRY_AGAIN_S = 10.0
"""Seconds until a model that could not be used is tried again."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An inference, and who else may be asked about the same clips: None, nobody."""

    inference: Inference
    rival: Lane | None = None
    guard: CanaryGuard | None = None
    """Of the canary that gave the inference; its rival is the champion."""
    instead: bool = False
    """Whether the champion has answered for a canary that failed."""


class RoutedEngine:
    """An Engine, the champion's; `hear` is the way in that routes.

    Args:
        configured: the engine of the model that the configuration names, not started.
        make: makes an engine for a model, not started.
        share: of all events that this worker consumes: what of the false alarms is its own.
        proved: called once for a canary that this worker has proved to be bad; it is used no more.
    """

    def __init__(
        self,
        configured: Engine,
        make: Callable[[Wanted], Engine],
        share: Callable[[], float] = lambda: 1.0,
        proved: Callable[[Canary, Verdict], None] = lambda canary, verdict: None,
    ) -> None:
        self._lanes = Lanes(configured, make)
        self._champion = self._lanes.of(CONFIGURED)
        self._canary: tuple[Canary, Lane, CanaryGuard] | None = None
        self._shadow: Lane | None = None
        """Whom the champion is compared with."""
        self._share = share
        self._proved = proved
        self.routed: Callable[[str], None] = lambda part: None
        """Told by whom a reading was heard: champion, canary; instead, the champion of a canary that failed."""
        self._bad: set[str] = set()
        """Canaries that were proved to be bad here: they are not taken up again, whatever the log says yet."""
        self._state = ControlState()
        self._changed = asyncio.Event()
        self._settling: asyncio.Task[None] | None = None

    @property
    def champion(self) -> Engine:
        """The engine that scores all but the canary's learners."""
        return self._champion.engine

    @property
    def engines(self) -> Iterator[Engine]:
        """All that there are now."""
        return (lane.engine for lane in self._lanes)

    @property
    def guard(self) -> CanaryGuard | None:
        """What was found of the canary so far."""
        return None if self._canary is None else self._canary[2]

    @property
    def name(self) -> str:
        """See Engine."""
        return self.champion.name

    @property
    def model(self) -> ModelIdentity:
        """See Engine."""
        return self.champion.model

    @property
    def has_room(self) -> bool:
        """See Engine."""
        return self.champion.has_room

    async def room(self) -> None:
        """See Engine."""
        champion = None
        while champion is not self._champion:
            champion = self._champion
            await champion.engine.room()

    async def start(self) -> ModelIdentity:
        """See Engine; what is wanted by then, `apply` has said."""
        champion = await self._lanes.start(Wanted(self._state.champion))
        self._champion = champion
        self._lanes.keep(self._wanted())
        self._settling = asyncio.create_task(self._settle_on())
        self._changed.set()
        return champion.engine.model

    def apply(self, state: ControlState) -> None:
        """What the control topic says now. What ends, ends at once; what begins, begins when its model can be used."""
        self._state = state
        if self._canary is not None and (state.canary is None or state.canary.id != self._canary[0].id):
            self._canary = None
        if self._shadow is not None and self._shadow.model != state.shadow:
            self._shadow = None
        self._changed.set()

    async def infer(self, clips: Sequence[Samples], priority: Priority = Priority.LIVE) -> Inference:
        """See Engine."""
        async with self._champion.call() as engine:
            return await engine.infer(clips, priority)

    async def hear(
        self, learner_id: str, clips: Sequence[Samples], priority: Priority, *, begins: bool = True
    ) -> Heard:
        """Logits of a learner's clips, by whichever model scores that learner.

        Args:
            learner_id: whose.
            clips: what was read.
            priority: whether it goes first.
            begins: whether a reading begins with them. What goes on with one is no further evidence: the pieces of half
                an hour, each slower than the short readings beside them, would alone prove a good canary slow.

        Raises:
            StreamprocError: as Engine.infer, by the champion.
        """
        canary = self._canary
        if canary is None or not in_canary(learner_id, canary[0].share):
            inference = await self.infer(clips, priority)
            self.routed("champion")
            if begins and canary is not None:
                canary[2].champion_answered(inference.worked)
                self._judge(canary)
            return Heard(inference, self._shadow)
        _, lane, guard = canary
        try:
            inference = await self._by_canary(lane, clips, priority)
        except StreamprocError as error:
            heard = Heard(await self._instead(canary, error, clips, priority), instead=True)
            self.routed("instead")
        else:
            self.routed("canary")
            if begins:
                guard.answered(inference.worked)
            heard = Heard(inference, self._champion, guard)
        self._judge(canary)
        return heard

    async def close(self) -> None:
        """See Engine."""
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.gather(self._settling, return_exceptions=True)
        self._canary, self._shadow = None, None
        await self._lanes.close()

    def compared(self, guard: CanaryGuard, canary: float, champion: float) -> None:
        """The canary and the champion have scored the same reading, with these accuracies."""
        guard.compared(canary, champion)
        if self._canary is not None and self._canary[2] is guard:
            self._judge(self._canary)

    async def _by_canary(self, lane: Lane, clips: Sequence[Samples], priority: Priority) -> Inference:
        async with lane.call() as engine:
            inference = await engine.infer(clips, priority)
        wanted = "" if lane.model is None else lane.model.sha256
        if clips and inference.model.sha256 != wanted:
            raise StreamprocError(ErrorCode.INFERENCE_UNUSABLE, "the canary's server has other weights by now")
        return inference

    async def _instead(
        self,
        canary: tuple[Canary, Lane, CanaryGuard],
        error: StreamprocError,
        clips: Sequence[Samples],
        priority: Priority,
    ) -> Inference:
        """The champion's inference of what the canary has failed on."""
        log.warning("the canary fails, and the champion answers", code=error.code.name, canary=canary[0].id)
        counts = error.code is not ErrorCode.INFERENCE_BUSY  # A full queue says nothing of the model.
        try:
            inference = await self.infer(clips, priority)
        except StreamprocError:
            if counts:
                canary[2].failed(champion_answered=False)
            raise
        if counts:
            canary[2].failed(champion_answered=True)
        return inference

    def _judge(self, canary: tuple[Canary, Lane, CanaryGuard]) -> None:
        verdict = canary[2].verdict
        if verdict is None or canary[0].id in self._bad:
            return
        self._bad.add(canary[0].id)
        if self._canary is not None and self._canary[0].id == canary[0].id:
            self._canary = None
        log.error("the canary leaves its bounds: it is rolled back", canary=canary[0].id, reason=verdict.reason)
        self._proved(canary[0], verdict)
        self._changed.set()

    def _wanted(self) -> set[Wanted]:
        """The models of the state and, until its successor can be used, the champion that there is."""
        state = self._state
        wanted = {Wanted(state.champion), self._champion.wanted}
        if state.canary is not None and state.canary.id not in self._bad:
            wanted.add(Wanted(state.canary.model, champion=False))
        if state.shadow is not None:
            wanted.add(Wanted(state.shadow, champion=False))
        return wanted

    async def _settle_on(self) -> None:
        while True:
            settled = await self._settle()
            try:
                async with asyncio.timeout(None if settled else TRY_AGAIN_S):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _settle(self) -> bool:
        """Have what is wanted ready and in use, as far as it can be; whether all of it is."""
        self._changed.clear()
        settled = True
        # The champion first: for it children wait.
        for one in sorted(self._wanted(), key=lambda one: not one.champion):
            try:
                await self._lanes.start(one)
            except StreamprocError as error:
                settled = False
                log.warning("a model cannot be used yet", model=str(one), code=error.code.name, reason=error.message)
            except Exception:
                settled = False
                log.exception("a model cannot be used", model=str(one))
        self._use(self._state)  # What is wanted may be something else by now: the next turn sees to it.
        self._lanes.keep(self._wanted())
        return settled

    def _use(self, state: ControlState) -> None:
        champion = self._lanes.ready(Wanted(state.champion))
        if champion is not None and champion is not self._champion:
            self._champion = champion
            log.warning("another model is champion", model=str(champion.engine.model), revision=state.revision)
        canary = state.canary
        if canary is not None and canary.id not in self._bad:
            lane = self._lanes.ready(Wanted(canary.model, champion=False))
            if lane is not None and (self._canary is None or self._canary[0].id != canary.id):
                self._canary = (canary, lane, CanaryGuard(canary.id, self._share))
                log.warning("a canary begins", model=str(lane.engine.model), share=canary.share, canary=canary.id)
        self._shadow = None if state.shadow is None else self._lanes.ready(Wanted(state.shadow, champion=False))


class RoutedReading:
    """The engine as one reading sees it, which may take several inferences: who else may be asked about its clips.

    Once the canary has failed on it, the champion goes on with it.
    """

    def __init__(self, engine: RoutedEngine, learner_id: str) -> None:
        self._engine = engine
        self._learner_id = learner_id
        self._instead = False
        self._begins = True
        self.rival: Lane | None = None
        self.guard: CanaryGuard | None = None

    @property
    def name(self) -> str:
        """See Engine."""
        return self._engine.name

    @property
    def model(self) -> ModelIdentity:
        """See Engine."""
        return self._engine.model

    @property
    def has_room(self) -> bool:
        """See Engine."""
        return self._engine.has_room

    async def start(self) -> ModelIdentity:
        """Nothing: the engine is started."""
        return self._engine.model

    async def room(self) -> None:
        """See Engine."""
        await self._engine.room()

    async def infer(self, clips: Sequence[Samples], priority: Priority = Priority.LIVE) -> Inference:
        """See Engine."""
        if self._instead:
            return await self._engine.infer(clips, priority)
        heard = await self._engine.hear(self._learner_id, clips, priority, begins=self._begins)
        self._begins = False
        self.rival, self.guard, self._instead = heard.rival, heard.guard, heard.instead
        return heard.inference

    async def close(self) -> None:
        """Nothing: the engine goes on."""


def champion_of(engine: Engine) -> Engine:
    """The engine that scores all but a canary's learners; of one that does not route, itself."""
    return engine.champion if isinstance(engine, RoutedEngine) else engine
