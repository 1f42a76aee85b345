"""The endpoints of an engine: found by their names, checked, compared with each other, let go when they are gone."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import structlog

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.endpoint import Ejected, Endpoint
from streamproc.inference.health import Checked, HealthCheck
from streamproc.inference.limiter import Limiter
from streamproc.inference.outliers import outlier
from streamproc.inference.resolve import Address, Resolver

log = structlog.get_logger(__name__)

COMPARE_S = 1.0
"""Seconds from one comparison of the endpoints to the next."""

LOOKUP_AGAIN_S = 1.0
"""Seconds between two lookups, at least, however often endpoints fail."""


class Serving(Checked, Protocol):
    """A server whose connection is opened and closed."""

    async def open(self) -> None:
        """Prepare the connection; it is made by the first call."""

    async def close(self) -> None:
        """End it, and the calls that are open."""


S = TypeVar("S", bound=Serving)


@dataclass(frozen=True, slots=True)
class _Member(Generic[S]):
    endpoint: Endpoint[S]
    check: HealthCheck
    looking: asyncio.Task[None]


class Endpoints(Generic[S]):
    """Those that there are now.

    Args:
        resolver: where they are.
        connect: makes the server at an address.
        limiter: makes an endpoint's limiter.
        every: seconds from one lookup of their names to the next; one that fails has them looked up at once.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        resolver: Resolver,
        connect: Callable[[Address], S],
        limiter: Callable[[], Limiter],
        every: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolver = resolver
        self._connect = connect
        self._limiter = limiter
        self._every = every
        self._clock = clock
        self._members: dict[str, _Member[S]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._look_up = asyncio.Event()
        self._models: dict[str, str] = {}
        self._had_some = False
        self._most: float | None = None
        self.changed: list[Callable[[], None]] = []
        """Called whenever one may admit more than before, is ejected, comes or goes."""

    def __iter__(self) -> Iterator[Endpoint[S]]:
        return (member.endpoint for member in self._members.values())

    def __len__(self) -> int:
        return len(self._members)

    @property
    def available(self) -> bool:
        """Whether calls may go to one of them, be there room or not."""
        return any(endpoint.available for endpoint in self)

    def bound(self, seconds: float) -> None:
        """From now on no more than so many seconds of audio are in flight at each."""
        self._most = seconds
        for endpoint in self:
            endpoint.limiter.bound(seconds)
        self._note()

    async def start(self) -> None:
        """Find them, check each once, and go on doing so until `close`, also where this raises.

        Raises:
            StreamprocError: none can be used: MODEL_UNSUITABLE (fatal) where that is so of all, else
                INFERENCE_UNAVAILABLE or INFERENCE_TIMEOUT.
        """
        await self._follow(await self._resolver.addresses(), slowly=False)
        self._spawn(self._compare_on())
        if self._resolver.changes:
            self._spawn(self._follow_on())
        if self.available:
            return
        errors = {name: member.check.error for name, member in self._members.items()}
        found = {name: error for name, error in errors.items() if error is not None}
        if not found:
            raise StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, "no inference endpoint has an address")
        codes = {error.code for error in found.values()}
        if len(found) == 1:
            raise next(iter(found.values()))
        code = codes.pop() if len(codes) == 1 else ErrorCode.INFERENCE_UNAVAILABLE
        reasons = "; ".join(f"{name}: {error.message}" for name, error in found.items())
        raise StreamprocError(code, f"none of {len(found)} inference endpoints can be used: {reasons}")

    async def close(self) -> None:
        """Let all of them go; a second time changes nothing."""
        members, self._members = list(self._members.values()), {}
        tasks = [*self._tasks, *(member.looking for member in members)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(member.endpoint.server.close() for member in members))

    async def _follow(self, addresses: list[Address], *, slowly: bool) -> None:
        """Take in who is new and look at them once; let go who is not there any more."""
        targets = {address.target for address in addresses}
        for name in [name for name in self._members if name not in targets]:
            member = self._members.pop(name)
            log.info("an inference endpoint is gone: it finishes what it has", endpoint=name)
            self._spawn(self._retire(member))
        new = [address for address in addresses if address.target not in self._members]
        await asyncio.gather(*(self._take_in(address, slowly) for address in new))
        if slowly or self.available:
            for endpoint in (self._members[address.target].endpoint for address in new):
                if endpoint.ejected:
                    endpoint.tell(endpoint.ejected)
        self._note()

    async def _take_in(self, address: Address, slowly: bool) -> None:
        server = self._connect(address)
        limiter = self._limiter()
        if self._most is not None:
            limiter.bound(self._most)
        endpoint = Endpoint(address.target, server, limiter, self._clock, changed=self._note)
        check = HealthCheck(endpoint, slowly=slowly)
        await server.open()
        await check.look()
        self._members[address.target] = _Member(endpoint, check, asyncio.create_task(check.run()))

    async def _retire(self, member: _Member[S]) -> None:
        member.looking.cancel()
        try:
            await member.endpoint.idle()
        finally:
            await member.endpoint.server.close()

    async def _follow_on(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look_up.wait(), self._every)
            self._look_up.clear()
            try:
                await self._follow(await self._resolver.addresses(), slowly=True)
            except Exception:
                # A certificate that cannot be used today, for example: the next lookup is to come all the same.
                log.exception("the inference endpoints of a name cannot be followed")
            await asyncio.sleep(LOOKUP_AGAIN_S)

    async def _compare_on(self) -> None:
        while True:
            await asyncio.sleep(COMPARE_S)
            self._compare()

    def _compare(self) -> None:
        """Eject who fails far more often than the others, and say where they serve different models."""
        in_use = [endpoint for endpoint in self if endpoint.available]
        # At least half of all stays in use: where more fail, what they have in common is to blame.
        if 2 * (len(in_use) - 1) >= len(self):
            worst = outlier({endpoint: endpoint.tally for endpoint in in_use})
            if worst is not None:
                reason = f"{worst.tally.failures} of its last {worst.tally.calls} calls failed, and few of the others'"
                worst.trip(Ejected.OUTLIER, reason)
        models = {endpoint.address: f"{endpoint.server.model} {endpoint.server.model.sha256}" for endpoint in in_use}
        if len(set(models.values())) > 1 and models != self._models:
            log.warning(
                "the inference endpoints serve different models; results name the one that answered", models=models
            )
        self._models = models

    def _note(self) -> None:
        """Something has changed."""
        had_some, self._had_some = self._had_some, self.available
        if had_some and not self._had_some:
            log.error("no inference endpoint can be used", endpoints=[endpoint.address for endpoint in self])
        if any(not endpoint.available for endpoint in self):
            self._look_up.set()
        for changed in self.changed:
            changed()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
