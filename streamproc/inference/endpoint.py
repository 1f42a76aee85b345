"""One endpoint, as its calls and health checks show it: what it may be given now, and what becomes of a call to it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Generic, TypeVar

import structlog

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.answers import DoubtfulError, MismatchError
from streamproc.inference.breaker import Breaker, Circuit
from streamproc.inference.limiter import Ended, Limiter
from streamproc.inference.outliers import CallTally

log = structlog.get_logger(__name__)

S = TypeVar("S")
T = TypeVar("T")

LEAST_WEIGHT = 0.1
"""Share of the load that an endpoint has when it comes back."""

SLOW_START_S = 3.0
"""Seconds until it has all of it: a server that has just loaded its model is slow at first."""

FAILURES = 5
"""Calls in a row without an answer that open the breaker."""

OPEN_FOR_S, OPEN_FOR_MOST_S = 1.0, 5.0
"""Seconds from the opening to the first probe, doubled with each probe that fails."""

REST_S, LONGEST_REST_S = 0.02, 1.0
"""Seconds for which an endpoint whose queue is full is given nothing; doubled each time in a row."""

SURELY = 4.0
"""What takes so many times as long as usual takes too long."""

PACE_STEP = 0.1
"""How fast the pace follows the calls."""


class Ejected(StrEnum):
    """Why an endpoint is given nothing, in metrics."""

    SILENT = "silent"
    """It does not answer health checks, or nothing at all."""
    UNREADY = "unready"
    """It says that it does not serve the model."""
    MODEL = "model"
    """What it serves is not a model of ours, or answers nothing of use."""
    ERRORS = "errors"
    """Its breaker has opened."""
    OUTLIER = "outlier"
    """It fails far more often than the others."""


class Endpoint(Generic[S]):
    """A server, how much it works on, and whether it is fit to be given more.

    It is out of use while its health checks keep it out (`eject`, `restore`) or its breaker is not closed; then it
    `admits` nothing, and probes alone reach it: no child's reading is the probe. What it has goes on, but for what it
    may never answer.

    Args:
        address: host:port, its name in the log and in metrics.
        server: what its calls go to.
        limiter: its own, in seconds of audio.
        clock: seconds that only grow.
        breaker: its own.
        changed: called when it may admit more than before, or is ejected.
    """

    def __init__(
        self,
        address: str,
        server: S,
        limiter: Limiter,
        clock: Callable[[], float] = time.monotonic,
        breaker: Breaker | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.address = address
        self.server = server
        self.limiter = limiter
        self.breaker = breaker or Breaker(clock, FAILURES, OPEN_FOR_S, OPEN_FOR_MOST_S)
        self.tally = CallTally(clock)
        self.ejected = "not checked yet"
        """Why its health checks keep it out, in words; empty while they do not."""
        self.ejections: Counter[Ejected] = Counter()
        """How often it went out of use."""
        self.refusals = 0
        """Calls for which its queue had no place."""
        self._rest = 0.0
        self._rests_until = float("-inf")
        """How long its last rest was to be, its queue being full, and until when it lasts."""
        self._clock = clock
        self._changed = changed
        self._in_use = self._was_in_use = False
        self._why: Ejected | None = None
        self._out_since = clock()
        self._restored = float("-inf")
        self._calls: set[asyncio.Timeout] = set()
        self._open_calls = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._quiet_since = clock()
        """When it last answered, or had nothing to answer."""
        self._pace = 0.0
        """Seconds that a call takes for each second of audio that is outstanding when it begins."""

    @property
    def outstanding(self) -> float:
        """Seconds of audio that it works on."""
        return self.limiter.in_flight

    @property
    def available(self) -> bool:
        """Whether calls may go to it, be there room or not."""
        return not self.ejected and self.breaker.state is Circuit.CLOSED

    @property
    def rests_for(self) -> float:
        """Seconds for which it is given nothing more, as its queue was full."""
        return max(0.0, self._rests_until - self._clock())

    @property
    def weight(self) -> float:
        """Its share of the load: it grows from LEAST_WEIGHT to 1 once it is back."""
        grown = (self._clock() - self._restored) / SLOW_START_S
        return min(1.0, LEAST_WEIGHT + (1.0 - LEAST_WEIGHT) * grown)

    def admits(self, seconds: float) -> bool:
        """Whether it takes so many seconds of audio now."""
        if not self.available or self._clock() < self._rests_until:
            return False
        if (weight := self.weight) < 1.0 and self.outstanding and self.outstanding >= weight * self.limiter.limit:
            return False
        # Once it has all of its share the limiter is asked: it only grows when it has kept something back.
        return self.limiter.admits(seconds)

    @property
    def unanswered_for(self) -> float:
        """Seconds for which calls have been open and none was answered; 0 where that is no wonder."""
        if not self._calls:
            return 0.0
        quiet = self._clock() - self._quiet_since
        return quiet if quiet > self.usual() else 0.0

    def usual(self, seconds: float = 0.0) -> float:
        """Seconds within which so much audio, and what is outstanding, would surely be answered at its pace."""
        return SURELY * self._pace * (self.outstanding + seconds)

    async def call(self, seconds: float, question: Callable[[], Awaitable[T]], *, noise: bool = False) -> T:
        """Ask its server something, which takes it so many seconds of audio.

        Args:
            seconds: of audio, padding included.
            question: what is awaited; it has a deadline of its own.
            noise: it asks for what every model answers: a doubtful answer is the server's fault too.

        Raises:
            StreamprocError: what ``question`` raises; INFERENCE_UNAVAILABLE at once when the endpoint is ejected while
                it may never answer.
        """
        began, ticket = self._clock(), self.breaker.began()
        outstanding = self.outstanding + seconds
        if not self._calls:
            self._quiet_since = began
        self.limiter.began(seconds)
        self._open_calls += 1
        self._idle.clear()
        ended = Ended.FAILED
        try:
            answer = await self._unless_ejected(question)
        except StreamprocError as error:
            if error.code is ErrorCode.INFERENCE_BUSY:
                ended = Ended.BUSY
                self.refusals += 1
                self._rest = min(max(REST_S, 2 * self._rest), LONGEST_REST_S)
                self._rests_until = self._clock() + self._rest
                self._answered()
                self.breaker.given_up(ticket)
            elif isinstance(error, DoubtfulError) and not noise:
                # It may be the event's fault. Noise decides, and is told of here as well.
                self._answered()
                self.breaker.given_up(ticket)
            elif isinstance(error, MismatchError) and not noise:
                # Nothing that it answers is of use: it is not waited for until it has failed several times.
                self.breaker.failed(ticket)
                self.eject(Ejected.MODEL, error.message)
            else:
                self.tally.noted(failed=True)
                self.breaker.failed(ticket)
                if self._in_use:  # Of a probe that fails tells who has made it.
                    self._told(Ejected.ERRORS, f"its calls fail, the last one so: {error.message}")
            raise
        except BaseException:
            self.breaker.given_up(ticket)
            raise
        else:
            ended = Ended.ANSWERED
            self._rest, self._rests_until = 0.0, float("-inf")
            self._answered()
            pace = (self._clock() - began) / outstanding if outstanding else 0.0
            self._pace += (pace - self._pace) * (PACE_STEP if self._pace else 1.0)
            self.tally.noted(failed=False)
            self.breaker.succeeded(ticket)
            self._told(None, "")
            return answer
        finally:
            self.limiter.ended(seconds, self._clock() - began, ended)
            self._open_calls -= 1
            if not self._open_calls:
                self._idle.set()
            self._changed()

    async def idle(self) -> None:
        """Wait until no call is open."""
        await self._idle.wait()

    def eject(self, why: Ejected, reason: str) -> None:
        """Give it nothing more until it is restored; what it has is waited for, unless it is silent.

        Args:
            why: for metrics.
            reason: for people.
        """
        self.ejected = reason
        if why is Ejected.SILENT:
            calls, self._calls = self._calls, set()
            for call in calls:
                call.reschedule(asyncio.get_running_loop().time())
        self._told(why, reason)
        self._changed()

    def trip(self, why: Ejected, reason: str) -> None:
        """Give it nothing more until its breaker has let a probe through that succeeds."""
        self.breaker.trip()
        self._told(why, reason)
        self._changed()

    def restore(self, *, slowly: bool = True) -> None:
        """Its health checks find it fit, again or for the first time."""
        if self.ejected:
            self.ejected = ""
            self._told(None, "")
            if not slowly:
                self._restored = float("-inf")
            self._changed()

    def tell(self, reason: str) -> None:
        """Have the log say that it is out of use. Who has never been in use does not say so by itself: where none can
        be used at the start, one message says it all."""
        why = None if self._why is None else self._why.value
        log.warning("an inference endpoint is out of use", endpoint=self.address, why=why, reason=reason)

    def _told(self, why: Ejected | None, reason: str) -> None:
        """Something was told of it: is it in use now, was it before, and does the log know?"""
        was, self._in_use = self._in_use, self.available
        now = self._clock()
        if self._in_use:
            self._was_in_use = True
            if not was:
                self.tally.clear()
                self._why, self._restored = None, now
                out = round(now - self._out_since, 1)
                log.info("an inference endpoint is in use", endpoint=self.address, out_s=out)
        elif why is not None and why is not self._why:
            if was:
                self._out_since = now
                self.ejections[why] += 1
            self._why = why
            if self._was_in_use:
                self.tell(reason)

    def _answered(self) -> None:
        self._quiet_since = self._clock()

    async def _unless_ejected(self, question: Callable[[], Awaitable[T]]) -> T:
        try:
            # Without an end of its own: `eject` sets it.
            async with asyncio.timeout(None) as call:
                self._calls.add(call)
                try:
                    return await question()
                finally:
                    self._calls.discard(call)
                    # It knows the task, that its cancellation, and that this frame: the clips of a call that was given
                    # up would stay until the cycle is found.
                    del call
        except TimeoutError:
            raise StreamprocError(
                ErrorCode.INFERENCE_UNAVAILABLE, f"{self.address} is ejected: {self.ejected}"
            ) from None
