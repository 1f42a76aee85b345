"""The same reading by another model, for comparison alone: beside the work, never in its way.

It is the first to go under load: it is begun only while nothing waits for either engine, little of it is held at a
time, and the engines put it behind children who wait. What it gives reaches no record and no transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass

import structlog

from streamproc.audio.decode import SAMPLE_RATE
from streamproc.errors import StreamprocError
from streamproc.inference.engine import Inference, Priority, Samples
from streamproc.routing.engine import Heard, RoutedEngine

log = structlog.get_logger(__name__)

MOST_AUDIO_S = 120.0
"""Seconds of audio that all comparisons together hold: 8 MB."""

LONGEST_S = 30.0
"""Seconds after which one is given up."""


@dataclass(frozen=True, slots=True)
class ComparedReading:
    """What two models made of a reading."""

    served: float | None
    """Share of the words that the result says were read well, from 0 to 1; None: there are no words."""
    other: float | None
    """What the other model would have said."""
    same: int
    """Words with the same verdict of both."""
    words: int


Judge = Callable[[Inference], Awaitable[ComparedReading]]


class Comparisons:
    """Of one worker. Belongs to one event loop.

    Args:
        engine: whose models are compared.
        told: called with how each ended: "compared", "dropped" or "failed", whether of a canary with the champion (else
            of the champion with a shadow), and what came of it.
    """

    def __init__(self, engine: RoutedEngine, told: Callable[[str, bool, ComparedReading | None], None]) -> None:
        self._engine = engine
        self._told = told
        self._held = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    def wants(self, heard: Heard, clips: Sequence[Samples]) -> bool:
        """Whether these clips are to be kept for a comparison; who says yes begins it, or lets it go."""
        if heard.rival is None:
            return False
        seconds = _seconds(clips)
        free = self._held + seconds <= MOST_AUDIO_S and self._engine.has_room and heard.rival.engine.has_room
        if not free:
            self._told("dropped", heard.guard is not None, None)
        return free

    def begin(self, heard: Heard, clips: Sequence[Samples], judge: Judge) -> None:
        """Have the rival hear the clips, and what it hears judged."""
        self._held += _seconds(clips)
        # It belongs to no event: what a record's task sends, traces and logs is the record's.
        task = asyncio.get_running_loop().create_task(self._compare(heard, clips, judge), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give all up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _compare(self, heard: Heard, clips: Sequence[Samples], judge: Judge) -> None:
        assert heard.rival is not None
        of_canary = heard.guard is not None
        try:
            async with asyncio.timeout(LONGEST_S), heard.rival.call() as engine:
                found = await judge(await engine.infer(clips, Priority.REPLAY))
        except (StreamprocError, TimeoutError):
            self._told("failed", of_canary, None)
            return
        except Exception:
            log.exception("a comparison of models failed")
            self._told("failed", of_canary, None)
            return
        finally:
            self._held -= _seconds(clips)
        if heard.guard is not None and found.served is not None and found.other is not None:
            self._engine.compared(heard.guard, found.served, found.other)
        self._told("compared", of_canary, found)


def _seconds(clips: Sequence[Samples]) -> float:
    return sum(map(len, clips)) / SAMPLE_RATE
