"""Waiting for the world: a transient failure is tried again, with jittered exponential backoff, until it passes.

A failing dependency never makes a dead letter. An event has a time budget, ``event.deadline`` from its first attempt,
which all its steps share. While it lasts, only this event waits. When it is spent, or the step has used its attempts,
the worker stops to begin new events, and the event goes on trying, slowly, until the dependency is back, or until the
worker is stopped: then the event is cancelled, without an outcome.

A dependency that works and takes no more for now does not fail: who is not let in waits alone, for as long as it takes,
and the worker goes on. What the worker may have in flight bounds how many wait so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import stamina
import structlog

from streamproc.agents.intake import Intake
from streamproc.errors import ErrorClass, ErrorCode, Stage, StreamprocError
from streamproc.health.exhaustion import exhausted

T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a step is tried again within the event's budget: at most ``attempts`` in all; waits in seconds."""

    attempts: int
    first_wait: float
    longest_wait: float


POLICIES: Mapping[Stage, RetryPolicy] = {
    # Answered from the cache but for a new schema id: patience costs nobody else anything.
    Stage.DECODE: RetryPolicy(attempts=30, first_wait=0.2, longest_wait=5.0),
    Stage.AUDIO: RetryPolicy(attempts=15, first_wait=0.2, longest_wait=5.0),
    # An overloaded server is not helped by haste, and its own timeout has passed before each of these waits.
    Stage.INFERENCE: RetryPolicy(attempts=15, first_wait=0.2, longest_wait=10.0),
}

PAUSED_FIRST_WAIT, PAUSED_LONGEST_WAIT = 1.0, 15.0
"""Seconds between attempts while the worker is paused."""

LATE = {ErrorCode.AUDIO_NOT_FOUND, ErrorCode.AUDIO_FORBIDDEN, ErrorCode.AUDIO_OBJECT_FAILED}
"""Poison, but perhaps only late: an object store may show an object after the event that names it.

S3 forbids to read what is not there to whoever may not list the bucket.
"""

FULL = {ErrorCode.INFERENCE_BUSY}
"""The dependency works, and takes no more for now."""

PUT_OFF = {ErrorCode.AUDIO_OBJECT_BUSY}
"""Poison once the event's time is over: the store asks for patience with this object while it serves others."""


class Retries:
    """The retries of one event, from its first attempt on. It belongs to the task that makes it.

    Args:
        deadline: seconds of the event's budget.
        grace: seconds after the first attempt during which an object that is not found is awaited.
        intake: closed while the event waits beyond its budget.
        failed: told the code of every failure after which a step is tried again.
    """

    def __init__(
        self, deadline: float, grace: float, intake: Intake, failed: Callable[[ErrorCode], None] = lambda _: None
    ) -> None:
        self.first = datetime.now(UTC)
        self.attempts = 1
        """One, and one more for each time that a step was begun again."""
        self._began = time.monotonic()
        self._deadline = deadline
        self._grace = grace
        self._intake = intake
        self._failed = failed
        self._event = asyncio.current_task()

    async def until_it_works(self, stage: Stage, attempt: Callable[[], Awaitable[T]]) -> T:
        """Await ``attempt()`` until it succeeds or fails for another reason than a transient one; never gives up.

        Raises:
            StreamprocError: poison and fatal failures of the attempt, at once; those of an object that may only be
                late after the grace, those of one that is put off after the deadline.
        """
        policy = POLICIES[stage]
        left = self._deadline - (time.monotonic() - self._began)
        try:
            if left <= 0:
                return await attempt()
            return await self._repeat(
                self._again, attempt, policy.attempts, left, policy.first_wait, policy.longest_wait
            )
        except StreamprocError as error:
            reason = _transient(error)
        while True:
            alone = reason in FULL
            with nullcontext() if alone else self._intake.closed(reason.name):
                try:
                    again = partial(self._again_while, alone)
                    return await self._repeat(again, attempt, None, None, PAUSED_FIRST_WAIT, PAUSED_LONGEST_WAIT)
                except StreamprocError as error:
                    reason = _transient(error)
            await asyncio.sleep(PAUSED_FIRST_WAIT)

    async def _repeat(
        self,
        again: Callable[[Exception], bool],
        attempt: Callable[[], Awaitable[T]],
        attempts: int | None,
        seconds: float | None,
        first_wait: float,
        longest_wait: float,
    ) -> T:
        # Nearly every attempt works: what stamina builds for the others costs more than many an attempt.
        try:
            return await attempt()
        except StreamprocError as error:
            failed: StreamprocError | None = error
        async for trial in stamina.retry_context(again, attempts, seconds, first_wait, longest_wait):
            with trial:
                if failed is not None:
                    first, failed = failed, None
                    raise first
                return await attempt()
        raise AssertionError("unreachable: the last trial returns or raises")

    def _again_while(self, alone: bool, error: Exception) -> bool:
        """Whether to try again, and for a reason for which the intake stays as it is."""
        return self._again(error) and isinstance(error, StreamprocError) and (error.code in FULL) is alone

    def _again(self, error: Exception) -> bool:
        if not isinstance(error, StreamprocError) or exhausted(error) is not None:
            return False
        waited = time.monotonic() - self._began
        late = error.code in LATE and waited < self._grace
        put_off = error.code in PUT_OFF and waited < self._deadline
        if not late and not put_off and error.code.error_class is not ErrorClass.TRANSIENT:
            return False
        self.attempts += 1
        self._failed(error.code)
        if self._event is not None:
            self._intake.waits(self._event)
        log.warning(
            "trying again",
            code=error.code.name,
            stage=error.code.stage.value,
            reason=error.message,
            attempt=self.attempts,
        )
        return True


def _transient(error: StreamprocError) -> ErrorCode:
    """The code of a transient failure; others are raised."""
    if error.code.error_class is not ErrorClass.TRANSIENT or exhausted(error) is not None:
        raise error
    return error.code
