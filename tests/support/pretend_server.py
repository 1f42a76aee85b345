"""Stands in for one inference server, in the test's own process and time: what it does is set by its fields."""

from __future__ import annotations

import asyncio

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.engine import ModelIdentity


def unavailable() -> StreamprocError:
    """What a call to a server that is not there raises."""
    return StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, "connection refused")


class PretendServer:
    """Up, ready and sound, until told otherwise."""

    def __init__(self, target: str = "a:1", takes: float = 0.1) -> None:
        self.target = target
        self.model = ModelIdentity("m", "1", "f00")
        self.takes = takes
        """Seconds for an answer."""
        self.up = True
        """Down, it refuses connections."""
        self.frozen = False
        """Nothing answers, neither calls nor health checks."""
        self.hangs = False
        """Calls are not answered; health checks are."""
        self.is_ready = True
        self.loses = 0
        """So many health checks are lost."""
        self.error: StreamprocError | None = None
        """What calls raise."""
        self.probes = self.calls = 0
        self.opened = self.closed = False
        self.has_a_bug = False
        self.doubted = False
        """Its model may be another."""

    async def open(self) -> None:
        if self.has_a_bug:
            raise RuntimeError("nobody has thought of this")
        self.opened = True

    async def close(self) -> None:
        self.closed = True

    async def ready(self, within: float) -> bool:
        await self._reached(within)
        if self.has_a_bug:
            raise RuntimeError("nobody has thought of this")
        if self.loses:
            self.loses -= 1
            raise unavailable()
        return self.is_ready

    async def served_instead(self, within: float) -> str:
        return ""

    async def prove(self, within: float) -> ModelIdentity:
        self.probes += 1
        try:
            async with asyncio.timeout(within):
                await self.infer()
        except TimeoutError:
            raise self._late(within) from None
        return self.model

    async def infer(self) -> str:
        """A call: who answered."""
        self.calls += 1
        await self._reached(None)
        while self.hangs:  # noqa: ASYNC110  a field, for tests to set
            await asyncio.sleep(0.1)
        await asyncio.sleep(self.takes)
        if not self.up:
            raise unavailable()
        if self.error is not None:
            raise self.error
        return self.target

    async def _reached(self, within: float | None) -> None:
        if not self.up:
            raise unavailable()
        waited = 0.0
        while self.frozen:
            if within is not None and waited >= within:
                raise self._late(within)
            await asyncio.sleep(0.1)
            waited += 0.1

    def _late(self, within: float) -> StreamprocError:
        return StreamprocError(ErrorCode.INFERENCE_TIMEOUT, f"no answer within {within:g} s")
